"""Erasure of a user: all their data is deleted and counts are corrected; the receipt does not
reveal the user.

First the row loses its email address, in the transaction that writes the tombstone: from then on
the user's data can't be read, and nothing more can be written under that id. The rest is deleted in
transactions of bounded size, so that a huge user blocks nobody else; an interrupted erasure resumes
where it stopped.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.database.sessions import Database, WriteSession
from app.errors import Unavailable
from app.models import (
    ActivityEvent,
    ActivitySession,
    ActivityUserDay,
    AppUser,
    Erasure,
    PredictionScore,
    ServedPrediction,
    StrayEvent,
)
from app.privacy.delete_events import delete_some
from app.privacy.erasure_secret import remember_secret
from app.privacy.merge_users import other_rows
from app.privacy.opt_out import UNFINISHED_OPT_OUT
from app.privacy.user_locks import (
    count_change,
    hash_of,
    last_erasure,
    lock_person,
    unfinished_erasures,
    wait_for_writers,
)
from app.settings import Settings

# Where a user is, in the order of a receipt; of it, what is made from their events.
TABLES: dict[str, InstrumentedAttribute[int]] = {
    "activity_event": ActivityEvent.user_id,
    "activity_session": ActivitySession.user_id,
    "activity_user_day": ActivityUserDay.user_id,
    "stray_event": StrayEvent.user_id,
    "served_prediction": ServedPrediction.user_id,
    "prediction_score": PredictionScore.user_id,
    "app_user": AppUser.id,
}
DERIVED = tuple(table for table in TABLES if table not in {"activity_event", "app_user"})


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Interrupted erasures and opt-outs, which a running service finishes within a minute or two;
    for erasures, with the time of the oldest."""

    erasures: int
    opt_outs: int
    oldest_erasure_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of an erasure: what was deleted, and what was found afterwards (nothing)."""

    receipt_id: UUID
    erased_at: datetime
    finished_at: datetime
    deleted: dict[str, int]
    remaining: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"receipt_id": str(self.receipt_id)}


async def erase_user(
    database: Database,
    settings: Settings,
    email: str,
    now: datetime,
    *,
    on_deleted: Callable[[int], None] = lambda _: None,
) -> Receipt:
    """Erases a user; events of theirs from until `now` that arrive later are suppressed.

    An unknown user is erased, too: events that a client of theirs still holds must not come back.

    Args:
        on_deleted: told of each transaction's number of events, for a progress bar.

    Raises:
        Unavailable: Run it again to resume; the user is already hidden.
    """
    erasure_ids = await begin_erasure(database, settings, email, now)
    receipts = [
        await finish_erasure(database, erasure_id, on_deleted=on_deleted)
        for erasure_id in erasure_ids
    ]
    return replace(
        receipts[-1],
        deleted=_sums(receipt.deleted for receipt in receipts),
        remaining=_sums(receipt.remaining for receipt in receipts),
    )


async def begin_erasure(
    database: Database, settings: Settings, email: str, now: datetime
) -> list[UUID]:
    """Hide the user: from the return on, they can't be found, nor written to.

    Returns:
        The ids of the person's erasures to be finished, the oldest first: those that were cut off,
        and a new one, unless no user with this email has existed since the last.
    """
    async with database.transaction() as session:
        user = await lock_person(session, email)
        last = await last_erasure(session, settings, email)
        unfinished = [each.id for each in await unfinished_erasures(session, settings, email)]
        # Rows of other spellings, and those that are being merged, are this person's, too.
        others = await other_rows(session, email)
        users = [*others, *([user] if user else [])]
        if not users and unfinished:
            return unfinished
        wishes: list[AppUser | Erasure] = [*users] or ([last] if last else [])
        no_row: list[AppUser | None] = [None]
        begun = [
            Erasure(
                id=uuid4(),
                email_hash=await hash_of(session, settings, email),
                erased_at=now,
                user_id=each.id if each else None,
                analytics_opt_out=any(wish.analytics_opt_out for wish in wishes),
                ai_context_opt_out=any(wish.ai_context_opt_out for wish in wishes),
                learning_opt_out=any(wish.learning_opt_out for wish in wishes),
                deleted=dict.fromkeys(TABLES, 0),
            )
            for each in users or no_row
        ]
        session.add_all(begun)
        for each in users:
            each.email = None
        await remember_secret(session, settings)
        await count_change(session)
        return [*unfinished, *(each.id for each in begun)]


async def finish_erasure(
    database: Database, erasure_id: UUID, *, on_deleted: Callable[[int], None] = lambda _: None
) -> Receipt:
    """Delete what is left of the user, and count again. Several processes may do so at once."""
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
        while (deletion := await delete_some(database, where, and_note=note)).found:
            on_deleted(deletion.deleted)
    async with database.transaction() as session:
        # In the order of a clean-up: the user, and then what is noted of it.
        await session.execute(select(AppUser.id).where(AppUser.id == user_id).with_for_update())
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
                raise Unavailable("Some data of this user is still stored. Retry the request.")
            erasure.deleted = {**erasure.deleted, "app_user": 1}
        if erasure.finished_at is None:
            erasure.finished_at = datetime.now(UTC)
            erasure.user_id = None
        await count_change(session)
        # jsonb keeps no order.
        counts = {table: erasure.deleted.get(table, 0) for table in TABLES}
        return Receipt(erasure.id, erasure.erased_at, erasure.finished_at, counts, remaining)


async def finish_erasures(database: Database) -> None:
    """Finishes what a process that ended in the middle of it has left undone.

    Raises:
        Unavailable: some can't be finished now; all others are.
    """
    async with database.read() as session:
        unfinished = select(Erasure.id).where(Erasure.finished_at.is_(None))
        pending = list(await session.scalars(unfinished.order_by(Erasure.erased_at)))
    failure: Unavailable | None = None
    for erasure_id in pending:
        try:
            await finish_erasure(database, erasure_id)
        except Unavailable as error:
            failure = error
    if failure is not None:
        raise failure


async def find_unfinished(database: Database) -> Unfinished:
    """Count the erasures and opt-outs that were begun and are not done."""
    erasures = select(func.count(), func.min(Erasure.erased_at)).where(
        Erasure.finished_at.is_(None)
    )
    opt_outs = select(func.count()).where(UNFINISHED_OPT_OUT)
    async with database.read() as session:
        count, oldest = (await session.execute(erasures)).one()
        return Unfinished(count, (await session.scalars(opt_outs)).one(), oldest)


async def count_events(database: Database, email: str) -> int:
    """Count the events of a user, for a progress bar."""
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
    """Record the number of derived rows before the first is deleted; a resumed erasure finds
    fewer."""
    found = {table: await _count(database, TABLES[table], user_id) for table in DERIVED}
    async with database.transaction() as session:
        erasure = await session.get_one(Erasure, erasure_id, with_for_update=True)
        most = {table: max(found[table], erasure.deleted.get(table, 0)) for table in DERIVED}
        erasure.deleted = {**erasure.deleted, **most}
        await session.flush()


def _sums(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    sums = dict.fromkeys(TABLES, 0)
    for each in counts:
        for table, rows in each.items():
            sums[table] += rows
    return sums
