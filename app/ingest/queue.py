"""The bounded queue between requests and writers."""

import asyncio
from collections import deque
from dataclasses import dataclass
from time import monotonic

from opentelemetry.context import Context

from app.errors import Overloaded, Unavailable
from app.ingest.rows import EventRow
from app.ingest.verdict import Outcomes
from app.settings import Settings
from app.watch.traces import here


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """A request's rows, and where it waits for their outcomes."""

    rows: list[EventRow]
    size_bytes: int
    done: asyncio.Future[Outcomes]
    queued_at: float  # by the monotonic clock
    context: Context | None  # of its trace

    def succeed(self, outcomes: Outcomes) -> None:
        if not self.done.done():  # its client may have gone
            self.done.set_result(outcomes)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class RequestQueue:
    """First in, first out; full at a number of events or of bytes. No put ever waits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._requests: deque[QueuedRequest] = deque()
        self._work = asyncio.Event()
        self._closed = False
        self.events = 0
        self.size_bytes = 0

    def put(self, rows: list[EventRow], size_bytes: int) -> QueuedRequest:
        """Queues a request. An empty queue takes any, as a request alone is bounded already.

        Raises:
            Overloaded: the queue is full.
            Unavailable: the service is stopping.
        """
        if self._closed:
            raise Unavailable("The service is stopping. Send the same again.")
        if self._requests and (
            self.events + len(rows) > self._settings.queue_max_events
            or self.size_bytes + size_bytes > self._settings.queue_max_bytes
        ):
            raise Overloaded("More events arrive than can be written. Send the same again.")
        request = QueuedRequest(
            rows, size_bytes, asyncio.get_running_loop().create_future(), monotonic(), here()
        )
        self._requests.append(request)
        self.events += len(rows)
        self.size_bytes += size_bytes
        self._work.set()
        return request

    @property
    def oldest_seconds(self) -> float:
        """How long the first one has waited; 0 where there is none."""
        return monotonic() - self._requests[0].queued_at if self._requests else 0.0

    async def take(self) -> list[QueuedRequest]:
        """What is there, up to the bound of a group; waits for some. Nothing, once closed."""
        while not self._requests:
            if self._closed:
                return []
            self._work.clear()
            await self._work.wait()
        group: list[QueuedRequest] = []
        events = 0
        while self._requests:
            request = self._requests[0]
            events += len(request.rows)
            if group and events > self._settings.group_max_events:
                break
            group.append(self._requests.popleft())
            self.events -= len(request.rows)
            self.size_bytes -= request.size_bytes
        return group

    def close(self) -> None:
        """Takes nothing more in. What is there can still be taken."""
        self._closed = True
        self._work.set()
