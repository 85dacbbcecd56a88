"""The prepared form of a batch: rows to write, and rejections to report."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from app.ingest.results import EventResult, Warn
from app.schemas.event import BATCH_EVENTS_MAX

# Of a batch, each event is received a microsecond after the one before it: of events of one moment,
# that is their order. Made once, as one is added for every event.
PLACES = tuple(timedelta(microseconds=place) for place in range(BATCH_EVENTS_MAX))


class TimeBasis(Enum):
    """The source of an event's time."""

    GIVEN = "given"  # by the client, in the event or in its UUIDv7
    CORRECTED = "corrected"  # the client's clock is ahead of ours: moved back
    RECEIVED = "received"  # the client gave none


class EventRow(NamedTuple):
    """An event as it will be stored, but for the user, who is still an email.

    `received_at` is when its request came, and its place in the batch on top, in microseconds.
    """

    place: int
    user_email: str
    event_timestamp: datetime
    event_id: UUID
    event_type: str
    event_category: str
    event_action: str
    entity_type: str | None
    entity_id: str | None
    event_metadata: str
    session_id: str | None
    session_seq: int | None
    device_type: str | None
    context_snapshot: str | None
    duration_ms: int | None
    received_at: datetime
    time_basis: TimeBasis
    warnings: tuple[Warn, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch, sorted into what can be written and what can't."""

    batch_id: str
    rows: list[EventRow]
    rejections: list[EventResult]
    warnings: tuple[Warn, ...]


def as_text(identifier: str | int | None) -> str | None:
    """An id that came as a number is kept as text."""
    return identifier if identifier is None or type(identifier) is str else str(identifier)
