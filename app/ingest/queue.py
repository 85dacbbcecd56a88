"""The bounded queue between requests and writers."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from time import monotonic

from opentelemetry.context import Context

from app.database.slots import refusal
from app.errors import Unavailable
from app.ingest.results import WriteOutcomes
from app.ingest.rows import EventRow
from app.observability.traces import here
from app.settings import Settings

WAITING = "events waiting to be written"


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """A request's rows, and where it waits for their outcomes."""

    rows: list[EventRow]
    size_bytes: int
    done: asyncio.Future[WriteOutcomes]
    queued_at: float  # by the monotonic clock
    context: Context | None  # of its trace
    caller: str | None

    def succeed(self, outcomes: WriteOutcomes) -> None:
        if not self.done.done():  # its client may have gone
            self.done.set_result(outcomes)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class RequestQueue:
    """First in, first out; full at a number of events or of bytes, of which one caller has a share.
    No put ever waits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._requests: deque[QueuedRequest] = deque()
        self._work = asyncio.Event()
        self._closed = False
        self.events = 0
        self.size_bytes = 0
        self._events_of: Counter[str | None] = Counter()
        self._bytes_of: Counter[str | None] = Counter()

    def put(
        self, rows: list[EventRow], size_bytes: int, caller: str | None = None
    ) -> QueuedRequest:
        """Queues a request. An empty queue takes any, as a request alone is bounded already.

        Args:
            caller: whose share of the queue it takes; None has none (local mode, the import).

        Raises:
            ShareExceeded: the caller has its share of the queue.
            Overloaded: the queue is full.
            Unavailable: the service is stopping.
        """
        if self._closed:
            raise Unavailable("The service is shutting down. Retry the request.")
        if self._requests and not self._has_room(len(rows), size_bytes, caller):
            raise refusal("queue", WAITING, 0 if caller is None else self._events_of[caller])
        request = QueuedRequest(
            rows,
            size_bytes,
            asyncio.get_running_loop().create_future(),
            monotonic(),
            here(),
            caller,
        )
        self._requests.append(request)
        self._add(request, 1)
        self._work.set()
        return request

    def _has_room(self, events: int, size_bytes: int, caller: str | None) -> bool:
        """Whether that much fits, and leaves as much free as its caller then has on the queue."""
        free_events = self._settings.queue_max_events - self.events - events
        free_bytes = self._settings.queue_max_bytes - self.size_bytes - size_bytes
        if free_events < 0 or free_bytes < 0:
            return False
        if caller is None or not self._events_of[caller]:
            return True
        return (
            self._events_of[caller] + events <= free_events
            and self._bytes_of[caller] + size_bytes <= free_bytes
        )

    def _add(self, request: QueuedRequest, sign: int) -> None:
        """Count a request in, or out again."""
        caller, events, size_bytes = request.caller, len(request.rows), request.size_bytes
        self.events += sign * events
        self.size_bytes += sign * size_bytes
        self._events_of[caller] += sign * events
        self._bytes_of[caller] += sign * size_bytes
        if sign < 0 and not self._events_of[caller]:
            del self._events_of[caller], self._bytes_of[caller]

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest request; 0 if the queue is empty."""
        return monotonic() - self._requests[0].queued_at if self._requests else 0.0

    async def take(self) -> list[QueuedRequest]:
        """Wait for requests, and return those that fit into one group; none once closed."""
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
            self._add(request, -1)
        return group

    def close(self) -> None:
        """Accept no more requests. Those in the queue can still be taken."""
        self._closed = True
        self._work.set()
