"""The environment of commands: `--env-file`, and direct requests to this machine."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from dotenv.parser import parse_stream

from app.errors import ServeError

OPTION = "--env-file"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def with_env_file_first(words: Sequence[str]) -> list[str]:
    """Return the arguments with `--env-file FILE` moved in front of the command."""
    first: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if word == "--":
            return [*first, *rest, word, *left]
        if word == OPTION:
            first += [word, *itertools.islice(left, 1)]
        elif word.startswith(f"{OPTION}="):
            first.append(word)
        else:
            rest.append(word)
    return [*first, *rest]


def load_env_file(path: Path) -> None:
    """Set the variables of a file of NAME=VALUE lines, in the format of systemd's EnvironmentFile.
    They take precedence over the shell's, because the caller chose that file.

    Raises:
        ServeError: The file, or a line of it, can't be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            bindings = list(parse_stream(file))
    except OSError as error:
        raise ServeError(
            f"{OPTION} {path} can't be read: {error.strerror}. Expected a readable file of "
            "NAME=VALUE lines."
        ) from error
    except UnicodeDecodeError as error:
        raise ServeError(f"{OPTION} {path} must be encoded in UTF-8.") from error
    for each in bindings:
        if each.original.string.strip().startswith(";"):  # a comment to systemd
            continue
        if each.error or (each.key is not None and each.value is None):
            raise ServeError(
                f"{OPTION} {path}, line {each.original.line}: expected NAME=VALUE, or a comment "
                "after `#`."
            )
        if each.key is not None and each.value is not None:
            os.environ[each.key] = each.value


def reach_loopback_directly() -> None:
    """Exclude loopback addresses from proxies, which would refuse or observe the requests."""
    for name in ("NO_PROXY", "no_proxy"):
        given = os.environ.get(name, "")
        hosts = [host for each in given.split(",") if (host := each.strip())]
        if "*" not in hosts:
            os.environ[name] = ",".join(dict.fromkeys([*hosts, *LOOPBACK]))
