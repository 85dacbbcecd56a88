"""Serving: the address, the listening socket, and a graceful shutdown."""

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

from app.auth.keys import end_local_mode
from app.database.connection_budget import connections_of
from app.database.sessions import Database
from app.errors import ServeError, Unavailable
from app.ingest.pacing import SWITCH_SECONDS
from app.insights.generation.llm import ModelUnavailable, generator_of
from app.main import create_app
from app.observability.logs import configure_logs
from app.observability.shared_metrics import count_as, forget
from app.observability.traces import (
    TracingUnavailable,
    require_tracing,
    start_tracing,
    stop_tracing,
)
from app.privacy.erasure_secret import require_erasure_secret
from app.server.accept_balancer import Shares
from app.server.banner import greeting
from app.server.connection_limits import ConnectionLimits
from app.server.http_protocol import connections
from app.server.http_server import HttpServer, WorkerServer
from app.server.startup_access import require_keys
from app.server.workers import Workers, WorkersFailed
from app.settings import Settings

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
    """Check that the settings fit the database.

    Raises:
        ServeError: There are no keys or tokens, or the erasure secret differs.
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
                raise ServeError(f"{place}. Set an address of this machine.") from error
            raise ServeError(
                f"{place}{_holder(settings.port)}. Stop that process, or choose another port with "
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
                    return f" (process {process.pid}, {' '.join(process.cmdline())[:120]})"
    except psutil.Error:
        pass
    return ""


def calm_collector() -> None:
    """Exclude loaded objects from garbage collection, and run it rarely: requests create hardly any
    cycles, so searching thousands of fresh rows again and again finds nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def share_the_interpreter() -> None:
    """Make other threads yield to the event loop sooner (`app.ingest.pacing`)."""
    sys.setswitchinterval(SWITCH_SECONDS)


async def connection_warning(settings: Settings, database_url: str) -> str | None:
    """Return a warning if the processes may need more connections than PostgreSQL allows."""
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
        f"the service may need up to {wanted} database connections, but PostgreSQL allows {taken}: "
        "raise its max_connections, or lower ACTIVITY_WORKERS or ACTIVITY_DATABASE_POOL_SIZE"
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
    """Serve until SIGINT or SIGTERM; return when in-flight requests are completed.

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
        _run(HttpServer(config, app, greet), listener)
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
        # Connections that still arrive at the socket would never be accepted.
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


def _run(server: HttpServer, listener: socket.socket) -> None:
    start_tracing()  # it starts a thread: not before the fork
    server.run(sockets=[listener])
    stop_tracing()
    if not server.started:
        sys.exit(3)
