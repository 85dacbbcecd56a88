"""A load of HTTP requests from one process, cheap enough to leave the machine to the service."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast


@dataclass(slots=True)
class Load:
    """What a load of requests met."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def percentile(self, share: float) -> float:
        """Of the latencies, in ms; 0.99 is the p99."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def post(path: str, body: bytes) -> bytes:
    """A request as it goes over the wire."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def run(
    ports: Sequence[int],
    requests: Sequence[bytes],
    *,
    concurrency: int,
    per_second: float | None = None,
) -> Load:
    """Sends every request once, over `concurrency` connections that are kept.

    Args:
        ports: of loopback; the connections are shared out among them.
        per_second: at this rate, and latency is counted from when a request was due; without it,
            each connection sends as soon as it has its answer.
    """
    load = Load()
    loop = asyncio.get_running_loop()
    waiting = iter(enumerate(requests))
    started = time.perf_counter()
    clients = []
    for number in range(concurrency):
        client = _Client(load, waiting, started, per_second)
        await loop.create_connection(lambda: client, "127.0.0.1", ports[number % len(ports)])  # noqa: B023 (called at once)
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    load.seconds = time.perf_counter() - started
    return load


class _Client(asyncio.Protocol):
    """One connection, with one request on its way at a time."""

    def __init__(
        self,
        load: Load,
        waiting: Iterator[tuple[int, bytes]],
        started: float,
        per_second: float | None,
    ) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._load, self._waiting = load, waiting
        self._started, self._per_second = started, per_second
        self._answer = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own
        self._next()

    def _next(self) -> None:
        number, request = next(self._waiting, (0, b""))
        if not request:
            self.done.set_result(None)
            self._transport.close()
            return
        self._due = time.perf_counter()
        if self._per_second is None:
            self._transport.write(request)
            return
        now, self._due = self._due, self._started + number / self._per_second
        asyncio.get_running_loop().call_later(
            max(0.0, self._due - now), self._transport.write, request
        )

    def data_received(self, data: bytes) -> None:
        answer = self._answer = self._answer + data
        end = answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = answer[:end].lower() + b"\r"
        at = head.index(b"content-length:") + 15
        if len(answer) < end + 4 + int(head[at : head.index(b"\r", at)]):
            return
        self._answer = b""
        status = int(answer[9:12])
        self._load.latencies_ms.append((time.perf_counter() - self._due) * 1000)
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("closed before its answer"))
