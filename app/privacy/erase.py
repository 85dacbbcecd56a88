"""Erasing a user: everything of theirs, then counted again; the proof doesn't say whose it was.

First the row loses its email, in the transaction that leaves the tombstone: from then on nothing of
the user can be read, and nothing more be written under that id. What is left is deleted in
transactions of bounded size, so that a huge user holds nobody up; whoever is cut off goes on there.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.db import Database, WriteSession
from app.errors import Unavailable
from app.models import ActivityEvent, ActivitySession, ActivityUserDay, AppUser, Erasure
from app.models_insights import PredictionScore, ServedPrediction
from app.privacy.cleanup import delete_some
from app.privacy.persons import count_change, hash_of, last_erasure, lock_person, wait_for_writers
from app.settings import Settings

# Where a user is, in the order of a receipt; of it, what is made from their events.
TABLES: dict[str, InstrumentedAttribute[int]] = {
    "activity_event": ActivityEvent.user_id,
    "activity_session": ActivitySession.user_id,
    "activity_user_day": ActivityUserDay.user_id,
    "served_prediction": ServedPrediction.user_id,
    "prediction_score": PredictionScore.user_id,
    "app_user": AppUser.id,
}
DERIVED = tuple(table for table in TABLES if table not in {"activity_event", "app_user"})


@dataclass(frozen=True, slots=True)
class Receipt:
    """That somebody was erased: what was deleted, what was then still found (nothing), and a
    SHA-256 over all of it as canonical JSON (sorted keys), by which a copy can be checked."""

    receipt_id: UUID
    erased_at: datetime
    finished_at: datetime
    deleted: dict[str, int]
    remaining: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        plain = asdict(self) | {"receipt_id": str(self.receipt_id)}
        return plain | {"sha256": hashlib.sha256(_canonical(plain)).hexdigest()}


async def erase_user(
    database: Database,
    settings: Settings,
    email: str,
    now: datetime,
    *,
    on_deleted: Callable[[int], None] = lambda _: None,
) -> Receipt:
    """Erases a user; events of theirs from until `now` that arrive later are suppressed.

    Somebody who isn't known is erased, too: what a client of theirs still holds must not come back.

    Args:
        on_deleted: told of each transaction's number of events, for a progress bar.

    Raises:
        Unavailable: the same again goes on where it was; the user can't be read by then.
    """
    return await finish_erasure(
        database, await begin_erasure(database, settings, email, now), on_deleted=on_deleted
    )


async def begin_erasure(database: Database, settings: Settings, email: str, now: datetime) -> UUID:
    """From the return on, the user can't be found, nor written to; the erasure's id.

    Where one was begun and cut off, and nobody of this email has come since, it is that one.
    """
    async with database.transaction() as session:
        user = await lock_person(session, email)
        before = await last_erasure(session, settings, email)
        if user is None and before is not None and before.finished_at is None:
            return before.id
        wishes = user or before
        erasure = Erasure(
            id=uuid4(),
            email_hash=await hash_of(session, settings, email),
            erased_at=now,
            user_id=user.id if user else None,
            analytics_opt_out=wishes.analytics_opt_out if wishes else False,
            ai_context_opt_out=wishes.ai_context_opt_out if wishes else False,
            learning_opt_out=wishes.learning_opt_out if wishes else False,
            deleted=dict.fromkeys(TABLES, 0),
        )
        session.add(erasure)
        if user is not None:
            user.email = None
        await count_change(session)
        return erasure.id


async def finish_erasure(
    database: Database, erasure_id: UUID, *, on_deleted: Callable[[int], None] = lambda _: None
) -> Receipt:
    """Deletes what is left of the user, and counts again."""
    user_id = await _user_of(database, erasure_id)
    if user_id is not None:
        await wait_for_writers(database)
        await _note_derived(database, erasure_id, user_id)

        async def note(session: WriteSession, events: int) -> None:
            erasure = await session.get_one(Erasure, erasure_id, with_for_update=True)
            events += erasure.deleted["activity_event"]
            erasure.deleted = {**erasure.deleted, "activity_event": events}
            await session.flush()

        where = [ActivityEvent.user_id == user_id]
        while deleted := await delete_some(database, where, and_note=note):
            on_deleted(deleted)
    async with database.transaction() as session:
        erasure = await session.get_one(Erasure, erasure_id, with_for_update=True)
        remaining = dict.fromkeys(TABLES, 0)
        if erasure.user_id is not None:
            for table in (*DERIVED, "app_user"):
                column = TABLES[table]
                await session.execute(delete(column.class_).where(column == erasure.user_id))
            for table, column in TABLES.items():
                count = select(func.count()).where(column == erasure.user_id)
                remaining[table] = (await session.scalars(count)).one()
            if any(remaining.values()):
                raise Unavailable("Something of this user was still there. Send the same again.")
            erasure.deleted = {**erasure.deleted, "app_user": 1}
        if erasure.finished_at is None:
            erasure.finished_at = datetime.now(UTC)
            erasure.user_id = None
        await count_change(session)
        # jsonb keeps no order.
        counts = {table: erasure.deleted.get(table, 0) for table in TABLES}
        return Receipt(erasure.id, erasure.erased_at, erasure.finished_at, counts, remaining)


async def finish_erasures(database: Database) -> None:
    """What a process that ended in the middle of it has left undone."""
    async with database.read() as session:
        pending = list(
            await session.scalars(select(Erasure.id).where(Erasure.finished_at.is_(None)))
        )
    for erasure_id in pending:
        await finish_erasure(database, erasure_id)


async def count_events(database: Database, email: str) -> int:
    """How many events a user has, for a progress bar."""
    async with database.read() as session:
        user_id = (
            await session.scalars(select(AppUser.id).where(AppUser.email == email))
        ).one_or_none()
    return 0 if user_id is None else await _count(database, TABLES["activity_event"], user_id)


async def _user_of(database: Database, erasure_id: UUID) -> int | None:
    async with database.read() as session:
        statement = select(Erasure.user_id).where(Erasure.id == erasure_id)
        return (await session.scalars(statement)).one()


async def _count(database: Database, column: InstrumentedAttribute[int], user_id: int) -> int:
    async with database.read() as session:
        return (await session.scalars(select(func.count()).where(column == user_id))).one()


async def _note_derived(database: Database, erasure_id: UUID, user_id: int) -> None:
    """How much there was of it before any of it went; one that goes on finds less."""
    found = {table: await _count(database, TABLES[table], user_id) for table in DERIVED}
    async with database.transaction() as session:
        erasure = await session.get_one(Erasure, erasure_id, with_for_update=True)
        most = {table: max(found[table], erasure.deleted.get(table, 0)) for table in DERIVED}
        erasure.deleted = {**erasure.deleted, **most}
        await session.flush()


def _canonical(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
