"""Authentication: from the headers of a request to its caller."""

from collections.abc import Mapping
from datetime import datetime

from app.auth.key_ring import KeyRing
from app.auth.principal import LOCAL, Principal
from app.auth.tokens import Tokens
from app.database.sessions import Database
from app.errors import Unauthorized
from app.settings import Settings

JWT_DOTS = 2


def credentials_of(headers: Mapping[str, str], *, key_in_body: bool = False) -> str | None:
    """Return the key or token that a request carries, or None where it carries none.

    A proxy in front may use `Authorization` for a scheme of its own (`Basic`, `Negotiate`), which
    is passed over: browsers add it to every request.

    Args:
        key_in_body: the request is a beacon, whose key is in its body.

    Raises:
        Unauthorized: an `Authorization` without a value, and no key beside it.
    """
    given = headers.get("authorization", "").strip()
    scheme, _, value = given.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    key = headers.get("x-api-key", "").strip()
    is_foreign = bool(value) and scheme.lower() != "bearer"
    if given and not key and not key_in_body and not is_foreign:
        raise Unauthorized("Send the header Authorization: Bearer <key or token>.")
    return key or None


class Authenticator:
    """Knows all keys and all ways to verify a token."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._keys = KeyRing(settings, database)
        self._tokens = Tokens(settings)
        self._may_be_local = settings.may_be_local

    def start(self) -> None:
        """Start to read the public keys of tokens, so that no request has to wait for them."""
        self._tokens.start()

    async def close(self) -> None:
        """End what is being asked of the database and of the issuer of tokens."""
        await self._keys.close()
        await self._tokens.close()

    async def is_local(self) -> bool:
        """Whether this is local mode: on loopback, and nothing was ever set up to know callers by.

        Raises:
            Unavailable: the database can't tell.
        """
        return self._may_be_local and not await self._keys.has_ended_local_mode()

    async def origins(self) -> frozenset[str]:
        """The origins that keys were made for."""
        return await self._keys.origins()

    async def principal(
        self, credentials: str | None, origin: str | None, now: datetime
    ) -> Principal:
        """Return the caller. Wrong credentials are an error, also in local mode.

        Raises:
            Unauthorized: There are no valid credentials.
            Forbidden: The credentials are not for this origin.
            Unavailable: The database or the issuer of tokens can't be reached.
        """
        if credentials is None:
            if await self.is_local():
                return LOCAL
            raise Unauthorized(
                "Credentials are required. Send a key or a user token: Authorization: Bearer "
                "<key or token>.",
                code="missing_credentials",
            )
        if self._tokens.configured and credentials.count(".") == JWT_DOTS:
            return await self._tokens.principal(credentials)
        return await self._keys.principal(credentials, origin, now)
