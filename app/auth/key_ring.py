"""The keys that are good now, as one process knows them."""

import asyncio
import hmac
import time
from dataclasses import replace
from datetime import datetime

from app.auth.key_use import KeyUse
from app.auth.keys import PREFIX_CHARS, Key, hash_of, keys_of, local_mode_end
from app.auth.principal import Principal, Scope
from app.database.sessions import Database
from app.errors import DatabaseUnavailable, Forbidden, Unauthorized, Unavailable
from app.settings import Settings

# For how long a process may not have heard of a key that another made or revoked.
FRESH_SECONDS = 5.0
# A key that isn't known may just have been made: so often it is looked for.
NEW_KEY_SECONDS = 0.5
# How long one request waits for the reading, and how old what is known may be when that fails.
READ_SECONDS = 1.0
STALE_SECONDS = 60.0


class KeyRing:
    """The keys that are good now: those of the environment, and those of the database, which are
    read again when they are older than `FRESH_SECONDS`."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._configured = _configured(settings)
        self._use = KeyUse(database)
        self._made: dict[str, Key] = {}
        # Once it has been so, it stays so for as long as the process runs.
        self._has_ended_local_mode = bool(self._configured)
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._first_seconds = settings.database_timeout_seconds

    async def close(self) -> None:
        """End what is being read."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        await self._use.close()

    async def has_ended_local_mode(self) -> bool:
        """Whether there is a key, or ever was one.

        Raises:
            Unavailable: The database can't be reached.
        """
        if not self._has_ended_local_mode:
            await self._refresh()
        return self._has_ended_local_mode

    async def origins(self) -> frozenset[str]:
        """The origins that keys were made for."""
        await self._refresh()
        return frozenset(origin for key in self._made.values() for origin in key.allowed_origins)

    async def principal(self, key: str, origin: str | None, now: datetime) -> Principal:
        """Return the holder of this key.

        Raises:
            Unauthorized: The key is unknown or expired.
            Forbidden: The key is not for this origin.
            Unavailable: The database can't be reached.
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
                if made.last_used_on != now.date():
                    self._use.note(prefix, now.date())
        if found is None:
            raise Unauthorized("The key is unknown or revoked.", code="invalid_key")
        if found.expires_at is not None and found.expires_at <= now:
            raise Unauthorized("The key has expired.", code="expired_key")
        if found.allowed_origins and origin not in found.allowed_origins:
            raise Forbidden(
                "This key is restricted to certain origins, and the request comes from another "
                "one.",
                code="origin_not_allowed",
                details={"origin": origin},
            )
        return Principal("key", found.prefix, found.scopes, expires_at=found.expires_at)

    async def _refresh(self, fresh_seconds: float = FRESH_SECONDS) -> None:
        """Read the keys again; callers share one reading. If keys are known, callers wait only
        briefly: a slow database is no reason to forget a key that was valid a moment ago."""
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
            raise DatabaseUnavailable(
                "The keys can't be read. Retry the request.", log_fields={"cause": "TimeoutError"}
            ) from error

    async def _read(self) -> None:
        async with self._database.read() as session:
            keys = await keys_of(session)
            ended_at = await local_mode_end(session)
        if keys or ended_at is not None:
            self._has_ended_local_mode = True
        self._made = {key.prefix: key for key in keys if key.revoked_at is None}
        self._read_at = time.monotonic()


def _configured(settings: Settings) -> list[Key]:
    """The keys of the environment; one that is in several settings has the scopes of all."""
    keys: dict[bytes, Key] = {}
    for scope, secrets_ in (
        (Scope.WRITE, settings.write_keys),
        (Scope.READ, settings.read_keys),
        (Scope.ADMIN, settings.admin_keys),
        (Scope.METRICS, settings.metrics_keys),
    ):
        for number, secret in enumerate(secrets_, 1):
            digest = hash_of(secret.get_secret_value())
            key = keys.get(digest)
            if key is None:
                prefix = f"env-{scope}-{number}"
                keys[digest] = Key(prefix, "environment", frozenset({scope}), digest)
            else:
                keys[digest] = replace(key, scopes=key.scopes | {scope})
    return list(keys.values())
