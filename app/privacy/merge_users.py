"""Merging of users whose stored addresses are one address: earlier versions knew fewer spellings.

From the first transaction on, the address leads to the oldest of the users, with the opt-outs of
both. The other one keeps its events under an address that nobody can send, which still identifies
them; they are moved in transactions of bounded size. An interrupted merge resumes where it stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import or_, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.erasure_hash import OWN_SECRET, email_hash
from app.database.errors import sqlstate_of
from app.database.locks import EMAIL_LOCK_CLASS, LOCK, email_lock
from app.database.sessions import WriteSession, transaction_on
from app.errors import Unavailable
from app.models import AppUser, Erasure, ServiceSecret
from app.privacy.delete_events import ROWS_PER_TRANSACTION, delete_rows
from app.privacy.move_events import move_some
from app.privacy.user_locks import (
    POLL_SECONDS,
    WRITERS,
    WRITERS_WAIT_SECONDS,
    count_change,
)
from app.schemas.email import earlier_forms, form_of_stored
from app.settings import Settings

T = TypeVar("T")
P = ParamSpec("P")

PAGE_ROWS = 10_000
ATTEMPTS_MAX = 10
BUSY = {"55P03", "40P01"}  # a lock was not to be had, a deadlock
# No version has taken an address with it: one that ends with it is of a user to be moved.
ASIDE = "\x1f"
ASIDE_MAX = 100  # of one address; more than one is left only where several runs were cut off
OPT_OUTS = ("analytics_opt_out", "ai_context_opt_out", "learning_opt_out")

# The addresses that may have another form: few, and found in one pass over the table.
CANDIDATES = text(
    """
    SELECT id, email FROM app_user
    WHERE id > :after AND (octet_length(email) <> char_length(email)
      OR email LIKE '%xn--%' OR email LIKE '%.' OR email LIKE '%\x1f')
    ORDER BY id LIMIT :at_most
    """
)

SELECT_ERASED = text(
    """
    SELECT user_id, event_timestamp, event_id, session_id,
      (event_timestamp AT TIME ZONE 'UTC')::date AS day
    FROM activity_event WHERE user_id = :user_id AND event_timestamp <= :until
    LIMIT :at_most
    """
)
SELECT_HASHES = text(
    "SELECT DISTINCT email_hash FROM erasure WHERE email_hash = ANY(CAST(:hashes AS bytea[]))"
)


async def join_users(connection: AsyncConnection, settings: Settings) -> int:
    """Normalise every stored address, and merge users who then have the same one.

    Ingestion continues meanwhile. A process of an earlier version may create another such user,
    which the next run finds.

    Args:
        connection: outside of a transaction.

    Returns:
        How many addresses were not in their form.

    Raises:
        Unavailable: another transaction is in the way; what was done stays done.
    """
    secret = await _again(connection, _erasure_secret, settings)
    count, after = 0, 0
    while page := await _again(connection, _candidates, after):
        forms: set[str] = set()
        for user_id, email in page:
            form = form_of_stored(email)
            if form is None:
                continue  # no address at all by now: `verify` names it
            if form != email:
                await _bring_together(connection, settings, user_id, form, secret)
                while await _again(connection, _delete_erased, form):
                    pass
                count += 1
            forms.add(form)
        if secret is not None:
            for form in await _again(connection, _erased_otherwise, forms, secret):
                await _again(connection, _heed_tombstones, form, secret, earlier_forms(form))
        after = page[-1][0]
    return count


async def other_rows(session: WriteSession, email: str) -> Sequence[AppUser]:
    """The rows of a person beside that of their address in its form, locked: those that an earlier
    version has stored, and those whose events are being moved."""
    forms = [*earlier_forms(email), *(email + count * ASIDE for count in range(1, ASIDE_MAX + 1))]
    statement = select(AppUser).where(AppUser.email.in_(forms)).order_by(AppUser.id)
    return (await session.scalars(statement.with_for_update())).all()


async def count_unnormalised(connection: AsyncConnection) -> int:
    """Count users whose address is not in its current normal form."""
    count, after = 0, 0
    while page := await _candidates(connection, after):
        count += sum(form_of_stored(email) != email for _, email in page)
        after = page[-1][0]
    return count


async def _candidates(
    connection: AsyncConnection | WriteSession, after: int
) -> list[tuple[int, str]]:
    rows = await connection.execute(CANDIDATES, {"after": after, "at_most": PAGE_ROWS})
    return [(user_id, email) for user_id, email in rows]


async def _bring_together(
    connection: AsyncConnection,
    settings: Settings,
    user_id: int,
    form: str,
    secret: bytes | None,
) -> None:
    pair = await _again(connection, _give_form, user_id, form, secret)
    if pair is None:
        return
    try:
        async with asyncio.timeout(WRITERS_WAIT_SECONDS):
            # See `wait_for_writers`: earlier writers do not see the change.
            writers = await _again(connection, _writers)
            while writers:
                await asyncio.sleep(POLL_SECONDS)
                writers &= await _again(connection, _writers)
    except TimeoutError as error:
        raise Unavailable(
            "Another transaction blocks merging two users. Run `activity-events migrate` again."
        ) from error
    while await _again(connection, move_some, *pair, form, settings.rollup_kinds_per_day):
        pass


async def _delete_erased(session: WriteSession, form: str) -> bool:
    """Delete some of what another spelling has of before the person's erasure; whether there was
    any."""
    user = (await session.scalars(select(AppUser).where(AppUser.email == form))).one_or_none()
    if user is None or user.not_before is None:
        return False
    given = {"user_id": user.id, "until": user.not_before, "at_most": ROWS_PER_TRANSACTION}
    rows = (await session.execute(SELECT_ERASED, given)).all()
    if rows:
        await delete_rows(session, rows)
    return bool(rows)


async def _again(
    connection: AsyncConnection,
    work: Callable[Concatenate[WriteSession, P], Awaitable[T]],
    *args: P.args,
    **named: P.kwargs,
) -> T:
    """Do a unit of work in a transaction of its own; again, where another one was in its way."""
    attempt = 1
    while True:
        try:
            async with transaction_on(connection) as session:
                return await work(session, *args, **named)
        except DBAPIError as error:
            if sqlstate_of(error) not in BUSY or attempt == ATTEMPTS_MAX:
                raise
        attempt += 1


async def _writers(session: WriteSession) -> set[str]:
    return set(await session.scalars(WRITERS))


async def _give_form(
    session: WriteSession, user_id: int, form: str, secret: bytes | None
) -> tuple[int, int] | None:
    """The user gets the address in its form. Where another one has it: the ids of the user whose
    events are to be moved, and of the one who gets them."""
    stored = await session.scalar(select(AppUser.email).where(AppUser.id == user_id))
    if stored is None:
        return None  # erased meanwhile
    for key in sorted({email_lock(stored), email_lock(form)}):
        await session.execute(LOCK, {"class": EMAIL_LOCK_CLASS, "key": key})
    statement = (
        select(AppUser)
        .where(or_(AppUser.id == user_id, AppUser.email == form))
        .where(AppUser.email.is_not(None))
        .order_by(AppUser.created_at, AppUser.id)
        .with_for_update()
    )
    users = (await session.scalars(statement)).all()
    if all(user.id != user_id for user in users):
        return None
    if len(users) == 1:
        users[0].email = form
        await session.flush()
        if secret is not None:
            await _heed_tombstones(session, form, secret, [form, *earlier_forms(form)])
        return None
    target, source = users
    if str(source.email).endswith(ASIDE):
        return source.id, target.id  # a run before this one was cut off
    for name in (*OPT_OUTS, "redated"):
        either = getattr(target, name) or getattr(source, name)
        setattr(target, name, either)
        setattr(source, name, either)
    seen = [user.first_seen_at for user in users if user.first_seen_at is not None]
    target.first_seen_at = min(seen, default=None)
    erased = [user.not_before for user in users if user.not_before is not None]
    target.not_before = max(erased, default=None)
    # Caches need no change: no process writes to this user from now on.
    source.not_before = datetime.now(UTC)
    aside = [form + count * ASIDE for count in range(1, ASIDE_MAX + 1)]
    taken = set(await session.scalars(select(AppUser.email).where(AppUser.email.in_(aside))))
    source.email = next(email for email in aside if email not in taken)
    await session.flush()
    target.email = form
    await count_change(session)
    return source.id, target.id


async def _erasure_secret(session: WriteSession, settings: Settings) -> bytes | None:
    """That of the tombstones, if there are any."""
    if await session.scalar(select(Erasure.id).limit(1)) is None:
        return None
    if settings.erasure_secret is not None:
        return settings.erasure_secret.get_secret_value().encode()
    statement = select(ServiceSecret.value).where(ServiceSecret.name == OWN_SECRET)
    return await session.scalar(statement)


async def _erased_otherwise(session: WriteSession, emails: set[str], secret: bytes) -> list[str]:
    """Return the users that were erased under another form of their address."""
    hashes = {email_hash(secret, form): email for email in emails for form in earlier_forms(email)}
    rows = await session.scalars(SELECT_HASHES, {"hashes": list(hashes)})
    return sorted({hashes[row] for row in rows})


async def _heed_tombstones(
    session: WriteSession, email: str, secret: bytes, forms: Sequence[str]
) -> None:
    """The user's address was erased in one of these forms: what was done before that stays away,
    and what they had opted out of holds. Such tombstones become those of the normal form."""
    own = email_hash(secret, email)
    hashes = [email_hash(secret, form) for form in forms]
    statement = select(Erasure).where(Erasure.email_hash.in_(hashes))
    if not (await session.scalars(statement.limit(1))).first():
        return
    await session.execute(LOCK, {"class": EMAIL_LOCK_CLASS, "key": email_lock(email)})
    user = (
        await session.scalars(select(AppUser).where(AppUser.email == email).with_for_update())
    ).one_or_none()
    if user is None:
        return
    tombstones = (await session.scalars(statement.order_by(Erasure.erased_at))).all()
    last = tombstones[-1].erased_at
    user.not_before = last if user.not_before is None else max(last, user.not_before)
    for latest in {each.email_hash: each for each in tombstones}.values():
        for name in OPT_OUTS:
            setattr(user, name, getattr(user, name) or getattr(latest, name))
    for tombstone in tombstones:
        tombstone.email_hash = own
    await count_change(session)
