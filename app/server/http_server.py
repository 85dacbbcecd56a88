"""uvicorn's server, with what it lacks: it says when it is ready, ends streams, shares a socket."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.server.accept_balancer import Acceptor, Shares

# A worker that leaves while others stay: the request of a connection that was just taken comes yet.
SETTLE_SECONDS = 0.1
ALIVE_SECONDS = 1.0


class HttpServer(uvicorn.Server):
    """Says when it takes requests."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams first, because they never end by themselves."""
        service = getattr(self._app.state, "service", None)
        if service is not None:
            service.feed.end()
        await super().shutdown(sockets)


class WorkerServer(HttpServer):
    """One of several on the same socket."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        on_alive: Callable[[], None],
        shares: Shares,
        place: int,
    ) -> None:
        """
        Args:
            on_alive: called once it takes requests, and every second from then on.
            place: this process's among the shares.
        """
        super().__init__(config, app, on_alive)
        self._on_alive, self._shares, self._place = on_alive, shares, place
        self._beat: asyncio.Task[None] | None = None
        self._acceptors: list[Acceptor] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        if self.started:
            self._beat = asyncio.create_task(self._stay_alive())
            self._acceptors = [
                Acceptor(
                    each,
                    self._make_connection,
                    lambda: len(self.server_state.connections),
                    self._shares,
                    self._place,
                )
                for each in sockets or []
            ]

    async def _stay_alive(self) -> None:
        """Report to the parent for as long as the event loop runs."""
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            self._on_alive()

    def _make_connection(self) -> asyncio.Protocol:
        connection: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return connection

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.gather(*(acceptor.close() for acceptor in self._acceptors))
        await asyncio.sleep(SETTLE_SECONDS)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ignore Ctrl-C, which reaches every process of a terminal; the parent stops this one."""
        if sig != signal.SIGINT:
            super().handle_exit(sig, frame)
