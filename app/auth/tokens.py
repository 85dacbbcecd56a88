"""User tokens: a JWT of the host application, whose email claim says who it is.

Each algorithm has a kind of key of its own (RFC 8725, 3.1): what is signed with a public key as if
it were a shared secret, or not at all, is refused.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import jwt

from app.auth.principal import Principal, Scope
from app.errors import Unauthorized, Unavailable
from app.schemas.email import normalise_email
from app.settings import Settings

SHARED_SECRET = "HS256"  # noqa: S105 (the name of an algorithm)
PUBLIC_KEY = ("RS256", "ES256")
FRESH_SECONDS = 300.0
# A token with an unknown key asks for new ones, but no more often than this.
RETRY_SECONDS = 10.0
FETCH_TIMEOUT_SECONDS = 5.0
JWKS_MAX_BYTES = 1024 * 1024
# What the library raises of a set that is none: JSON of another shape.
BROKEN_SET = (ValueError, TypeError, AttributeError, KeyError)


class Tokens:
    """Verifies user tokens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jwks = _Jwks(settings.jwt_jwks) if settings.jwt_jwks else None

    @property
    def configured(self) -> bool:
        return self._settings.jwt_secret is not None or self._jwks is not None

    async def principal(self, token: str) -> Principal:
        """Whose token this is.

        Raises:
            Unauthorized: it is forged, past, for somebody else, or names nobody.
            Unavailable: the keys of the issuer can't be had.
        """
        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = await self._key(header)
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=settings.jwt_audience,
                issuer=settings.jwt_issuer,
                leeway=settings.jwt_leeway_seconds,
                options={"require": ["exp"], "verify_aud": settings.jwt_audience is not None},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized("The token has expired.", code="expired_token") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise _refused(str(error)) from error
        email = self._email(claims)
        return Principal("user", email, Scope.ADMIN, email)

    async def _key(self, header: dict[str, Any]) -> tuple[Any, str]:
        algorithm = header.get("alg")
        if algorithm == SHARED_SECRET and self._settings.jwt_secret is not None:
            return self._settings.jwt_secret.get_secret_value(), SHARED_SECRET
        if algorithm in PUBLIC_KEY and self._jwks is not None:
            return await self._jwks.key(header.get("kid"), str(algorithm)), str(algorithm)
        raise _refused("its algorithm is not one that this service takes")

    def _email(self, claims: dict[str, Any]) -> str:
        claim = self._settings.jwt_email_claim
        if claims.get("email_verified") is False:
            raise _refused("its email is not verified")
        try:
            return normalise_email(claims[claim])
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _refused(f"its claim {claim!r} is no email address") from error


class _Jwks:
    """The issuer's public keys (RFC 7517), from a file or a URL, kept for a while."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: list[jwt.PyJWK] = []
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def key(self, kid: object, algorithm: str) -> jwt.PyJWK:
        for fresh_seconds in (FRESH_SECONDS, RETRY_SECONDS):
            await self._refresh(fresh_seconds)
            fitting = [
                key
                for key in self._keys
                if key.algorithm_name == algorithm and (kid is None or key.key_id == kid)
            ]
            if len(fitting) == 1:
                return fitting[0]
        raise _refused("the issuer has no such key")

    async def _refresh(self, fresh_seconds: float) -> None:
        async with self._reading:
            if time.monotonic() - self._read_at < fresh_seconds:
                return
            try:
                content = await self._fetch()
                self._keys = jwt.PyJWKSet.from_json(content).keys
            except (*BROKEN_SET, OSError, httpx.HTTPError, jwt.PyJWTError) as error:
                if not self._keys:
                    raise Unavailable(
                        "The keys that user tokens are verified by can't be had. Try again.",
                        code="jwks_unavailable",
                    ) from error
            self._read_at = time.monotonic()

    async def _fetch(self) -> str:
        if not self._source.startswith(("http://", "https://")):
            return await asyncio.to_thread(Path(self._source).read_text)
        async with (
            httpx.AsyncClient(timeout=FETCH_TIMEOUT_SECONDS) as client,
            client.stream("GET", self._source) as response,
        ):
            response.raise_for_status()
            content = b""
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > JWKS_MAX_BYTES:
                    raise ValueError("the key set is too large")
            return content.decode()


def _refused(why: str) -> Unauthorized:
    return Unauthorized(f"The token is refused: {why}.", code="invalid_token")
