"""Retention: events past their time go, by themselves.

A month that is wholly past goes with its partition; what is left is deleted row by row, in bounded
transactions. The totals of a month go in the transaction that takes its partition out, so that they
equal the events at every moment.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, not_, select, text

from app.db import Database
from app.ddl import alter_politely
from app.models import (
    ActivityEvent,
    ActivityRollup,
    ActivitySession,
    ActivityUserDay,
    AppUser,
    Duty,
    StrayEvent,
)
from app.models_insights import PredictionScore
from app.privacy.cleanup import clean_up, lock_sessions, recount_sessions
from app.privacy.first_seen import keep_first_seen_before
from app.privacy.idle_users import forget_idle_users
from app.privacy.partitions import (
    PARENT,
    Month,
    existing_partitions,
    tables_of_months,
)
from app.settings import Settings
from app.totals import Level

DUTY = "retention"
# A month is dropped so long after its last event could be logged: none of it is on its way then.
DROP_MARGIN = timedelta(hours=1)
OVERDUE = timedelta(days=2)
USERS_AT_ONCE = 1000
PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Enforced:
    """What was removed, or with `dry_run` would have been. `events_deleted` has the events of the
    dropped partitions, too."""

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
    """Removes everybody's events from before a time, and then whoever has none left; one that is
    cut off goes on where it stopped.

    Partitions are dropped only where no event may be logged into them any more.

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
    """One transaction: the totals of the oldest months, and then their partitions. Returns how
    many events these held.

    The table is locked last, for as long as a detaching takes, which moves no row; nobody who
    writes waits for anything before that, as nobody writes into those months any more.
    """
    end = months[-1].plus(1).start
    async with database.transaction() as session:
        # The totals know how many there were, but for users who are not in them.
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
            # What was written of this has to reach the disk before anybody else's next commit.
            await asyncio.sleep(PAUSE_SECONDS)
        await alter_politely(
            await session.connection(),
            *(f"ALTER TABLE {PARENT} DETACH PARTITION {month.partition}" for month in months),
        )
        await recount_sessions(session, sessions)
        return events


async def _drop(database: Database, name: str) -> None:
    """A month that is no part of the table any more: nobody waits for this. Where a process ended
    between the two, the next run finds it."""
    async with database.transaction() as session:
        # The name is that of a month.
        await session.execute(text(f"DROP TABLE IF EXISTS {name}"))


async def retention_state(database: Database, settings: Settings, now: datetime) -> RetentionState:
    """How retention stands. The oldest event is read off the partitions' indexes on their times."""
    async with database.read() as session:
        found = await session.scalars(select(Duty.last_success_at).where(Duty.name == DUTY))
        last = found.one_or_none()
        oldest = (await session.scalars(select(func.min(ActivityEvent.event_timestamp)))).one()
    past = oldest is not None and oldest < now - timedelta(days=settings.retention_days) - OVERDUE
    late = last is not None and now - last > OVERDUE
    return RetentionState(last, oldest, past or late)
