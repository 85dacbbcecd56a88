"""Locks of opt-outs and erasures: on a user's row, their tombstone, and concurrent writers."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from app.database.erasure_hash import email_hash
from app.database.locks import EMAIL_LOCK_CLASS, LOCK, email_lock
from app.database.sessions import Database, WriteSession
from app.errors import Unavailable
from app.models import AppUser, Erasure, PrivacyChange
from app.privacy.erasure_secret import erasure_secret
from app.schemas.email import earlier_forms
from app.settings import Settings

POLL_SECONDS = 0.02
WRITERS_WAIT_SECONDS = 60

COUNT_CHANGE = (
    insert(PrivacyChange)
    .values(id=1, changes=1)
    .on_conflict_do_update(index_elements=["id"], set_={"changes": PrivacyChange.changes + 1})
)
# Who has written an event and not ended yet. On Citus, a lock goes once all workers have committed,
# but a transaction leaves the snapshots before that, and has no number until it commits.
WRITERS = text(
    """
    SELECT virtualtransaction FROM pg_locks JOIN pg_database ON pg_database.oid = database
    WHERE datname = current_database() AND relation = 'activity_event'::regclass
      AND mode = 'RowExclusiveLock' AND granted
    """
)


async def lock_person(session: WriteSession, email: str) -> AppUser | None:
    """Their row, locked until the transaction ends, against an ingest that would just make it."""
    await session.execute(LOCK, {"class": EMAIL_LOCK_CLASS, "key": email_lock(email)})
    statement = select(AppUser).where(AppUser.email == email).with_for_update()
    return (await session.scalars(statement)).one_or_none()


async def last_erasure(session: WriteSession, settings: Settings, email: str) -> Erasure | None:
    """The latest tombstone of this person.

    Those of other forms of their address, left by an earlier version, become tombstones of this
    one: the latest takes over what they had opted out of.
    """
    secret = await erasure_secret(session, settings)
    own = email_hash(secret, email)
    forms = [own, *(email_hash(secret, form) for form in earlier_forms(email))]
    statement = (
        select(Erasure).where(Erasure.email_hash.in_(forms)).order_by(Erasure.erased_at.desc())
    )
    tombstones = (await session.scalars(statement)).all()
    if not tombstones:
        return None
    last = tombstones[0]
    if any(each.email_hash != own for each in tombstones):
        latest = {each.email_hash: each for each in reversed(tombstones)}.values()
        last.analytics_opt_out = any(each.analytics_opt_out for each in latest)
        last.ai_context_opt_out = any(each.ai_context_opt_out for each in latest)
        last.learning_opt_out = any(each.learning_opt_out for each in latest)
        for each in tombstones:
            each.email_hash = own
        await session.flush()
    return last


async def unfinished_erasures(
    session: WriteSession, settings: Settings, email: str
) -> Sequence[Erasure]:
    """The erasures of this person that were cut off, the oldest first; of other forms of their
    address, once `last_erasure` has made them tombstones of this one."""
    statement = (
        select(Erasure)
        .where(Erasure.email_hash == await hash_of(session, settings, email))
        .where(Erasure.finished_at.is_(None))
        .order_by(Erasure.erased_at)
    )
    return (await session.scalars(statement)).all()


async def hash_of(session: WriteSession, settings: Settings, email: str) -> bytes:
    """The keyed hash that a tombstone has."""
    return email_hash(await erasure_secret(session, settings), email)


async def count_change(session: WriteSession) -> None:
    """Make the changes of this transaction visible to all readers at once, also those of a replica.

    Call it last: other such transactions wait until this one is committed, so that a number that
    can be read also stands for the changes before it.
    """
    await session.flush()
    await session.execute(COUNT_CHANGE)


async def wait_for_writers(database: Database) -> None:
    """Return once all transactions have ended that had written events when this was called.

    An ingestion checks its users after it has written, and before it commits: one that began later
    than a change of theirs sees it.

    Raises:
        Unavailable: one of them takes too long.
    """
    async with database.read() as session:
        writers = set(await session.scalars(WRITERS))
        try:
            async with asyncio.timeout(WRITERS_WAIT_SECONDS):
                while writers:  # nothing here can tell of another's commit
                    await asyncio.sleep(POLL_SECONDS)
                    writers &= set(await session.scalars(WRITERS))
        except TimeoutError as error:
            raise Unavailable(
                "Another transaction blocks this operation. Retry the request to resume it."
            ) from error
