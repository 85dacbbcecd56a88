"""What preparation makes of a batch: rows to write, and rejections to report."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.ingest.verdict import Verdict, Warn


class EventRow(NamedTuple):
    """An event as it will be stored, but for the user, who is still an email.

    `time_is_fixed` is False where the stored time hangs on when the request came, so that a retry
    would get another one: such a row's duplicates are looked up by id.
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
    time_is_fixed: bool
    warnings: tuple[Warn, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch, sorted into what can be written and what can't."""

    batch_id: str
    rows: list[EventRow]
    rejections: list[Verdict]
    warnings: tuple[Warn, ...]


def as_text(identifier: str | int | None) -> str | None:
    """An id that came as a number is kept as text."""
    return identifier if identifier is None or type(identifier) is str else str(identifier)
