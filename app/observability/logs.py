"""The log: one line per entry, as text or JSON, without user data.

The message of an exception may quote what was sent, so only its type and the places in the code are
logged. Other libraries only log warnings; and everything that looks like an email address, a key or
a token is removed from a line.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from app.formats.printable import printable, printable_json
from app.settings import Settings

LOGGER = "activity_events"
# Of the request that is being answered; it goes into every line that is written meanwhile.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

FRAMES_MAX = 20
MESSAGE_MAX_CHARS = 2000
SECRET = re.compile(
    # An email, or a URL's user and password; once for each word, so that the search is linear.
    r"(?<![^\s\"'<>@=:,;()])[^\s\"'<>@=:,;()]+(?:@|%40)[^\s\"'<>@,;()]+"
    r"|\bae_[a-z]+_[A-Za-z0-9_-]{8,}"
    r"|(?<![\w-])(?>[\w-]*?eyJ)[\w-]*+\.[\w-]*+\.?[\w-]*"
    r"|(?<=://)[^/\s@:]+:[^/\s@]+@[^/\s]*"
    r"|\?[^\s\"'=?]*+=[^\s\"']*",  # a query
    re.IGNORECASE,
)
REMOVED = "[removed]"
PLAIN_VALUE = re.compile(r"[^\s\"=]+")


# The secrets of the settings, whatever they look like.
_secrets: set[str] = set()


def scrubbed(text: str) -> str:
    """Return the text without possible user data, and without the service's own secrets."""
    for secret in _secrets:
        text = text.replace(secret, REMOVED)
    return SECRET.sub(REMOVED, text)


def _message(record: logging.LogRecord) -> str:
    """Others' first line alone: what follows are objects with all they hold."""
    text = record.getMessage()
    if not record.name.startswith(LOGGER):
        text = text.partition("\n")[0]
    return scrubbed(printable(text[:MESSAGE_MAX_CHARS]))


def _failure(record: logging.LogRecord) -> dict[str, Any]:
    """An exception's type, that of its cause, and where it came from."""
    if not record.exc_info or record.exc_info[1] is None:
        return {}
    error: BaseException | None = record.exc_info[1]
    frames = traceback.extract_tb(record.exc_info[2])[-FRAMES_MAX:]
    types: list[str] = []
    while error is not None and len(types) < FRAMES_MAX:
        types.append(f"{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or error.__context__
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": types, "frames": places}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = dict(getattr(record, "fields", {}))
    request_id = REQUEST_ID.get()
    if request_id is not None:
        fields.setdefault("request_id", request_id)
    return fields


class JsonFormatter(logging.Formatter):
    """An object a line: `time`, `level`, `logger`, `event`, and what else is known."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _message(record),
            **_fields(record),
            **_failure(record),
        }
        text = orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()
        return scrubbed(printable_json(text))


def _value(value: object) -> str:
    """A field's value on its line: where a text could be taken for more fields, in quotes."""
    text = printable(str(value))
    is_plain = not isinstance(value, str) or PLAIN_VALUE.fullmatch(text) is not None
    return text if is_plain else '"' + text.replace('"', '\\"') + '"'


class TextFormatter(logging.Formatter):
    """`12:00:00 warning duty retention failed`, with `name=value` of what else is known."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        failure = _failure(record)
        parts = [f"{time:%Y-%m-%dT%H:%M:%SZ}", record.levelname.lower(), _message(record)]
        parts += [f"{name}={_value(value)}" for name, value in _fields(record).items()]
        lines = [" ".join(parts)]
        if failure:
            lines += [f"  {each}" for each in (" <- ".join(failure["error"]), *failure["frames"])]
        return scrubbed("\n".join(lines))


def _secrets_of(settings: BaseSettings) -> Iterator[str]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, SecretStr):
                yield each.get_secret_value()


def configure_logs(settings: Settings) -> None:
    """Log to standard error from now on, in the configured format."""
    _secrets.update(_secrets_of(settings))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(settings.log_level.upper())
