"""Number of events, by kind and local hour, and number of sessions.

One user's past days are read from their summaries, counts over all users from the rollups, and
everything else from the events.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import BigInteger, cast, func, select

from app.analytics.rollup_counts import OTHER_KIND, SourceName, counted
from app.analytics.user_days import KINDS_MAX, Kind, UserCounts, read_user
from app.database.sessions import ReadSession
from app.models import ActivityEvent, ActivitySession
from app.read.conditions import carried_into, has_session, started_in
from app.read.filters import (
    EventFilter,
    asks_for_one_user,
    asks_for_users,
    compile_filter,
    of_users,
)
from app.read.time_buckets import local_hour
from app.read.window import Window


@dataclass(slots=True)
class Counts(UserCounts):
    """`kinds` maps (type, category, action, device) to events, timed ones and the sum of their
    `duration_ms`; `OTHER_KIND` has all kinds that are not listed. `hours` maps an hour of the local
    clock, counted from 1970, to events. `sessions` are the distinct ones among the events, where
    equal ids of two users are two. `rows_read` are those of the source."""

    kinds: dict[Kind, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    hours: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    source: SourceName = "events"

    @property
    def events(self) -> int:
        return sum(self.hours.values())

    @property
    def truncated(self) -> bool:
        return self.kinds.get(OTHER_KIND, [0])[0] > 0


async def count_events(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    kinds: bool = True,
    hours: bool = True,
    sessions: bool = False,
) -> Counts:
    """Count a filter's events in a window.

    Args:
        kinds: they are wanted; of more than `KINDS_MAX`, those with the most events are listed.
        hours: they are wanted.
        sessions: they are wanted.

    Raises:
        TooExpensive: too many events that no total answers for.
    """
    counts = Counts()
    if asks_for_one_user(filter_):
        counts.source = "user_days"
        await read_user(session, filter_, window, counts, kinds=kinds, sessions=sessions)
        return counts
    if kinds:
        await _count_kinds(session, filter_, window, counts)
    if hours:
        await _count_hours(session, filter_, window, counts)
    if sessions:
        counts.sessions = await _count_sessions(session, filter_, window)
    return counts


async def _count_kinds(
    session: ReadSession, filter_: EventFilter, window: Window, counts: Counts
) -> None:
    source = await counted(session, filter_, window, by_time=False)
    rows = source.rows.c
    kind = (rows.type, rows.category, rows.action, rows.device)
    events = func.sum(rows.events).label("events")
    by_kind = (
        select(
            *kind,
            events,
            func.sum(rows.timed).label("timed"),
            func.sum(rows.duration_ms).label("duration_ms"),
            func.count().label("rows_read"),
            cast(func.sum(events).over(), BigInteger).label("total"),
        )
        .group_by(*kind)
        .having(events > 0)
        .order_by(events.desc(), *kind)
        .limit(KINDS_MAX)
    )
    counts.source = source.name
    rest = 0
    for number, row in enumerate(await session.execute(by_kind)):
        rest = (rest if number else row.total) - int(row.events)
        counts.kinds[row[0], row[1], row[2], row[3]] = [int(each) for each in row[4:7]]
        counts.rows_read += row.rows_read
    if rest:
        counts.kinds[OTHER_KIND][0] += rest


async def _count_hours(
    session: ReadSession, filter_: EventFilter, window: Window, counts: Counts
) -> None:
    source = await counted(session, filter_, window, by_kind=False)
    rows = source.rows.c
    hour = local_hour(rows.at, window).label("hour")
    by_hour = select(
        hour, func.sum(rows.events).label("events"), func.count().label("rows_read")
    ).group_by(hour)
    counts.source = source.name
    for row in await session.execute(by_hour):
        counts.hours[row.hour] = int(row.events)
        counts.rows_read += row.rows_read


async def _count_sessions(session: ReadSession, filter_: EventFilter, window: Window) -> int:
    """Count sessions: from `activity_session` if the filter only names users. Sessions count if
    they began in the window, or before it and have an event in it."""
    if not asks_for_users(filter_):
        where = (await compile_filter(session, filter_, window)).where()
        distinct = (
            select(ActivityEvent.user_id, ActivityEvent.session_id)
            .where(*where, has_session())
            .distinct()
        )
        return (await session.scalars(select(func.count()).select_from(distinct.subquery()))).one()
    users = await of_users(session, filter_, ActivitySession.user_id)
    began, carried, long = (
        select(func.count()).select_from(ActivitySession).where(*users, *which).scalar_subquery()
        for which in (
            started_in(window),
            carried_into(window, long=False),
            carried_into(window, long=True),
        )
    )
    found = await session.scalars(select(cast(began + carried + long, BigInteger)))
    return found.one()
