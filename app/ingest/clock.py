"""When an event happened, by clocks that may be wrong."""

from datetime import UTC, datetime, timedelta

from app.ingest.verdict import Rejected, Warn
from app.schemas.event import EventIn
from app.schemas.strict_json import Fault
from app.settings import Settings
from app.uuid7 import time_of_uuid7

# Past this, a time ahead of the server's clock is no wrong clock but a wrong value.
FUTURE_MAX = timedelta(days=1)


def clock_offset(
    sent_at: datetime | None, received_at: datetime, settings: Settings
) -> timedelta | None:
    """How far the client's clock is behind ours, where that is more than the tolerance."""
    if sent_at is None:
        return None
    offset = received_at - _aware(sent_at)
    tolerance = timedelta(seconds=settings.clock_skew_tolerance_seconds)
    return offset if abs(offset) > tolerance else None


def event_time(
    given: EventIn,
    offset: timedelta | None,
    received_at: datetime,
    settings: Settings,
    warnings: list[Warn],
) -> tuple[datetime, bool]:
    """The time to store, and whether a retry would get the same one."""
    field = "event_timestamp"
    timestamp = given.get("event_timestamp")
    event_id = given.get("event_id")
    fixed = offset is None
    if timestamp is not None:
        if timestamp.tzinfo is None:
            warnings.append(Warn("naive_timestamp", field, "has no offset; taken as UTC"))
        timestamp = _aware(timestamp)
    elif event_id is not None and event_id.version == 7:
        timestamp = time_of_uuid7(event_id)
    else:
        warnings.append(Warn("missing_timestamp", field, "is missing; the time of receipt is kept"))
        return received_at, False
    if offset is not None:
        timestamp = _shifted(timestamp, offset)
        warnings.append(
            Warn(
                "clock_corrected",
                field,
                f"the client's clock is off by {-offset.total_seconds():+.0f} seconds; corrected",
            )
        )
    require_in_range(timestamp, received_at, settings)
    if timestamp > received_at + timedelta(seconds=settings.clock_skew_tolerance_seconds):
        warnings.append(Warn("in_future", field, "lies in the future; the time of receipt is kept"))
        return received_at, False
    return timestamp, fixed


def require_in_range(timestamp: datetime, now: datetime, settings: Settings) -> None:
    """Raises Rejected: the time is no wrong clock but a wrong value, or past its retention."""
    field = "event_timestamp"
    if timestamp > now + FUTURE_MAX:
        raise Rejected(Fault("in_future", field, "lies more than a day in the future"))
    if timestamp < now - timedelta(days=settings.retention_days):
        raise Rejected(
            Fault(
                "too_old", field, f"is older than the {settings.retention_days} days of retention"
            )
        )


def _aware(instant: datetime) -> datetime:
    """In UTC; the ends of the calendar stay where they are, as they are refused later."""
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return instant.replace(tzinfo=UTC)


def _shifted(instant: datetime, offset: timedelta) -> datetime:
    """Past the ends of the calendar it is the end, which is refused later."""
    try:
        return instant + offset
    except OverflowError:
        if offset > timedelta():
            return datetime.max.replace(tzinfo=UTC)
        return datetime.min.replace(tzinfo=UTC)
