"""Serving: the address, the listening socket, and a stop that answers what is under way."""

import errno
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psutil
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from app.access_at_start import require_keys
from app.auth.keys import end_local_mode
from app.connection import connections
from app.connection_limits import ConnectionLimits
from app.db import Database
from app.db_slots import connections_of
from app.errors import ServeError, Unavailable
from app.greeting import greeting
from app.ingest.pacing import SWITCH_SECONDS
from app.insights.generate import ModelUnavailable, generator_of
from app.main import create_app
from app.privacy.erasure_secret import require_erasure_secret
from app.server import Server, WorkerServer
from app.settings import Settings
from app.sharing import Shares
from app.watch.logs import configure_logs
from app.watch.shared import count_as, forget
from app.watch.traces import TracingUnavailable, require_tracing, start_tracing, stop_tracing
from app.workers import Workers, WorkersFailed

BACKLOG = 2048
GC_THRESHOLDS = (50_000, 20, 20)
# Longer than load balancers keep a connection for the next request (60 seconds, most of them): who
# closes it first must be they, or a request meets a connection that is just being closed.
KEEP_ALIVE_SECONDS = 75
# Beyond the grace for requests: what is queued is written, connections are closed.
WORKER_STOP_SECONDS = 15

CONNECTIONS_TAKEN = text(
    """
    SELECT sum(CASE name WHEN 'max_connections' THEN 1 ELSE -1 END * setting::int) FROM pg_settings
    WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
    """
)


async def require_settings(settings: Settings, database_url: str) -> None:
    """Checks what the settings and the database have to agree on.

    Raises:
        ServeError: nobody's keys or tokens are known, or the secret of the erasures is another one.
    """
    await require_keys(settings, database_url)
    database = Database(database_url, settings)
    try:
        await require_erasure_secret(database, settings)
        if settings.has_credentials:
            # Else to lose the environment would open everything.
            await end_local_mode(database, datetime.now(UTC))
    finally:
        await database.dispose()


def require_model(settings: Settings) -> None:
    """The model that the settings name can be asked.

    Raises:
        ServeError: it can't.
    """
    try:
        generator_of(settings)
    except ModelUnavailable as error:
        raise ServeError(str(error)) from error


@contextmanager
def bind(settings: Settings) -> Iterator[socket.socket]:
    """A listening socket, taken before anything else is started.

    Raises:
        ServeError: the port is taken; the message names its holder where that can be known.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen(BACKLOG)
        except OSError as error:
            place = f"Can't listen on {settings.host}:{settings.port}: {error.strerror}"
            if error.errno != errno.EADDRINUSE:
                raise ServeError(f"{place}. Choose an address of this machine.") from error
            raise ServeError(
                f"{place}{_holder(settings.port)}. Stop that one, or choose another port with "
                "PORT=..."
            ) from error
        yield listener


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port:
                process = psutil.Process(connection.pid) if connection.pid else None
                if process is not None:
                    return f" (by process {process.pid}, {' '.join(process.cmdline())[:120]})"
    except psutil.Error:
        pass
    return ""


def calm_collector() -> None:
    """What is loaded by now stays. Of what requests make, hardly anything is in a cycle: to look
    for cycles among thousands of fresh rows, again and again, finds nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def share_the_interpreter() -> None:
    """Threads beside the event loop give way to it sooner (`app.ingest.pacing`)."""
    sys.setswitchinterval(SWITCH_SECONDS)


async def connection_warning(settings: Settings, database_url: str) -> str | None:
    """What is to be done where the processes may want more connections than PostgreSQL takes."""
    database = Database(database_url, settings)
    try:
        async with database.read() as session:
            taken = (await session.execute(CONNECTIONS_TAKEN)).scalar_one()
    except Unavailable:
        return None
    finally:
        await database.dispose()
    wanted = settings.workers * connections_of(settings)
    if wanted <= taken:
        return None
    return (
        f"up to {wanted} database connections are wanted, and PostgreSQL takes {taken}: raise its "
        "max_connections, or lower ACTIVITY_WORKERS or ACTIVITY_DATABASE_POOL_SIZE"
    )


def serve_forever(
    settings: Settings,
    database_url: str,
    listener: socket.socket,
    address: str,
    *,
    access: str,
    warning: str | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM; returns when what was under way is answered.

    Args:
        access: how callers are known, to greet with.
        warning: a line to greet with.

    Raises:
        ServeError: spans can't be sent, or the worker processes don't stay.
    """
    configure_logs(settings)
    try:
        require_tracing()
    except TracingUnavailable as error:
        raise ServeError(str(error)) from error
    app = create_app(settings, database_url)
    # uvicorn raises the signal again once it has stopped; the database has still to be stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    calm_collector()
    share_the_interpreter()

    def greet() -> None:
        print(greeting(settings, address, access, warning), flush=True)  # noqa: T201 (what `serve` prints)

    config = _config(settings, app)
    if settings.workers == 1:
        _run(Server(config, app, greet), listener)
        return
    shares = Shares(settings.workers + 1)

    def work(place: int, on_alive: Callable[[], None]) -> None:
        count_as(place)
        _run(WorkerServer(config, app, on_alive, shares, place), listener)

    def ended(place: int) -> None:
        # One that was killed said nothing of it, and the others would wait for it.
        shares.tell(place)
        forget(place)

    workers = Workers(
        settings.workers,
        work,
        stop_seconds=settings.shutdown_grace_seconds + WORKER_STOP_SECONDS,
    )
    try:
        # What still came to the socket would wait there for nobody.
        workers.run(on_ready=greet, on_stop=listener.close, on_ended=ended)
    except WorkersFailed as error:
        raise ServeError(str(error)) from error


def _config(settings: Settings, app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,  # as all the rest
        http=connections(ConnectionLimits.of(settings, connections_of(settings))),
        ws="none",
        log_level="warning",
        access_log=False,  # its lines would hold users' addresses
        server_header=False,
        proxy_headers=False,
        workers=1,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_grace_seconds,
    )


def _run(server: Server, listener: socket.socket) -> None:
    start_tracing()  # it starts a thread: not before the fork
    server.run(sockets=[listener])
    stop_tracing()
    if not server.started:
        sys.exit(3)
