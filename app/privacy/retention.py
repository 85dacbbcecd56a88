"""Retention: events past the retention period are deleted automatically.

A month that is wholly past is dropped with its partition; the rest is deleted row by row, in
bounded transactions. The rollups of a month are subtracted in the transaction that detaches its
partition, so that they equal the events at every moment.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, not_, select, text

from app.database.lock_retry import with_lock_retry
from app.database.partitions import (
    PARENT,
    Month,
    existing_partitions,
    tables_of_months,
)
from app.database.rollup_sql import Level
from app.database.sessions import Database
from app.models import (
    ActivityEvent,
    ActivityRollup,
    ActivitySession,
    ActivityUserDay,
    AppUser,
    BackgroundTaskRun,
    PredictionScore,
    StrayEvent,
)
from app.privacy.delete_events import clean_up, lock_sessions, recount_sessions
from app.privacy.first_seen import keep_first_seen_before
from app.privacy.idle_users import forget_idle_users
from app.settings import Settings

DUTY = "retention"
# A month is dropped so long after its last event could be logged: none of it is on its way then.
DROP_MARGIN = timedelta(hours=1)
OVERDUE = timedelta(days=2)
USERS_AT_ONCE = 1000
PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Enforced:
    """The result of enforcing retention, or with `dry_run` its preview. `events_deleted` includes
    the events of dropped partitions."""

    events_deleted: int
    partitions_dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetentionState:
    """Whether the promise is kept; `overdue` says that it is not."""

    last_success_at: datetime | None
    oldest_event_at: datetime | None
    overdue: bool


async def enforce_retention(
    database: Database,
    settings: Settings,
    now: datetime,
    *,
    before: datetime | None = None,
    dry_run: bool = False,
    on_deleted: Callable[[int], None] = lambda _: None,
) -> Enforced:
    """Delete all users' events from before a time, and then users without events; an interrupted
    run resumes where it stopped.

    Partitions are dropped only if no event can be logged into them any more.

    Args:
        before: exclusive; by default what the retention setting says.
        on_deleted: told of each transaction's number of events, for a progress bar.

    Raises:
        Unavailable: the database went away, or a lock was not to be had.
    """
    allowed = now - timedelta(days=settings.retention_days)
    before = before or allowed
    last = min(before, allowed - DROP_MARGIN)
    async with database.read() as session:
        connection = await session.connection()
        attached = await existing_partitions(connection)
        tables = await tables_of_months(connection)
    doomed = {name: month for name, month in tables.items() if month.plus(1).start <= last}
    dropped = tuple(sorted(name for name in doomed if name in attached))
    if dry_run:
        counted = await clean_up(database, before=before, user_email=None, dry_run=True)
        return Enforced(counted.events_deleted, dropped)
    months = [doomed[name] for name in dropped]
    if months:
        await keep_first_seen_before(database, months[-1].plus(1).start.date())
    events = await _detach(database, months) if months else 0
    on_deleted(events)
    for name in sorted(doomed):
        await _drop(database, name)
    async with database.transaction() as session:
        too_old = PredictionScore.day < before.date()
        await session.execute(delete(PredictionScore).where(too_old))
    rest = await clean_up(
        database, before=before, user_email=None, dry_run=False, on_deleted=on_deleted
    )
    await forget_idle_users(database, settings, before, now)
    return Enforced(events + rest.events_deleted, dropped)


async def _detach(database: Database, months: Sequence[Month]) -> int:
    """Subtract the rollups of the oldest months and detach their partitions, in one transaction;
    return their number of events.

    The table is locked last, for the short time of detaching, which moves no row; writers don't
    wait before that, because they don't write to those months any more.
    """
    end = months[-1].plus(1).start
    async with database.transaction() as session:
        # The rollups have their number, except for users who are not in them.
        uncounted = select(AppUser.id).where(not_(AppUser.counted))
        of_uncounted = await session.scalars(
            select(func.count()).where(
                ActivityEvent.user_id.in_(uncounted), ActivityEvent.event_timestamp < end
            )
        )
        straddling = await session.execute(
            select(ActivitySession.user_id, ActivitySession.session_id)
            .where(ActivitySession.started_at < end, ActivitySession.ended_at >= end)
            .order_by(ActivitySession.user_id, ActivitySession.session_id)
        )
        sessions = [(user_id, session_id) for user_id, session_id in straddling]
        await lock_sessions(session, sessions)
        totals = await session.execute(
            delete(ActivityRollup)
            .where(ActivityRollup.bucket < end)
            .returning(ActivityRollup.level, ActivityRollup.events)
        )
        counted = sum(each for level, each in totals if level == Level.QUARTER)
        events = of_uncounted.one() + counted
        await session.execute(delete(ActivitySession).where(ActivitySession.ended_at < end))
        await session.execute(delete(StrayEvent).where(StrayEvent.event_timestamp < end))
        last = (await session.scalars(select(func.max(ActivityUserDay.user_id)))).one() or 0
        for first in range(0, last + 1, USERS_AT_ONCE):
            await session.execute(
                delete(ActivityUserDay).where(
                    ActivityUserDay.user_id >= first,
                    ActivityUserDay.user_id < first + USERS_AT_ONCE,
                    ActivityUserDay.day < end.date(),
                )
            )
            # These writes have to reach the disk before the next commit of others.
            await asyncio.sleep(PAUSE_SECONDS)
        await with_lock_retry(
            await session.connection(),
            *(f"ALTER TABLE {PARENT} DETACH PARTITION {month.partition}" for month in months),
        )
        await recount_sessions(session, sessions)
        return events


async def _drop(database: Database, name: str) -> None:
    """Drop a detached month, which blocks nobody. If a process ends between the two, the next run
    finds it."""
    async with database.transaction() as session:
        # The name is that of a month.
        await session.execute(text(f"DROP TABLE IF EXISTS {name}"))


async def retention_state(database: Database, settings: Settings, now: datetime) -> RetentionState:
    """Return the state of retention. The oldest event is read from the time indexes of the
    partitions."""
    async with database.read() as session:
        found = await session.scalars(
            select(BackgroundTaskRun.last_success_at).where(BackgroundTaskRun.name == DUTY)
        )
        last = found.one_or_none()
        oldest = (await session.scalars(select(func.min(ActivityEvent.event_timestamp)))).one()
    past = oldest is not None and oldest < now - timedelta(days=settings.retention_days) - OVERDUE
    late = last is not None and now - last > OVERDUE
    return RetentionState(last, oldest, past or late)
