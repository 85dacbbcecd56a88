"""Serving: the address, the listening socket, and a stop that answers what is under way."""

import errno
import gc
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import uvicorn
from fastapi import FastAPI

from app import __version__
from app.auth.keys import keys_exist
from app.connection import connections
from app.db import Database
from app.insights.generate import ModelUnavailable, generator_of
from app.main import create_app
from app.routers.pages import is_built
from app.settings import Settings

BACKLOG = 2048
GC_THRESHOLDS = (50_000, 20, 20)


class ServeError(RuntimeError):
    """The service can't start; the message says what to do."""


class Server(uvicorn.Server):
    """Says where it is once it takes requests."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, greeting: str) -> None:
        super().__init__(config)
        self._app = app
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._greeting, flush=True)  # noqa: T201 (this is what `serve` prints)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams go on for ever: they are ended first."""
        service = getattr(self._app.state, "service", None)
        if service is not None:
            service.feed.end()
        await super().shutdown(sockets)


async def require_keys(settings: Settings, database_url: str) -> None:
    """Where other machines reach the service, it knows its callers by keys or tokens.

    Raises:
        ServeError: there are none.
    """
    if settings.listens_on_loopback or settings.has_credentials:
        return
    database = Database(database_url, settings)
    try:
        if await keys_exist(database):
            return
    finally:
        await database.dispose()
    raise ServeError(
        f"{settings.host} can be reached from other machines, and there are no keys: anybody there "
        "could read and delete everything. Make one with `activity-events keys create NAME --scope "
        "admin`, or set ACTIVITY_ADMIN_KEYS (or _READ_KEYS, _WRITE_KEYS, ACTIVITY_JWT_SECRET, "
        "ACTIVITY_JWT_JWKS), or listen on 127.0.0.1."
    )


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


def serve_forever(
    settings: Settings, database_url: str, listener: socket.socket, address: str
) -> None:
    """Serves until SIGINT or SIGTERM; returns when what was under way is answered."""
    app = create_app(settings, database_url)
    config = uvicorn.Config(
        app,
        http=connections(settings.body_timeout_seconds),
        log_level="warning",
        access_log=False,  # its lines would hold users' addresses
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_grace_seconds,
    )
    # uvicorn raises the signal again once it has stopped; the database has still to be stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    calm_collector()
    server = Server(config, app, _greeting(settings, address))
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(3)


def _greeting(settings: Settings, address: str) -> str:
    data = (
        "the database of DATABASE_URL"
        if settings.database_url
        else f"{settings.data_dir.resolve()} (embedded PostgreSQL)"
    )
    pages = f"  Dashboard  {address}/dashboard\n  Demo       {address}/demo\n" if is_built() else ""
    return (
        f"Activity events {__version__} is ready; Ctrl-C stops it.\n"
        f"{pages}"
        f"  API        {address}/api/events/\n"
        f"  API docs   {address}/docs\n"
        f"  Data       {data}"
    )
