"""A load of HTTP requests from one process, cheap enough to leave the machine to the service."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

READ_BYTES = 65536


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
    waiting = iter(enumerate(requests))
    started = time.perf_counter()

    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, request in waiting:
            due = time.perf_counter()
            if per_second is not None:
                due = started + number / per_second
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request)
            status = await _answer(reader)
            load.latencies_ms.append((time.perf_counter() - due) * 1000)
            load.statuses[status] = load.statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(client(ports[number % len(ports)]) for number in range(concurrency)))
    load.seconds = time.perf_counter() - started
    return load


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lowered = head.lower()
    at = lowered.index(b"content-length:") + 15
    await reader.readexactly(int(lowered[at : lowered.index(b"\r\n", at)]))
    return int(head[9:12])
