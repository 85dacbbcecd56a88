"""Events that wait to be sent in the background: a bounded queue, and its counts.

It knows neither threads nor tasks: its owner serializes access, and passes the clock.
"""

from collections import deque
from dataclasses import dataclass
from itertools import groupby

from activity_events.events import BATCH_MAX_BYTES, BATCH_MAX_EVENTS, Encoded
from activity_events.results import EventResult

FULL = "buffer_full"
CLOSED = "closed"
NOT_IN_TIME = "close_timed_out"
INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the outbox: a batch is due once it has `flush_at` events, or its first one is
    `flush_after_seconds` old.

    The number and bytes of events that wait or are in flight are limited; further events are
    dropped.
    """

    flush_at: int
    flush_after_seconds: float
    events_max: int
    bytes_max: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of tracked events: each one is delivered, dropped or waiting."""

    tracked: int
    delivered: int
    dropped: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Dropped events with the reason: the service's code, or one of those above."""

    events: list[Encoded]
    reason: str


class Outbox:
    """A queue, first in, first out, with one batch in flight."""

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
        """Add an event; return False if there is no room, and count the event as dropped."""
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
        """Count an event that was never accepted."""
        self._dropped += 1

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    @property
    def entered(self) -> int:
        """Number of events accepted so far. Once as many have left, those are settled."""
        return self._entered

    @property
    def left(self) -> int:
        return self._left

    def counts(self) -> Counts:
        held = len(self._waiting) + len(self._in_flight)
        return Counts(self._delivered + self._dropped + held, self._delivered, self._dropped, held)

    def flush(self) -> None:
        """Make all waiting events due."""
        self._flush_to = self._entered

    def due_in(self, now: float) -> float | None:
        """Return the seconds until a batch is due; None while nothing waits."""
        if not self._waiting:
            return None
        if len(self._waiting) >= self._limits.flush_at or self._left < self._flush_to:
            return 0.0
        return max(0.0, self._waiting[0][1] + self._limits.flush_after_seconds - now)

    def rouses(self, now: float) -> bool:
        """Whether the event just added must wake the sender."""
        return len(self._waiting) == 1 or self.due_in(now) == 0

    def take(self) -> list[Encoded]:
        """Take the next batch, as large as the service allows: after an outage there can be many
        events."""
        batch: list[Encoded] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MAX_EVENTS:
            size += len(self._waiting[0][0].body) + 1
            if batch and size > BATCH_MAX_BYTES:
                break
            batch.append(self._waiting.popleft()[0])
        self._in_flight = batch
        return batch

    def settle(self, batch: list[Encoded], verdicts: list[EventResult]) -> list[Drop]:
        """Settle the batch in flight, with its rejected events by code."""
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
        """Drop the batch in flight, which could not be sent."""
        if not self._land(batch):
            return []
        self._dropped += len(batch)
        return [Drop(batch, reason)]

    def restore(self, batch: list[Encoded]) -> None:
        """Let the batch in flight wait again, in its place; it is due."""
        if self._in_flight is batch:
            self._in_flight = []
            self._waiting.extendleft((event, 0.0) for event in reversed(batch))

    def abandon(self, reason: str) -> list[Drop]:
        """Empty the outbox, including the batch in flight, which may still arrive."""
        events = self._in_flight + [event for event, _ in self._waiting]
        self._in_flight = []
        self._waiting.clear()
        self._bytes = 0
        self._left = self._entered
        self._dropped += len(events)
        return [Drop(events, reason)] if events else []

    def leave(self, batch: list[Encoded]) -> None:
        """Mark the batch as settled and its drops as reported, so that `flush` no longer waits for
        it."""
        self._left = min(self._entered, self._left + len(batch))

    def _land(self, batch: list[Encoded]) -> bool:
        """Return False if the batch was abandoned meanwhile, and is already counted."""
        if self._in_flight is not batch:
            return False
        self._in_flight = []
        self._bytes -= sum(len(event.body) for event in batch)
        return True
