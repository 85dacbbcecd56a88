"""Number of sessions, their duration and their number of events."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    Date,
    Double,
    Float,
    Interval,
    Select,
    Subquery,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)

from app.analytics.result import NOWHERE, Provenance, Table
from app.database.sessions import ReadSession
from app.models import ActivityEvent, ActivitySession
from app.read.conditions import has_no_session, started_in
from app.read.filters import Conditions, EventFilter, in_range, of_users
from app.read.sessions import SESSION_GAP
from app.read.time_buckets import local_time
from app.read.window import Window

SHARES = (0.5, 0.9)


@dataclass(frozen=True, slots=True)
class SessionStats:
    """Statistics of some sessions. A bounce is a session with a single event; the duration runs
    from the first event to the last, in milliseconds, so a bounce has 0. Without sessions, means
    are None."""

    sessions: int
    events: int
    events_per_session: float | None
    bounces: int
    bounce_rate: float | None
    mean_length_ms: float | None
    median_length_ms: float | None
    p90_length_ms: float | None


@dataclass(frozen=True, slots=True)
class DaySessions:
    """The sessions that began on a local day."""

    day: date
    stats: SessionStats


@dataclass(frozen=True, slots=True)
class Sessions:
    """`made_by_time` of all the sessions have no id of their own. Every local day that the window
    touches is in `rows`, in order."""

    total: SessionStats
    made_by_time: int
    rows: list[DaySessions]
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        names = SessionStats.__slots__
        rows = [(row.day, *(getattr(row.stats, name) for name in names)) for row in self.rows]
        return Table(("day", *names), rows)


async def sessions(session: ReadSession, filter_: EventFilter, window: Window) -> Sessions:
    """The sessions that began in a window, whole ones, by the local day on which they began.

    Events without a session id make sessions by their times: a session continues while the user's
    next such event comes within `SESSION_GAP`. It is cut at the window's end, and it began in the
    window if no such event lies within `SESSION_GAP` before its first. Of the filter, only the
    users matter.

    Raises:
        TooExpensive: too many sessions.
    """
    with_id = await of_users(session, filter_, ActivitySession.user_id)
    without = await of_users(session, filter_, ActivityEvent.user_id)
    statement = _statement(
        [*with_id, *started_in(window)],
        [
            *without,
            has_no_session(),
            *in_range(ActivityEvent.event_timestamp, window.start - SESSION_GAP, window.end),
        ],
        window,
    )
    found = {row.day: row for row in await session.execute(statement)}
    total = found.get(None)
    return Sessions(
        total=_stats(total),
        made_by_time=int(total.made_by_time) if total else 0,
        rows=[DaySessions(day, _stats(found.get(day))) for day in window.local_days()],
        about=Provenance("sessions", total.sessions if total else 0),
    )


def _statement(
    with_id: Conditions, without_id: Conditions, window: Window
) -> Select[*tuple[Any, ...]]:
    """A row for each day on which a session began, and one, without a day, for all of them."""
    made = _made_by_time(without_id, window)
    every = union_all(
        select(
            ActivitySession.started_at,
            ActivitySession.ended_at,
            ActivitySession.events,
            literal(0).label("made_by_time"),
        ).where(*with_id),
        select(made.c.started_at, made.c.ended_at, made.c.events, literal(1)),
    ).subquery("every")
    length = func.extract("epoch", every.c.ended_at - every.c.started_at) * 1000
    session = select(
        cast(local_time(every.c.started_at, window), Date).label("day"),
        cast(length, Double).label("length_ms"),
        every.c.events,
        every.c.made_by_time,
    ).cte("session")
    shares = bindparam(None, SHARES, type_=ARRAY(Float))
    stats = (
        func.count().label("sessions"),
        func.sum(session.c.events).label("events"),
        func.count().filter(session.c.events == 1).label("bounces"),
        func.avg(session.c.length_ms).label("mean_length_ms"),
        func.percentile_cont(shares).within_group(session.c.length_ms).label("lengths_ms"),
        func.sum(session.c.made_by_time).label("made_by_time"),
    )
    return select(
        union_all(
            select(session.c.day, *stats).group_by(session.c.day),
            select(cast(null(), Date), *stats).having(func.count() > 0),
        ).subquery()
    )


def _made_by_time(where: Conditions, window: Window) -> Subquery:
    """Time alone orders them: those of one moment are of one session, whichever comes first."""
    event, at = ActivityEvent, ActivityEvent.event_timestamp
    before = func.lag(at).over(partition_by=event.user_id, order_by=at)
    near = select(event.user_id, at.label("at"), before.label("before")).where(*where)
    rows = near.subquery("near")
    goes_on = rows.c.at - rows.c.before <= literal(SESSION_GAP, Interval)
    number = func.sum(case((goes_on, 0), else_=1)).over(
        partition_by=rows.c.user_id, order_by=rows.c.at
    )
    numbered = select(rows.c.user_id, rows.c.at, number.label("number")).subquery("numbered")
    return (
        select(
            func.min(numbered.c.at).label("started_at"),
            func.max(numbered.c.at).label("ended_at"),
            func.count().label("events"),
        )
        .group_by(numbered.c.user_id, numbered.c.number)
        .having(func.min(numbered.c.at) >= window.start)
        .subquery("made")
    )


def _stats(row: Any) -> SessionStats:
    if row is None:
        return SessionStats(0, 0, None, 0, None, None, None, None)
    median, p90 = row.lengths_ms
    return SessionStats(
        sessions=row.sessions,
        events=int(row.events),
        events_per_session=round(int(row.events) / row.sessions, 2),
        bounces=row.bounces,
        bounce_rate=round(row.bounces / row.sessions, 4),
        mean_length_ms=round(row.mean_length_ms, 1),
        median_length_ms=round(median, 1),
        p90_length_ms=round(p90, 1),
    )
