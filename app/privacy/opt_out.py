"""Opting out, purpose by purpose.

- `analytics`: nothing is recorded any more, and what was is hidden from all analytics. The user's
  share is taken off the totals, and put back when they opt in again.
- `ai_context`: hidden from what assistants read.
- `learning`: hidden from what is learned; what was foretold is forgotten.
"""

from dataclasses import dataclass, fields

from sqlalchemy import and_, delete, select, text

from app.db import Database, WriteSession
from app.models import AppUser, Erasure
from app.models_insights import PredictionScore, ServedPrediction
from app.privacy.counted_kinds import add_kinds_of
from app.privacy.persons import count_change, last_erasure, lock_person, wait_for_writers
from app.settings import Settings
from app.totals import ADD_TO_ROLLUPS, BUCKET, SHARE

# A user's events into the totals, or with -1 out of them.
ADD_SHARE = text(
    f"""
    WITH counted AS (
      SELECT {BUCKET} AS bucket,
        event_type, event_category, event_action, coalesce(device_type, '') AS device_type,
        :sign * count(*) AS events, :sign * count(duration_ms) AS timed,
        :sign * coalesce(sum(duration_ms), 0)::bigint AS duration_ms
      FROM activity_event WHERE user_id = :user_id
      GROUP BY 1, 2, 3, 4, 5
    ), {SHARE}
    {ADD_TO_ROLLUPS}
    """  # noqa: S608 (both are ours)
)


UNFINISHED_OPT_OUT = and_(AppUser.analytics_opt_out, AppUser.counted, AppUser.email.is_not(None))


@dataclass(frozen=True, slots=True)
class OptOut:
    """What a user has opted out of."""

    analytics: bool = False
    ai_context: bool = False
    learning: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change; None leaves it as it is."""

    analytics: bool | None = None
    ai_context: bool | None = None
    learning: bool | None = None


async def get_opt_out(database: Database, settings: Settings, email: str) -> OptOut:
    """What this user has opted out of; also one who is not known, or was erased."""
    async with database.transaction() as session:
        return _of(await _holder(session, settings, email))


async def set_opt_out(database: Database, settings: Settings, email: str, change: Change) -> OptOut:
    """Changes it; when this returns, it holds for everything that is acknowledged from now on.

    Somebody who isn't known becomes so, as their wish has to be kept somewhere; of somebody who was
    erased it is kept with the tombstone.

    Raises:
        Unavailable: the database, or a transaction that takes too long; the same again goes on.
    """
    async with database.transaction() as session:
        holder = await _holder(session, settings, email)
        if holder is None:
            holder = AppUser(email=email, counted=True)
            session.add(holder)
            await session.flush()
        for field in fields(change):
            wanted = getattr(change, field.name)
            if wanted is not None:
                setattr(holder, f"{field.name}_opt_out", wanted)
        if isinstance(holder, AppUser) and not holder.analytics_opt_out and not holder.counted:
            await add_kinds_of(session, holder.id, settings.rollup_kinds_per_day)
            await session.execute(ADD_SHARE, {"user_id": holder.id, "sign": 1})
            holder.counted = True
        found = _of(holder)
        if isinstance(holder, AppUser) and (found.analytics or found.learning):
            for table in (ServedPrediction, PredictionScore):
                await session.execute(delete(table).where(table.user_id == holder.id))
        take_off = isinstance(holder, AppUser) and found.analytics and holder.counted
        await count_change(session)
    if take_off:
        await wait_for_writers(database)
        await _take_off(database, email)
    return found


async def _take_off(database: Database, email: str) -> None:
    """The user's share goes from the totals, once nobody writes more of it."""
    async with database.transaction() as session:
        user = await lock_person(session, email)
        if user is not None and user.analytics_opt_out and user.counted:
            await session.execute(ADD_SHARE, {"user_id": user.id, "sign": -1})
            user.counted = False
            await count_change(session)


async def finish_opt_outs(database: Database) -> None:
    """What a process that ended in the middle of it has left undone."""
    statement = select(AppUser.email).where(UNFINISHED_OPT_OUT)
    async with database.read() as session:
        emails = list(await session.scalars(statement))
    for email in emails:
        if email is not None:
            await wait_for_writers(database)
            await _take_off(database, email)


async def _holder(
    session: WriteSession, settings: Settings, email: str
) -> AppUser | Erasure | None:
    """The row that keeps a person's wishes."""
    return await lock_person(session, email) or await last_erasure(session, settings, email)


def _of(holder: AppUser | Erasure | None) -> OptOut:
    if holder is None:
        return OptOut()
    return OptOut(holder.analytics_opt_out, holder.ai_context_opt_out, holder.learning_opt_out)
