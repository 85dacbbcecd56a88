"""Opt-outs and erasures from one database into another.

An opt-out is only ever added: a file may be older than what its user wished since. An erasure goes
over by its tombstone, whose hash means something to a database with the same secret alone.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from app.database.erasure_hash import OWN_SECRET, email_hash, fingerprint
from app.database.sessions import Database, ReadSession, WriteSession
from app.models import AppUser, Erasure, ServiceSecret
from app.privacy.erase import TABLES
from app.privacy.erasure_secret import remember_secret
from app.privacy.opt_out import Change, set_opt_out
from app.privacy.user_locks import count_change, wait_for_writers
from app.schemas.privacy_lines import ErasureLine, PrivacyLine, SecretLine, UserLine
from app.settings import Settings

PAGE_ROWS = 1000
CHECK_BYTES = 8  # of the fingerprint, to tell one secret from another

RAISE_BORDERS = text(
    "UPDATE app_user SET not_before = greatest(app_user.not_before, erased.at)"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:ats AS timestamptz[])) AS erased (id, at)"
    " WHERE app_user.id = erased.id"
)


@dataclass(slots=True)
class PrivacyCounts:
    """Counts of the lines of a file.

    `foreign` erasures use another secret and can't be imported. `still_here` are users of this
    database who were erased in the other one. `is_secret_new` says that another secret was in use
    until now, which running services may remember.
    """

    opt_outs: int = 0
    erasures: int = 0
    foreign: int = 0
    is_secret_new: bool = False
    still_here: set[str] = field(default_factory=set)


async def privacy_lines(
    database: Database, settings: Settings, *, with_secret: bool
) -> AsyncIterator[PrivacyLine]:
    """Yield the users who opted out of anything, by email, and then all erasures, by time.

    Args:
        with_secret: the secret of the erasures comes first, where the database has made it.
    """
    async with database.read() as session:
        secret = await _secret(session, settings)
        erasures = list(await session.scalars(select(Erasure).order_by(Erasure.erased_at)))
    if with_secret and secret is not None and erasures and settings.erasure_secret is None:
        yield SecretLine(secret)
    after = ""
    while True:
        async with database.read() as session:
            users = list(await session.scalars(_opted_out(after)))
        for user in users:
            if user.email is not None:
                after = user.email
                yield UserLine(user.email, user.created_at, _opt_outs(user))
        if len(users) < PAGE_ROWS:
            break
    # Once more: those who were erased meanwhile are no users any more.
    async with database.read() as session:
        secret = await _secret(session, settings)
        erasures = list(await session.scalars(select(Erasure).order_by(Erasure.erased_at)))
    if secret is None:
        return
    check = _check_of(secret)
    for erasure in erasures:
        yield ErasureLine(
            erasure.id, erasure.email_hash, erasure.erased_at, _opt_outs(erasure), check
        )


async def apply_privacy_lines(
    database: Database, settings: Settings, lines: Sequence[PrivacyLine], counts: PrivacyCounts
) -> None:
    """Apply the lines. When this returns, they apply to every event that is written from then on.

    Applying the same lines again changes nothing. A secret is only imported if no user was erased
    yet.
    """
    for line in lines:
        if isinstance(line, SecretLine) and settings.erasure_secret is None:
            await _take_secret(database, settings, line, counts)
    for line in lines:
        if isinstance(line, UserLine) and any(line.opt_outs):
            await set_opt_out(database, settings, line.email, _added(line.opt_outs))
            counts.opt_outs += 1
    erasures = [line for line in lines if isinstance(line, ErasureLine)]
    if not erasures:
        return
    async with database.read() as session:
        secret = await _secret(session, settings)
    check = None if secret is None else _check_of(secret)
    own = [line for line in erasures if line.secret_check == check]
    counts.foreign += len(erasures) - len(own)
    counts.erasures += len(own)
    if secret is not None and own:
        await _add_tombstones(database, settings, own)
        await wait_for_writers(database)
        await _raise_borders(database, secret, own, counts)
        hashes = {line.email_hash: line.opt_outs for line in own if any(line.opt_outs)}
        for email in sorted(counts.still_here):
            opt_outs = hashes.get(email_hash(secret, email), ())
            if opt_outs:
                await set_opt_out(database, settings, email, _added(opt_outs))


async def _take_secret(
    database: Database, settings: Settings, line: SecretLine, counts: PrivacyCounts
) -> None:
    """One is made by the first opt-out already; no hash hangs on it before the first erasure."""
    async with database.transaction() as session:
        before = await _secret(session, settings)
        has_erasures = (await session.scalars(select(Erasure.id).limit(1))).first() is not None
        if before == line.value or has_erasures:
            return
        statement = insert(ServiceSecret).values(name=OWN_SECRET, value=line.value)
        await session.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_={"value": line.value})
        )
        counts.is_secret_new = before is not None


def _added(opt_outs: Sequence[bool]) -> Change:
    """Opt out of these purposes, and leave the others as they are."""
    analytics, ai_context, learning = (True if opted_out else None for opted_out in opt_outs)
    return Change(analytics, ai_context, learning)


async def _add_tombstones(
    database: Database, settings: Settings, lines: Sequence[ErasureLine]
) -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": line.id,
            "email_hash": line.email_hash,
            "erased_at": line.erased_at,
            "analytics_opt_out": line.opt_outs[0],
            "ai_context_opt_out": line.opt_outs[1],
            "learning_opt_out": line.opt_outs[2],
            "finished_at": datetime.now(UTC),  # there is nothing of theirs here
            "deleted": dict.fromkeys(TABLES, 0),
        }
        for line in lines
    ]
    async with database.transaction() as session:
        await session.execute(insert(Erasure).on_conflict_do_nothing(), rows)
        await remember_secret(session, settings)
        await count_change(session)


async def _raise_borders(
    database: Database, secret: bytes, lines: Sequence[ErasureLine], counts: PrivacyCounts
) -> None:
    """Reject events from before their erasure for those who are users here."""
    erased_at: dict[bytes, datetime] = {}
    for line in lines:
        last = erased_at.get(line.email_hash, line.erased_at)
        erased_at[line.email_hash] = max(last, line.erased_at)
    after = 0
    while True:
        async with database.transaction() as session:
            users = await _some_users(session, after)
            borders: dict[int, datetime] = {}
            for user_id, email, not_before in users:
                at = erased_at.get(email_hash(secret, email))
                if at is not None and (not_before is None or not_before < at):
                    borders[user_id] = at
                    counts.still_here.add(email)
            if borders:
                values = {"ids": list(borders), "ats": list(borders.values())}
                await session.execute(RAISE_BORDERS, values)
                await count_change(session)
        if len(users) < PAGE_ROWS:
            return
        after = users[-1][0]


async def _some_users(session: WriteSession, after: int) -> list[tuple[int, str, datetime | None]]:
    statement = (
        select(AppUser.id, AppUser.email, AppUser.not_before)
        .where(AppUser.id > after, AppUser.email.is_not(None))
        .order_by(AppUser.id)
        .limit(PAGE_ROWS)
    )
    return [(row[0], row[1] or "", row[2]) for row in await session.execute(statement)]


def _opted_out(after: str) -> Any:
    has_opted_out = (
        AppUser.analytics_opt_out | AppUser.ai_context_opt_out | AppUser.learning_opt_out
    )
    return (
        select(AppUser)
        .where(has_opted_out, AppUser.email > after)
        .order_by(AppUser.email)
        .limit(PAGE_ROWS)
    )


def _opt_outs(holder: AppUser | Erasure) -> tuple[bool, ...]:
    return holder.analytics_opt_out, holder.ai_context_opt_out, holder.learning_opt_out


async def _secret(session: ReadSession | WriteSession, settings: Settings) -> bytes | None:
    """The secret of the hashes; None where none was ever needed."""
    if settings.erasure_secret is not None:
        return settings.erasure_secret.get_secret_value().encode()
    statement = select(ServiceSecret.value).where(ServiceSecret.name == OWN_SECRET)
    return (await session.scalars(statement)).one_or_none()


def _check_of(secret: bytes) -> str:
    return fingerprint(secret)[:CHECK_BYTES].hex()
