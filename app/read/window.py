"""The half-open window `[start, end)` that a question is about, and the zone of its days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones, reset_tzpath

from app.errors import InvalidRequest
from app.schemas.instant import NUMBER_REFUSED, instant_fault, parse_date, parse_instant, with_plus
from app.schemas.queries import WindowQuery

WINDOW_MAX_DAYS = 3660
AN_INSTANT = timedelta(microseconds=1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

# Zones by the data that is locked with the dependencies (tzdata): the machine's may be years old.
reset_tzpath(to=())


@dataclass(frozen=True, slots=True)
class Window:
    """`start <= event_timestamp < end`, both aware UTC; `timezone` is an IANA name."""

    start: datetime
    end: datetime
    timezone: str = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def local_days(self) -> list[date]:
        """Every calendar day of the zone that the window touches, in order; none if it is empty."""
        if self.end <= self.start:
            return []
        first = self.start.astimezone(self.zone).date()
        last = (self.end - AN_INSTANT).astimezone(self.zone).date()
        return [first + timedelta(days=count) for count in range((last - first).days + 1)]


EVERYTHING = Window(EARLIEST, LATEST)


@cache
def _zones() -> dict[str, str]:
    """Return the names by their lower case."""
    # `localtime` and `Factory` mean something else on each machine.
    names = available_timezones() - {"localtime", "Factory"}
    return {name.lower(): name for name in names}


def check_zone(name: str) -> str:
    """Return an IANA zone's name in its own case; upper and lower case do not matter.

    Raises:
        InvalidRequest: there is no such zone.
    """
    known = _zones().get(name.lower())
    if known is None:
        raise InvalidRequest.of("tz", "must be an IANA time zone, such as Europe/London or UTC")
    return known


def resolve_window(
    now: datetime,
    *,
    days: int | None = None,
    start: str | None = None,
    end: str | None = None,
    tz: str = "UTC",
    default_days: int | None = None,
) -> Window:
    """The window that a request means.

    `days=7` is the last 7 x 24 hours. `start` and `end` are ISO 8601; a bare date is midnight in
    `tz`, a time without offset is local to `tz`; `end` is exclusive, and by default now. With
    neither, `default_days`, or everything.

    Raises:
        InvalidRequest: both ways at once, an end before its start, or a window that is too wide.
    """
    zone = check_zone(tz)
    if days is not None and (start is not None or end is not None):
        raise InvalidRequest.of("days", "set either days, or start and end")
    if start is None and end is not None:
        raise InvalidRequest.of("start", "is required with end")
    if start is not None:
        window = Window(
            _instant("start", start, zone), now if end is None else _instant("end", end, zone), zone
        )
        if window.end < window.start:
            raise InvalidRequest.of("end", "is before start")
        if window.end - window.start > timedelta(days=WINDOW_MAX_DAYS):
            raise InvalidRequest.of("start", f"the window is longer than {WINDOW_MAX_DAYS} days")
        return window
    days = days if days is not None else default_days
    if days is None:
        return Window(EARLIEST, LATEST, zone)
    # An event that is stamped with this very moment belongs to the last days, too.
    end_at = now + AN_INSTANT
    return Window(end_at - timedelta(days=days), end_at, zone)


def everything_until(now: datetime) -> Window:
    """Return the window of all stored events until now."""
    return Window(EARLIEST, now + AN_INSTANT, "UTC")


def window_of(query: WindowQuery, now: datetime, *, default_days: int | None = None) -> Window:
    """The window of a request's query; see `resolve_window`."""
    return resolve_window(
        now,
        days=query.days,
        start=query.start,
        end=query.end,
        tz=query.tz,
        default_days=default_days,
    )


def _instant(field: str, value: str, zone: str) -> datetime:
    text = with_plus(value)
    try:
        day = parse_date(text)
        local = parse_instant(text) if day is None else datetime.combine(day, time())
        aware = local if local.tzinfo else local.replace(tzinfo=ZoneInfo(zone))
        instant = aware.astimezone(UTC)
    except (ValueError, OverflowError):
        message = "must be a date or time in ISO 8601, such as 2026-11-20 or 2026-11-20T09:00:00Z"
        if instant_fault(text) == NUMBER_REFUSED:
            message = NUMBER_REFUSED
        raise InvalidRequest.of(field, message) from None
    if not EARLIEST <= instant <= LATEST:
        raise InvalidRequest.of(field, f"must be between {EARLIEST.year} and {LATEST.year}")
    return instant
