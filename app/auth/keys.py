"""Keys: made, kept as hashes, listed, revoked.

A key reads `ae_<scopes>_<prefix>_<secret>`. Its secret has 256 random bits, so that a plain SHA-256
keeps it as well as a slow hash would; the prefix finds its row and may be shown.
"""

import hashlib
import secrets
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Date, delete, exists, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from app.auth.principal import Scope
from app.database.sessions import Database
from app.errors import InvalidRequest, NotFound
from app.formats.origins import normalise_origin
from app.models import ApiKey, LocalModeEnd

# What a database that is yet to be migrated has not: keys are known and requests answered before.
MORE_SCOPES = literal_column("to_jsonb(api_key) -> 'more_scopes'", JSONB)
LAST_USED_ON = literal_column("(to_jsonb(api_key) ->> 'last_used_on')::date", Date)
HAS_LOCAL_MODE_END = select(func.to_regclass("local_mode_end").is_not(None))

PREFIX_CHARS = 8
SECRET_BYTES = 32
KEYS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept."""

    prefix: str
    name: str
    scopes: frozenset[Scope]
    secret_hash: bytes
    allowed_origins: tuple[str, ...] = ()
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_on: date | None = None

    @property
    def shown_scopes(self) -> str:
        """`read, write`."""
        return ", ".join(sorted(self.scopes))


def hash_of(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


async def create_key(
    database: Database,
    name: str,
    scopes: Collection[Scope],
    now: datetime,
    *,
    expires_at: datetime | None = None,
    allowed_origins: Sequence[str] = (),
) -> tuple[Key, str]:
    """Make a key; the row, and the key itself, which is nowhere kept. Local mode ends with it.

    Raises:
        InvalidRequest: no scope; origins on a key that no browser should hold, or that no page
            has; or an expiry that is past.
    """
    if not scopes:
        raise InvalidRequest.of("scope", f"is required: one or more of {', '.join(Scope)}")
    if allowed_origins and set(scopes) != {Scope.WRITE}:
        raise InvalidRequest.of(
            "origin", "can only be set on a write key, the only kind for browsers"
        )
    try:
        origins = list(dict.fromkeys(normalise_origin(origin) for origin in allowed_origins))
    except ValueError as error:
        raise InvalidRequest.of("origin", str(error)) from error
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest.of("expires", "must be in the future")
    alphabet = string.ascii_lowercase + string.digits
    prefix = "".join(secrets.choice(alphabet) for _ in range(PREFIX_CHARS))
    first, *others = sorted(set(scopes))
    text = f"ae_{''.join((first, *others))}_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key = Key(prefix, name, frozenset(scopes), hash_of(text), tuple(origins), now, expires_at)
    async with database.transaction() as session:
        await _end_local_mode(session, now)
        session.add(
            ApiKey(
                prefix=prefix,
                name=name,
                scope=str(first),
                more_scopes=[str(scope) for scope in others],
                secret_hash=key.secret_hash,
                allowed_origins=origins,
                created_at=now,
                expires_at=expires_at,
            )
        )
    return key, text


async def list_keys(database: Database) -> list[Key]:
    """All keys, also those revoked or expired; the newest first."""
    async with database.read() as session:
        return await keys_of(session)


async def revoke_key(database: Database, prefix: str, now: datetime) -> Key:
    """Revoke a key; every process rejects it within `FRESH_SECONDS`.

    Raises:
        NotFound: there is no such key, or it is revoked already.
    """
    async with database.transaction() as session:
        row = (
            await session.scalars(
                update(ApiKey)
                .where(ApiKey.prefix == prefix, ApiKey.revoked_at.is_(None))
                .values(revoked_at=now)
                .returning(ApiKey)
            )
        ).one_or_none()
        if row is None:
            raise NotFound(
                f"No active key has the prefix {prefix!r}. `activity-events keys list` shows all "
                "keys."
            )
        return _key(row, row.more_scopes, row.last_used_on)


async def keys_exist(database: Database) -> bool:
    """Whether a key was ever made, revoked ones included: to revoke the last opens nothing."""
    async with database.read() as session:
        return bool(await session.scalar(select(func.count()).select_from(ApiKey)))


async def local_mode_ended_at(database: Database) -> datetime | None:
    """Since when callers have to be known; None where there never was a key."""
    async with database.read() as session:
        return await local_mode_end(session)


async def end_local_mode(database: Database, now: datetime) -> None:
    """Note that callers are known from now on; what was noted before stays."""
    async with database.transaction() as session:
        await _end_local_mode(session, now)


async def return_to_local_mode(database: Database, now: datetime) -> None:
    """Forget all keys, which are revoked or expired, and that there were any.

    Raises:
        InvalidRequest: a key is still good.
    """
    is_good = ApiKey.revoked_at.is_(None) & or_(
        ApiKey.expires_at.is_(None), ApiKey.expires_at > now
    )
    async with database.transaction() as session:
        if await session.scalar(select(exists().where(is_good))):
            raise InvalidRequest("There are active keys. Revoke them first.")
        await session.execute(delete(ApiKey))
        await session.execute(delete(LocalModeEnd))


async def keys_of(session: AsyncSession) -> list[Key]:
    """Return all keys, in an existing session; see `list_keys`."""
    newest_first = ApiKey.created_at.desc(), ApiKey.prefix
    rows = await session.execute(
        select(ApiKey, MORE_SCOPES, LAST_USED_ON)
        .options(defer(ApiKey.more_scopes), defer(ApiKey.last_used_on))
        .order_by(*newest_first)
        .limit(KEYS_MAX)
    )
    return [_key(row, more_scopes or [], used_on) for row, more_scopes, used_on in rows]


async def local_mode_end(session: AsyncSession) -> datetime | None:
    """Return the end of local mode, in an existing session; see `local_mode_ended_at`."""
    if not await session.scalar(HAS_LOCAL_MODE_END):
        return None
    ended_at: datetime | None = await session.scalar(select(LocalModeEnd.ended_at))
    return ended_at


async def _end_local_mode(session: AsyncSession, now: datetime) -> None:
    if not await session.scalar(HAS_LOCAL_MODE_END):
        return
    noted = insert(LocalModeEnd).values(id=1, ended_at=now)
    await session.execute(noted.on_conflict_do_nothing(index_elements=["id"]))


def _key(row: ApiKey, more_scopes: Sequence[str], last_used_on: date | None) -> Key:
    return Key(
        row.prefix,
        row.name,
        frozenset(map(Scope, (row.scope, *more_scopes))),
        row.secret_hash,
        tuple(row.allowed_origins),
        row.created_at.astimezone(UTC),
        row.expires_at,
        row.revoked_at,
        last_used_on,
    )
