"""Users who have no events left: retention deletes their email addresses, too.

Their opt-outs stay in force: they are stored with a tombstone, like those of an erased user, which
does not reveal the user.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, select

from app.database.locks import LOCK_ALL, USER_LOCK_CLASS, user_lock
from app.database.sessions import Database, ReadSession, WriteSession
from app.models import (
    ActivityEvent,
    ActivityUserDay,
    AppUser,
    Erasure,
)
from app.privacy.erase import DERIVED, TABLES
from app.privacy.erasure_secret import remember_secret
from app.privacy.user_locks import count_change, hash_of
from app.settings import Settings

USERS_AT_ONCE = 500


async def forget_idle_users(
    database: Database, settings: Settings, before: datetime, now: datetime
) -> int:
    """Delete the users who have no events, with all other data about them; return their number.

    Args:
        before: Their opt-outs are stored like those of a user erased then.

    Raises:
        Unavailable: A concurrent ingestion takes too long.
    """
    forgotten = after = 0
    while True:
        async with database.read() as session:
            user_ids = list(
                await session.scalars(
                    select(AppUser.id)
                    .where(AppUser.id > after, AppUser.email.is_not(None))
                    .order_by(AppUser.id)
                    .limit(USERS_AT_ONCE)
                )
            )
            idle = await _without_days(session, user_ids)
        if idle:
            async with database.transaction() as session:
                forgotten += await _forget(session, settings, idle, before, now)
        if len(user_ids) < USERS_AT_ONCE:
            return forgotten
        after = user_ids[-1]


async def _without_days(session: ReadSession, user_ids: Sequence[int]) -> list[int]:
    """Return users who probably have no events, because no user-day exists."""
    active = await session.scalars(
        select(ActivityUserDay.user_id).where(ActivityUserDay.user_id.in_(user_ids)).distinct()
    )
    return sorted(set(user_ids) - set(active))


async def _forget(
    session: WriteSession,
    settings: Settings,
    user_ids: list[int],
    before: datetime,
    now: datetime,
) -> int:
    """Delete users; a concurrent writer has either committed before, or finds the user gone."""
    keys = sorted({user_lock(user_id) for user_id in user_ids})
    # An ingest holds its users' locks, shared, from before it writes until it ends.
    await session.execute(LOCK_ALL, {"class": USER_LOCK_CLASS, "keys": keys})
    active = await session.scalars(
        select(ActivityEvent.user_id).where(ActivityEvent.user_id.in_(user_ids)).distinct()
    )
    idle = sorted(set(user_ids) - set(active))
    statement = select(AppUser).where(AppUser.id.in_(idle), AppUser.email.is_not(None))
    users = (await session.scalars(statement.order_by(AppUser.id).with_for_update())).all()
    wishes = [
        user
        for user in users
        if user.analytics_opt_out or user.ai_context_opt_out or user.learning_opt_out
    ]
    for user in wishes:
        erased_at = before
        if user.not_before is not None:  # the latest tombstone is the one that holds
            erased_at = max(before, user.not_before + timedelta(microseconds=1))
        session.add(
            Erasure(
                id=uuid4(),
                email_hash=await hash_of(session, settings, str(user.email)),
                erased_at=erased_at,
                analytics_opt_out=user.analytics_opt_out,
                ai_context_opt_out=user.ai_context_opt_out,
                learning_opt_out=user.learning_opt_out,
                finished_at=now,
                deleted=dict.fromkeys(TABLES, 0),
            )
        )
    gone = [user.id for user in users]
    for table in (*DERIVED, "app_user"):
        column = TABLES[table]
        await session.execute(delete(column.class_).where(column.in_(gone)))
    if wishes:
        await remember_secret(session, settings)
        await count_change(session)
    return len(gone)
