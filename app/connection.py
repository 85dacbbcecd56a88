"""One HTTP connection: uvicorn's, with a limit to how long a request's header may take.

uvicorn waits without bound for the first byte of a connection, and for the end of a header: enough
clients that stall there would hold every file handle.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connection(HttpToolsProtocol):
    """Closed when no whole header has come in time; the subclass says in what time."""

    header_timeout_seconds: float
    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._await_header()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_header()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_header(self) -> None:
        self._stop_waiting()
        self._header_timer = self.loop.call_later(self.header_timeout_seconds, self._header_is_late)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _header_is_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def connections(header_timeout_seconds: float) -> type[Connection]:
    """The class that uvicorn makes its connections of."""
    attributes: dict[str, Any] = {"header_timeout_seconds": header_timeout_seconds}
    return type("Connection", (Connection,), attributes)
