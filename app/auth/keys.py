"""Keys: made, kept as hashes, found again.

A key reads `ae_<scope>_<prefix>_<secret>`. Its secret has 256 random bits, so that a plain SHA-256
keeps it as well as a slow hash would; the prefix finds its row and may be shown.
"""

import asyncio
import hashlib
import hmac
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select, update

from app.auth.principal import Principal, Scope
from app.db import Database
from app.errors import (
    DatabaseUnavailable,
    Forbidden,
    InvalidRequest,
    NotFound,
    Unauthorized,
    Unavailable,
)
from app.models import ApiKey
from app.settings import Settings

PREFIX_CHARS = 8
SECRET_BYTES = 32
KEYS_MAX = 10_000
# For how long a process may not have heard of a key that another made or revoked.
FRESH_SECONDS = 5.0
# A key that isn't known may just have been made: so often it is looked for.
NEW_KEY_SECONDS = 0.5
# How long one request waits for the reading, and how old what is known may be when that fails.
READ_SECONDS = 1.0
STALE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept."""

    prefix: str
    name: str
    scope: Scope
    secret_hash: bytes
    allowed_origins: tuple[str, ...] = ()
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


def hash_of(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


async def create_key(
    database: Database,
    name: str,
    scope: Scope,
    now: datetime,
    *,
    expires_at: datetime | None = None,
    allowed_origins: Sequence[str] = (),
) -> tuple[Key, str]:
    """Makes a key; the row, and the key itself, which is nowhere kept.

    Raises:
        InvalidRequest: origins on a key that no browser should hold, or an expiry that is past.
    """
    if allowed_origins and scope is not Scope.WRITE:
        raise InvalidRequest.of("origin", "only a write key belongs into a browser")
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest.of("expires", "lies in the past")
    alphabet = string.ascii_lowercase + string.digits
    prefix = "".join(secrets.choice(alphabet) for _ in range(PREFIX_CHARS))
    text = f"ae_{scope}_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    key = Key(prefix, name, scope, hash_of(text), tuple(allowed_origins), now, expires_at)
    async with database.transaction() as session:
        session.add(
            ApiKey(
                prefix=prefix,
                name=name,
                scope=str(scope),
                secret_hash=key.secret_hash,
                allowed_origins=list(allowed_origins),
                created_at=now,
                expires_at=expires_at,
            )
        )
    return key, text


async def list_keys(database: Database) -> list[Key]:
    """All keys, also those revoked or expired; the newest first."""
    async with database.read() as session:
        rows = await session.scalars(
            select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.prefix).limit(KEYS_MAX)
        )
        return [_key(row) for row in rows]


async def revoke_key(database: Database, prefix: str, now: datetime) -> Key:
    """From now on the key is refused, by every process within `FRESH_SECONDS`.

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
            raise NotFound(f"There is no key {prefix!r} that could be revoked.")
        return _key(row)


async def keys_exist(database: Database) -> bool:
    """Whether a key was ever made, revoked ones included: to revoke the last opens nothing."""
    async with database.read() as session:
        return bool(await session.scalar(select(func.count()).select_from(ApiKey)))


class KeyRing:
    """The keys that are good now: those of the environment, and those of the database, which are
    read again when they are older than `FRESH_SECONDS`."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._configured = [
            Key(f"env-{scope}-{number}", "environment", scope, hash_of(secret.get_secret_value()))
            for scope, given in (
                (Scope.WRITE, settings.write_keys),
                (Scope.READ, settings.read_keys),
                (Scope.ADMIN, settings.admin_keys),
                (Scope.METRICS, settings.metrics_keys),
            )
            for number, secret in enumerate(given, 1)
        ]
        self._made: dict[str, Key] = {}
        self._ever_made = False
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._first_seconds = settings.database_timeout_seconds

    async def close(self) -> None:
        """Ends what is being read."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def is_empty(self) -> bool:
        """Whether there is not one key, and never was.

        Raises:
            Unavailable: the database can't tell.
        """
        if self._configured:
            return False
        await self._refresh()
        return not self._ever_made

    async def origins(self) -> frozenset[str]:
        """The origins that keys were made for."""
        await self._refresh()
        return frozenset(origin for key in self._made.values() for origin in key.allowed_origins)

    async def principal(self, key: str, origin: str | None, now: datetime) -> Principal:
        """Who holds this key.

        Raises:
            Unauthorized: no such key, or it is past.
            Forbidden: a key for certain origins, from another one.
            Unavailable: the database can't tell.
        """
        digest = hash_of(key)
        found: Key | None = None
        for each in self._configured:
            if hmac.compare_digest(each.secret_hash, digest):
                found = each
        if found is None:
            await self._refresh()
            parts = key.split("_", 3)
            prefix = parts[2] if len(parts) == 4 else ""
            if len(prefix) == PREFIX_CHARS and prefix not in self._made:
                await self._refresh(NEW_KEY_SECONDS)
            made = self._made.get(prefix)
            if made is not None and hmac.compare_digest(made.secret_hash, digest):
                found = made
        if found is None:
            raise Unauthorized("The key is not known, or was revoked.", code="invalid_key")
        if found.expires_at is not None and found.expires_at <= now:
            raise Unauthorized("The key has expired.", code="expired_key")
        if found.allowed_origins and origin not in found.allowed_origins:
            raise Forbidden(
                "This key is for certain origins; the request is from none of them.",
                code="origin_not_allowed",
                details={"origin": origin},
            )
        return Principal("key", found.prefix, found.scope)

    async def _refresh(self, fresh_seconds: float = FRESH_SECONDS) -> None:
        """All who need it share one reading. Where keys are known, nobody waits for it long: a
        database that is slow to answer is no reason to forget a key that was good a moment ago."""
        age = time.monotonic() - self._read_at
        if age < fresh_seconds:
            return
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        is_known = age < STALE_SECONDS
        patience = READ_SECONDS if is_known else self._first_seconds
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), patience)
        except (Unavailable, TimeoutError) as error:
            if is_known:
                return
            if isinstance(error, Unavailable):
                raise
            raise DatabaseUnavailable("The keys can't be read. Try the same again.") from error

    async def _read(self) -> None:
        keys = await list_keys(self._database)
        self._ever_made = bool(keys)
        self._made = {key.prefix: key for key in keys if key.revoked_at is None}
        self._read_at = time.monotonic()


def _key(row: ApiKey) -> Key:
    return Key(
        row.prefix,
        row.name,
        Scope(row.scope),
        row.secret_hash,
        tuple(row.allowed_origins),
        row.created_at.astimezone(UTC),
        row.expires_at,
        row.revoked_at,
    )
