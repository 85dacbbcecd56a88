"""The events that wait to be sent in the background: a bounded queue, and its books.

It knows neither threads nor tasks: whoever has it lets one in at a time, and brings the clock.
"""

from collections import deque
from dataclasses import dataclass
from itertools import groupby

from app.client.events import BATCH_MAX_BYTES, BATCH_MAX_EVENTS, Encoded
from app.client.verdicts import Verdict

FULL = "buffer_full"
CLOSED = "closed"
NOT_IN_TIME = "close_timed_out"
CANCELLED = "cancelled"
INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Limits:
    """A batch goes once it has `flush_at` events, or its first one is `flush_after_seconds` old.

    At most so many events, of so many bytes, wait or are being sent; what comes then is dropped.
    """

    flush_at: int
    flush_after_seconds: float
    events_max: int
    bytes_max: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Of what was tracked, each event is delivered, dropped or waiting."""

    tracked: int
    delivered: int
    dropped: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Events that are given up, and why: the service's code, or one of those above."""

    events: list[Encoded]
    reason: str


class Outbox:
    """First in, first out, one batch at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[tuple[Encoded, float]] = deque()
        self._in_flight: list[Encoded] = []
        self._bytes = 0
        self._entered = 0
        self._left = 0
        self._flush_to = 0
        self._delivered = 0
        self._dropped = 0

    def add(self, event: Encoded, at: float) -> bool:
        """False where there is no room; the event is counted as dropped then."""
        held = len(self._waiting) + len(self._in_flight)
        size = self._bytes + len(event.body)
        if held >= self._limits.events_max or size > self._limits.bytes_max:
            self._dropped += 1
            return False
        self._waiting.append((event, at))
        self._bytes += len(event.body)
        self._entered += 1
        return True

    def refuse(self) -> None:
        """Counts an event that never came in."""
        self._dropped += 1

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    @property
    def entered(self) -> int:
        """How many came in so far. Once as many have left, those are settled."""
        return self._entered

    @property
    def left(self) -> int:
        return self._left

    def counts(self) -> Counts:
        held = len(self._waiting) + len(self._in_flight)
        return Counts(self._delivered + self._dropped + held, self._delivered, self._dropped, held)

    def flush(self) -> None:
        """What waits now is due."""
        self._flush_to = self._entered

    def due_in(self, now: float) -> float | None:
        """Seconds until a batch is to be taken; None while nothing waits."""
        if not self._waiting:
            return None
        if len(self._waiting) >= self._limits.flush_at or self._left < self._flush_to:
            return 0.0
        return max(0.0, self._waiting[0][1] + self._limits.flush_after_seconds - now)

    def rouses(self, now: float) -> bool:
        """Whether the event that was just added is one to wake the sender for."""
        return len(self._waiting) == 1 or self.due_in(now) == 0

    def take(self) -> list[Encoded]:
        """The next batch, as large as the service takes one: after an outage there is much."""
        batch: list[Encoded] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MAX_EVENTS:
            size += len(self._waiting[0][0].body) + 1
            if batch and size > BATCH_MAX_BYTES:
                break
            batch.append(self._waiting.popleft()[0])
        self._in_flight = batch
        return batch

    def settle(self, batch: list[Encoded], verdicts: list[Verdict]) -> list[Drop]:
        """The batch in flight was answered; what was rejected of it, by the code."""
        if not self._land(batch):
            return []
        rejected = [
            (verdict.code or verdict.status, event)
            for event, verdict in zip(batch, verdicts, strict=True)
            if verdict.status == "rejected"
        ]
        rejected.sort(key=lambda each: each[0])
        self._delivered += len(batch) - len(rejected)
        self._dropped += len(rejected)
        return [
            Drop([event for _, event in some], code)
            for code, some in groupby(rejected, lambda each: each[0])
        ]

    def give_up(self, batch: list[Encoded], reason: str) -> list[Drop]:
        """The batch in flight could not be sent."""
        if not self._land(batch):
            return []
        self._dropped += len(batch)
        return [Drop(batch, reason)]

    def abandon(self, reason: str) -> list[Drop]:
        """Empties it, also of what is in flight: that may yet arrive."""
        events = self._in_flight + [event for event, _ in self._waiting]
        self._in_flight = []
        self._waiting.clear()
        self._bytes = 0
        self._left = self._entered
        self._dropped += len(events)
        return [Drop(events, reason)] if events else []

    def leave(self, batch: list[Encoded]) -> None:
        """The batch is settled, and what was dropped of it reported: nobody waits for it longer."""
        self._left = min(self._entered, self._left + len(batch))

    def _land(self, batch: list[Encoded]) -> bool:
        """False where it was abandoned meanwhile, and is in the books already."""
        if self._in_flight is not batch:
            return False
        self._in_flight = []
        self._bytes -= sum(len(event.body) for event in batch)
        return True
