"""A zone's clock over a window: which offset holds when, and where its days and hours begin.

All of it comes from the zone data of Python, so that no answer mixes it with the database's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, case, cast, func, literal
from sqlalchemy.dialects.postgresql import INTERVAL

from app.errors import InvalidRequest
from app.read.window import Window

Unit = Literal["minute", "hour", "day", "week", "month"]
Period = Literal["day", "week", "month"]
WeekStart = Literal["monday", "sunday", "saturday"]
UNITS: tuple[Unit, ...] = get_args(Unit)
BUCKETS_MAX = 2000

# By how many days earlier than on a Monday.
_DAYS_BEFORE_MONDAY: dict[WeekStart, int] = {"monday": 0, "sunday": 1, "saturday": 2}

DAY = timedelta(days=1)
HOUR_SECONDS = 3600
# In so long a time there is a full hour on any clock, even if that is changed meanwhile.
CLOCK_LEAD = timedelta(hours=4)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.toordinal()
_LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class OffsetSpan:
    """A time in which the zone's clock is `offset` ahead of UTC; half-open."""

    start: datetime
    end: datetime
    offset: timedelta


def stretches(window: Window) -> list[OffsetSpan]:
    """Return the offset spans of the window, in order: one, and one more for each clock change."""
    zone = window.zone
    if window.timezone == "UTC":
        return [OffsetSpan(window.start, window.end, timedelta())]
    found: list[OffsetSpan] = []
    start, at = window.start, window.start
    offset = _offset(zone, at)
    while at < window.end:
        after = min(at + DAY, window.end)
        if _offset(zone, after) != offset:
            change = _change(zone, at, after, offset)
            if change < window.end:
                found.append(OffsetSpan(start, change, offset))
                start, offset = change, _offset(zone, change)
            after = change if change > at else after
        at = after
    return [*found, OffsetSpan(start, window.end, offset)]


def local_time(at: ColumnElement[Any], window: Window) -> ColumnElement[Any]:
    """An instant of the window as the zone's clock showed it, without a zone."""
    utc = func.timezone("UTC", at)
    *earlier, last = stretches(window)
    if not earlier:
        return utc if not last.offset else utc + literal(last.offset, INTERVAL)
    offsets = [(at < each.end, literal(each.offset, INTERVAL)) for each in earlier]
    return utc + case(*offsets, else_=literal(last.offset, INTERVAL))


def local_hour(at: ColumnElement[Any], window: Window) -> ColumnElement[int]:
    """Return the local hour of an instant, counted from 1970."""
    seconds = func.extract("epoch", local_time(at, window))
    return cast(func.floor(seconds / HOUR_SECONDS), Integer)


@dataclass(frozen=True, slots=True)
class Buckets:
    """A window cut up: bucket `n` begins at `starts[n]`, on the zone's clock, and the first may
    begin before the window. `cuts` are the instants between them."""

    starts: list[datetime]
    cuts: list[datetime]

    def __len__(self) -> int:
        return len(self.starts)


def buckets(window: Window, unit: Unit, week_start: WeekStart = "monday") -> Buckets:
    """Days, weeks (from `week_start`) and months begin at the first instant of their first local
    day, so that a day may have 23 or 25 hours. Hours and minutes go from one full hour or minute of
    the local clock to the next: an hour that the clock shows twice is two buckets. An empty window
    has no bucket.

    Raises:
        InvalidRequest: the window has too many.
    """
    if window.end <= window.start:
        return Buckets([], [])
    starts: list[datetime] = []
    if unit == "minute" or unit == "hour":
        instants = _clock(window, _LENGTHS[unit])
    else:
        instants = _calendar(window, unit, week_start)
    for instant in instants:
        if len(starts) == BUCKETS_MAX:
            raise InvalidRequest.of(
                "bucket",
                f"the result would have more than {BUCKETS_MAX} buckets; use wider buckets or a "
                "shorter window",
            )
        starts.append(instant.astimezone(window.zone))
    return Buckets(starts, [start.astimezone(UTC) for start in starts[1:]])


def day_of_hour(hour: int) -> date:
    """The local day of an hour of `local_hour`."""
    return date.fromordinal(EPOCH_DAY + hour // 24)


def day_start(zone: ZoneInfo, day: date) -> datetime:
    """The first instant of a local day, UTC; of a day that was skipped, that of the next."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def period_start(day: date, period: Period, week_start: WeekStart = "monday") -> date:
    """The first day of the day's week or month."""
    if period == "week":
        return day - timedelta(days=(day.weekday() + _DAYS_BEFORE_MONDAY[week_start]) % 7)
    return day.replace(day=1) if period == "month" else day


def next_period(day: date, period: Period) -> date:
    """The first day of the period after the one that begins on `day`."""
    return _NEXT[period](day)


def earlier(window: Window) -> Window:
    """The window of the same length before this one, by the zone's calendar and clock."""
    zone = window.zone
    start, end = (each.astimezone(zone).replace(tzinfo=None) for each in (window.start, window.end))
    before = (start - (end - start)).replace(tzinfo=zone).astimezone(UTC)
    return Window(min(before, window.start), window.start, window.timezone)


_NEXT: dict[str, Callable[[date], date]] = {
    "day": lambda day: day + DAY,
    "week": lambda day: day + timedelta(days=7),
    "month": lambda day: (day.replace(day=1) + timedelta(days=32)).replace(day=1),
}


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _change(zone: ZoneInfo, low: datetime, high: datetime, offset: timedelta) -> datetime:
    """The first whole second after `low`, at most `high`, at which another offset holds."""
    # Clocks change on whole seconds: between fractions of one, the search would not end.
    low, high = low.replace(microsecond=0), high.replace(microsecond=0)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high


def _calendar(window: Window, unit: Period, week_start: WeekStart) -> Iterator[datetime]:
    zone = window.zone
    day = period_start(window.start.astimezone(zone).date(), unit, week_start)
    last: datetime | None = None
    while (start := day_start(zone, day)) < window.end:
        if last is not None and start > last and start > window.start:
            yield last
            last = start
        elif last is None or start > last:
            last = start
        day = _NEXT[unit](day)
    if last is not None:
        yield last


def _clock(window: Window, length: timedelta) -> Iterator[datetime]:
    # From before the window, as the clock may have changed since its first bucket began.
    first: datetime | None = None
    for stretch in stretches(Window(window.start - CLOCK_LEAD, window.end, window.timezone)):
        at = stretch.start + (EPOCH - stretch.start - stretch.offset) % length
        while at < stretch.end:
            if at <= window.start:
                first = at
            else:
                if first is not None:
                    yield first
                    first = None
                yield at
            at += length
    if first is not None:
        yield first
