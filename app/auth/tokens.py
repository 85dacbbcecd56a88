"""User tokens: a JWT of the host application, whose email claim says who it is.

Each algorithm has a kind of key of its own (RFC 8725, 3.1): what is signed with a public key as if
it were a shared secret, or not at all, is refused.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from app.auth.jwks import Jwks
from app.auth.principal import ADMIN, Principal
from app.errors import Unauthorized
from app.schemas.email import claimed_email
from app.settings import Settings

SHARED_SECRET = "HS256"  # noqa: S105 (the name of an algorithm)
PUBLIC_KEY = ("RS256", "ES256")


class Tokens:
    """Verifies user tokens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jwks = Jwks(settings.jwt_jwks) if settings.jwt_jwks else None

    @property
    def configured(self) -> bool:
        return self._settings.jwt_secret is not None or self._jwks is not None

    def start(self) -> None:
        """Begin to read the issuer's keys."""
        if self._jwks is not None:
            self._jwks.start()

    async def close(self) -> None:
        """End the reading of the issuer's keys."""
        if self._jwks is not None:
            await self._jwks.close()

    async def principal(self, token: str) -> Principal:
        """Return the user of a token.

        Raises:
            Unauthorized: It is forged or expired, or for another audience, or names no user.
            Unavailable: The issuer's keys can't be read.
        """
        settings = self._settings
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = await self._key(header)
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=settings.audience,
                issuer=settings.jwt_issuer or None,
                leeway=settings.jwt_leeway_seconds,
                options={
                    "require": ["exp"],
                    "verify_aud": settings.audience is not None,
                    "enforce_minimum_key_length": True,
                },
            )
            expires_at = self._expiry(claims)
        except jwt.ExpiredSignatureError as error:
            raise Unauthorized("The token has expired.", code="expired_token") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise _refused(str(error)) from error
        email = self._email(claims)
        return Principal("user", email, ADMIN, email, expires_at)

    async def _key(self, header: dict[str, Any]) -> tuple[Any, str]:
        algorithm = header.get("alg")
        if algorithm == SHARED_SECRET and self._settings.jwt_secret is not None:
            return self._settings.jwt_secret.get_secret_value(), SHARED_SECRET
        if algorithm in PUBLIC_KEY and self._jwks is not None:
            return await self._jwks.key(header.get("kid"), str(algorithm)), str(algorithm)
        raise _refused("its algorithm is not accepted")

    def _expiry(self, claims: dict[str, Any]) -> datetime:
        """Return when the token expires, by this service's clock.

        Raises:
            Unauthorized: Its lifetime is longer than allowed.
        """
        leeway, most_hours = (
            self._settings.jwt_leeway_seconds,
            self._settings.jwt_max_lifetime_hours,
        )
        expiry, now = int(claims["exp"]), time.time()
        # Without the time of issue, count from now.
        start = min(now, int(claims["iat"])) if claims.get("iat") is not None else now
        if expiry - start > most_hours * 3600 + leeway:
            raise _refused(
                f"its lifetime is longer than {most_hours:g} hours "
                "(ACTIVITY_JWT_MAX_LIFETIME_HOURS); have the issuer sign shorter ones"
            )
        return datetime.fromtimestamp(expiry, UTC) + timedelta(seconds=leeway)

    def _email(self, claims: dict[str, Any]) -> str:
        claim = self._settings.jwt_email_claim
        if not _is_verified(claims.get("email_verified", True)):
            raise _refused("its email is not verified; `email_verified` must be true or absent")
        try:
            return claimed_email(claims[claim])
        except ValueError as error:
            raise _refused(f"its claim {claim!r} {error}") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise _refused(f"its claim {claim!r} is not an email address") from error


def _is_verified(email_verified: object) -> bool:
    """True, or as some issuers write it; 1 is neither, though Python's `==` says so."""
    return email_verified is True or email_verified == "true"


def _refused(why: str) -> Unauthorized:
    return Unauthorized(f"Invalid token: {why}.", code="invalid_token")
