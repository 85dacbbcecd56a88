"""Opt-outs by purpose.

- `analytics`: nothing is recorded, and earlier activity is hidden from all analytics. The user's
  share is subtracted from the rollups, and added again when they opt in.
- `ai_context`: hidden from assistants.
- `learning`: hidden from training; stored predictions are deleted.
"""

from dataclasses import dataclass, fields

from sqlalchemy import and_, delete, select, text

from app.database.rollup_sql import ADD_TO_ROLLUPS, BUCKET, SHARE
from app.database.sessions import Database, WriteSession
from app.models import AppUser, Erasure, PredictionScore, ServedPrediction
from app.privacy.counted_kinds import add_kinds_of
from app.privacy.user_locks import count_change, last_erasure, lock_person, wait_for_writers
from app.settings import Settings

# Adds a user's events to the rollups, or with -1 subtracts them.
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
    """Opt-outs of a user."""

    analytics: bool = False
    ai_context: bool = False
    learning: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Changes of opt-outs; None leaves one unchanged."""

    analytics: bool | None = None
    ai_context: bool | None = None
    learning: bool | None = None


async def get_opt_out(database: Database, settings: Settings, email: str) -> OptOut:
    """Return the opt-outs of a user, also of an unknown or an erased one."""
    async with database.transaction() as session:
        return _of(await _holder(session, settings, email))


async def set_opt_out(database: Database, settings: Settings, email: str, change: Change) -> OptOut:
    """Change opt-outs; when this returns, they apply to everything that is acknowledged from now
    on.

    An unknown user is created, because the opt-out has to be stored; for an erased user it is
    stored with the tombstone.

    Raises:
        Unavailable: the database, or a transaction that takes too long; retry to resume.
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
    """Subtract the user's share from the rollups, once no transaction adds to it."""
    async with database.transaction() as session:
        user = await lock_person(session, email)
        if user is not None and user.analytics_opt_out and user.counted:
            await session.execute(ADD_SHARE, {"user_id": user.id, "sign": -1})
            user.counted = False
            await count_change(session)


async def finish_opt_outs(database: Database) -> None:
    """Finish opt-outs that a process left unfinished when it ended."""
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
