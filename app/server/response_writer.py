"""Writing of responses: of applications, and to malformed requests."""

import asyncio
from collections.abc import Callable, Iterable

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.errors import ActivityError


class ResponseWriter:
    """The transport as a request sees it: only the connection closes it, and writes after the end
    are discarded."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self._write = transport.write
        self.is_closing = transport.is_closing
        self.close = close

    def write(self, data: bytes) -> None:
        if not self.is_closing():
            self._write(data)


def raw_answer(error: ActivityError, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Head and body; the connection ends with it."""
    body = orjson.dumps(error.body())
    headers = [
        *default_headers,
        *((name.lower().encode(), value.encode()) for name, value in error.headers().items()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    lines = [b"%b: %b\r\n" % pair for pair in headers]
    return b"".join([STATUS_LINE[error.status], *lines, b"\r\n", body])
