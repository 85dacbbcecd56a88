"""Removing events: everybody's that are past their time, or one user's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, tuple_

from app.db import Database
from app.errors import InvalidRequest
from app.models import ActivityEvent, AppUser

# Rows of one transaction: small enough that ingest never waits for a lock or a vacuum behind it.
ROWS_PER_TRANSACTION = 10_000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed, or with `dry_run` would have been. `before` is exclusive; None is all."""

    events_deleted: int
    before: datetime | None
    dry_run: bool


def cutoff(
    now: datetime, days: int | None, retention_days: int, *, one_user: bool
) -> datetime | None:
    """Events before this go; None means all of the user's.

    Raises:
        InvalidRequest: that would be everything of everybody.
    """
    if days is None:
        return None if one_user else now - timedelta(days=retention_days)
    if days == 0 and not one_user:
        raise InvalidRequest.of("days", "0 would delete the events of all users; name a user_email")
    return None if days == 0 else now - timedelta(days=days)


async def clean_up(
    database: Database,
    *,
    before: datetime | None,
    user_email: str | None,
    dry_run: bool,
    on_deleted: Callable[[int], None] = lambda _: None,
) -> Cleaned:
    """Deletes in transactions of bounded size; one that is cut off goes on where it stopped.

    Args:
        before: only events from before this; None for all, which needs a user.
        user_email: only this user's, normalised. A user who isn't known has none.
        on_deleted: told of each transaction's number of rows, for a progress bar.

    Raises:
        ValueError: neither a time nor a user.
        Unavailable: the database went away; what was deleted until then stays deleted.
    """
    if before is None and user_email is None:
        raise ValueError("a clean-up needs a time or a user")
    async with database.read() as session:
        where: list[ColumnElement[bool]] = []
        if before is not None:
            where.append(ActivityEvent.event_timestamp < before)
        if user_email is not None:
            user_id = await session.scalar(select(AppUser.id).where(AppUser.email == user_email))
            if user_id is None:
                return Cleaned(0, before, dry_run)
            where.append(ActivityEvent.user_id == user_id)
        if dry_run:
            count = await session.scalar(
                select(func.count()).select_from(ActivityEvent).where(*where)
            )
            return Cleaned(int(count or 0), before, dry_run)
    deleted = 0
    while batch := await _delete_some(database, where):
        deleted += batch
        on_deleted(batch)
        if batch < ROWS_PER_TRANSACTION:
            break
    return Cleaned(deleted, before, dry_run)


async def _delete_some(database: Database, where: list[ColumnElement[bool]]) -> int:
    key = (ActivityEvent.user_id, ActivityEvent.event_timestamp, ActivityEvent.event_id)
    some = select(*key).where(*where).limit(ROWS_PER_TRANSACTION)
    async with database.transaction() as session:
        done = await session.execute(
            delete(ActivityEvent)
            .where(*where, tuple_(*key).in_(some))
            .execution_options(synchronize_session=False)
        )
        return int(done.rowcount)  # type: ignore[attr-defined]
