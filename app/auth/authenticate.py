"""From a request's headers to its caller."""

from collections.abc import Mapping
from datetime import datetime

from app.auth.keys import KeyRing
from app.auth.principal import LOCAL, Principal
from app.auth.tokens import Tokens
from app.db import Database
from app.errors import Unauthorized
from app.settings import Settings

JWT_DOTS = 2


def credentials_of(headers: Mapping[str, str]) -> str | None:
    """The key or token that a request carries; None where it carries none.

    Raises:
        Unauthorized: an `Authorization` of another kind.
    """
    given = headers.get("authorization")
    if given is not None:
        scheme, _, value = given.strip().partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise Unauthorized("Use the header Authorization: Bearer <key or token>.")
        return value.strip()
    return headers.get("x-api-key") or None


class Authenticator:
    """Knows all keys and all ways to verify a token."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._keys = KeyRing(settings, database)
        self._tokens = Tokens(settings)
        self._on_loopback = settings.listens_on_loopback

    async def close(self) -> None:
        """Ends what is being asked of the database."""
        await self._keys.close()

    async def is_local(self) -> bool:
        """Whether this is local mode: on loopback, and nothing was ever set up to know callers by.

        Raises:
            Unavailable: the database can't tell.
        """
        if not self._on_loopback or self._tokens.configured:
            return False
        return await self._keys.is_empty()

    async def origins(self) -> frozenset[str]:
        """The origins that keys were made for."""
        return await self._keys.origins()

    async def principal(
        self, credentials: str | None, origin: str | None, now: datetime
    ) -> Principal:
        """Who is asking. Credentials that are wrong are never passed over, in local mode neither.

        Raises:
            Unauthorized: none that are good.
            Forbidden: good ones, from an origin they are not for.
            Unavailable: the database or the issuer of tokens can't tell.
        """
        if credentials is None:
            if await self.is_local():
                return LOCAL
            raise Unauthorized(
                "A key or a user token is needed: Authorization: Bearer <key or token>.",
                code="missing_credentials",
            )
        if self._tokens.configured and credentials.count(".") == JWT_DOTS:
            return await self._tokens.principal(credentials)
        return await self._keys.principal(credentials, origin, now)
