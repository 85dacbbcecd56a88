"""Event times, corrected for clocks that may be wrong.

The time from `sent_at` to the receipt is the lag of the client's clock plus the duration of the
request, which can't be separated. So a `sent_at` in the past proves nothing, and the client's times
are kept. A `sent_at` in the future proves that the clock is ahead by at least that much: only then
are its times moved, and only back.
"""

from datetime import UTC, datetime, timedelta

from activity_events.uuid7 import time_of_uuid7
from app.ingest.results import Rejected, Warn
from app.ingest.rows import TimeBasis
from app.schemas.event import EventIn
from app.schemas.strict_json import Fault
from app.settings import Settings

# Past this, a time ahead of the server's clock is no wrong clock but a wrong value.
FUTURE_MAX = timedelta(days=1)


def clock_lead(
    sent_at: datetime | None, received_at: datetime, settings: Settings
) -> timedelta | None:
    """Return the least that the client's clock is ahead of ours, where past the tolerance."""
    if sent_at is None:
        return None
    lead = _aware(sent_at) - received_at
    return lead if lead > timedelta(seconds=settings.clock_skew_tolerance_seconds) else None


def event_time(
    given: EventIn,
    lead: timedelta | None,
    received_at: datetime,
    settings: Settings,
    warnings: list[Warn],
) -> tuple[datetime, TimeBasis]:
    """The time to store, and where it comes from."""
    field = "event_timestamp"
    timestamp = given.get("event_timestamp")
    event_id = given.get("event_id")
    if timestamp is not None:
        if timestamp.tzinfo is None:
            warnings.append(Warn("naive_timestamp", field, "has no UTC offset; interpreted as UTC"))
        timestamp = _aware(timestamp)
    elif event_id is not None and event_id.version == 7:
        timestamp = time_of_uuid7(event_id)
    else:
        warnings.append(
            Warn("missing_timestamp", field, "is missing; the time of receipt was stored")
        )
        return received_at, TimeBasis.RECEIVED
    if lead is not None:
        timestamp = _moved_back(timestamp, lead)
        warnings.append(
            Warn(
                "clock_corrected",
                field,
                f"the client's clock is {lead.total_seconds():.0f} seconds ahead; corrected",
            )
        )
    require_in_range(timestamp, received_at, settings)
    if timestamp > received_at + timedelta(seconds=settings.clock_skew_tolerance_seconds):
        warnings.append(
            Warn("in_future", field, "is in the future; the time of receipt was stored")
        )
        return received_at, TimeBasis.CORRECTED
    return timestamp, TimeBasis.GIVEN if lead is None else TimeBasis.CORRECTED


def require_in_range(timestamp: datetime, now: datetime, settings: Settings) -> None:
    """Raise Rejected: the time is no wrong clock but a wrong value, or past its retention."""
    field = "event_timestamp"
    if timestamp > now + FUTURE_MAX:
        raise Rejected(Fault("in_future", field, "is more than a day in the future"))
    if timestamp < now - timedelta(days=settings.retention_days):
        raise Rejected(
            Fault(
                "too_old",
                field,
                f"is older than the retention period of {settings.retention_days} days",
            )
        )


def _aware(instant: datetime) -> datetime:
    """Convert to UTC; the ends of the calendar stay, because they are rejected later."""
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return instant.replace(tzinfo=UTC)


def _moved_back(instant: datetime, lead: timedelta) -> datetime:
    """Past the start of the calendar it is the start, which is refused later."""
    try:
        return instant - lead
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
