"""Event counts over a window: from the rollups if they suffice, else from the events.

A window is made of whole UTC days and whole quarter-hours, which are read from the rollups, and of
what is left at its start, which is read off the events. The quarter-hour in which it ends is taken
whole, less the events of it that come after: most windows end now, when there are hardly any yet,
and all of the last minutes would be many. Each part is exact, so the whole is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Select,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)

from app.database.rollup_sql import Level
from app.database.sessions import ReadSession
from app.models import ActivityEvent, ActivityRollup
from app.read.conditions import is_other_of, total_conditions
from app.read.filters import (
    EventFilter,
    asks_for_kinds,
    compile_filter,
    counts_kinds,
    in_range,
)
from app.read.time_buckets import DAY, EPOCH
from app.read.window import Window

QUARTER = timedelta(minutes=15)
NO_DEVICE = "unknown"
# The kind of all kinds that are not counted separately; no event is of it.
OTHER_KIND = ("", "", "", "")

SourceName = Literal["events", "totals", "user_days", "sessions"]


@dataclass(frozen=True, slots=True)
class Source:
    """Counted events as rows of SQL: `at` (within the window), `type`, `category`, `action`,
    `device` (`unknown` for none), `events`, `timed`, `duration_ms`. Rows whose texts are all empty
    are of kinds that the rollups don't count separately (`app/database/rollup_kinds.py`). Some rows
    subtract what others of the same quarter-hour have too much: a group may come to no events."""

    name: SourceName
    rows: CTE


async def counted(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    by_kind: bool = True,
    by_time: bool = True,
    exactly: bool = False,
) -> Source:
    """The events of a filter and a window, already counted where that is so.

    Args:
        by_kind: type, category, action and device are wanted; else they may be empty.
        by_time: `at` is wanted to the quarter-hour; else it may be that of a UTC day.
        exactly: `at` is wanted as it is, which no total knows.
    """
    if exactly or not counts_kinds(filter_):
        where = (await compile_filter(session, filter_, window)).where()
        return Source("events", _events(where).cte("counted"))
    kinds = by_kind or asks_for_kinds(filter_)
    cut = list(_parts(window, by_kind=kinds, by_time=by_time))
    if asks_for_kinds(filter_):
        cut = await _without_others(session, cut)
    parts = [await _part(session, filter_, part, window.timezone) for part in cut]
    return Source("totals", (union_all(*parts) if len(parts) > 1 else parts[0]).cte("counted"))


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a window; without a level it is read from the events, and `sign` is -1 for parts to
    subtract."""

    level: Level | None
    start: datetime
    end: datetime
    sign: int = 1


def _parts(window: Window, *, by_kind: bool, by_time: bool) -> Iterator[_Part]:
    start, end = _up(window.start, QUARTER), _up(window.end, QUARTER)
    if start >= _down(window.end, QUARTER):
        yield _Part(None, window.start, window.end)
        return
    if window.start < start:
        yield _Part(None, window.start, start)
    if not by_kind:
        yield _Part(Level.QUARTER, start, end)
    elif by_time or _up(start, DAY) >= _down(end, DAY):
        yield _Part(Level.KIND_QUARTER, start, end)
    else:
        first, last = _up(start, DAY), _down(end, DAY)
        yield _Part(Level.KIND_DAY, first, last)
        if start < first:
            yield _Part(Level.KIND_QUARTER, start, first)
        if last < end:
            yield _Part(Level.KIND_QUARTER, last, end)
    if window.end < end:
        yield _Part(None, window.end, end, sign=-1)


async def _without_others(session: ReadSession, parts: list[_Part]) -> list[_Part]:
    """Read off the events what lies between the first and the last day of the window on which the
    totals count some kinds together: the filter's may be among them."""
    of_kinds = [part for part in parts if part.level is not None]
    if not of_kinds:
        return parts
    first = _down(min(part.start for part in of_kinds), DAY)
    last = max(part.end for part in of_kinds)
    days = [first + number * DAY for number in range(-((first - last) // DAY))]
    others = select(func.min(ActivityRollup.bucket), func.max(ActivityRollup.bucket)).where(
        *is_other_of(days)
    )
    found = (await session.execute(others)).one()
    start: datetime | None = found[0]
    end: datetime | None = found[1]
    if start is None or end is None:
        return parts
    return [each for part in parts for each in _cut_out(part, start, end + DAY)]


def _cut_out(part: _Part, start: datetime, end: datetime) -> Iterator[_Part]:
    """A part in up to three, of which the one from `start` to `end` is read off the events."""
    if part.level is None or part.end <= start or end <= part.start:
        yield part
        return
    if part.start < start:
        yield _Part(part.level, part.start, start)
    yield _Part(None, max(part.start, start), min(part.end, end))
    if end < part.end:
        yield _Part(part.level, end, part.end)


async def _part(
    session: ReadSession, filter_: EventFilter, part: _Part, zone: str
) -> Select[*tuple[Any, ...]]:
    if part.level is None:
        where = (await compile_filter(session, filter_, Window(part.start, part.end, zone))).where()
        return _events(where, part.sign)
    totals = select(
        ActivityRollup.bucket.label("at"),
        ActivityRollup.event_type.label("type"),
        ActivityRollup.event_category.label("category"),
        ActivityRollup.event_action.label("action"),
        case(
            (ActivityRollup.event_type == "", ""),
            (ActivityRollup.device_type == "", NO_DEVICE),
            else_=ActivityRollup.device_type,
        ).label("device"),
        ActivityRollup.events.label("events"),
        ActivityRollup.timed.label("timed"),
        ActivityRollup.duration_ms.label("duration_ms"),
    )
    return totals.where(
        *total_conditions(filter_, part.level),
        *in_range(ActivityRollup.bucket, part.start, part.end),
    )


def _events(where: list[ColumnElement[bool]], sign: int = 1) -> Select[*tuple[Any, ...]]:
    """Count events of a part. Parts to subtract are after the window, in its last quarter-hour."""
    at: ColumnElement[datetime] = ActivityEvent.event_timestamp.expression
    events = select(
        (at if sign > 0 else func.date_bin(QUARTER, at, EPOCH)).label("at"),
        ActivityEvent.event_type.label("type"),
        ActivityEvent.event_category.label("category"),
        ActivityEvent.event_action.label("action"),
        func.coalesce(ActivityEvent.device_type, NO_DEVICE).label("device"),
        cast(literal(sign), BigInteger).label("events"),
        cast(sign * func.num_nonnulls(ActivityEvent.duration_ms), BigInteger).label("timed"),
        (sign * func.coalesce(ActivityEvent.duration_ms, 0)).label("duration_ms"),
    )
    return events.where(*where)


def _down(at: datetime, length: timedelta) -> datetime:
    return at - (at - EPOCH) % length


def _up(at: datetime, length: timedelta) -> datetime:
    return at + (EPOCH - at) % length
