"""Admission of a caller, confirmed again while a long response is sent."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic

from app.auth.principal import Principal
from app.errors import Unauthorized, Unavailable

# How long an answer goes on unasked. Whatever ends a credential (an expiry is known beforehand)
# ends the answer so long, and `keys.FRESH_SECONDS`, later.
CONFIRM_SECONDS = 5.0
SOONEST_SECONDS = 0.05


class Admission:
    """One caller's, for one request."""

    def __init__(
        self,
        principal: Principal,
        admit_again: Callable[[], Awaitable[Principal]],
        clock: Callable[[], datetime],
    ) -> None:
        """
        Args:
            admit_again: verifies the request's credentials as at its beginning.
        """
        self.principal = principal
        self._admit_again, self._clock = admit_again, clock
        self._confirm_at = self._next()

    @property
    def due_in_seconds(self) -> float:
        """Seconds until the next confirmation; 0 or less means now."""
        return self._confirm_at - monotonic()

    async def confirm(self) -> None:
        """Verify the credentials again, where that is due.

        Raises:
            Unauthorized: they have expired or were revoked, or are another caller's by now.
            Forbidden: they are no longer good for this, or for this origin.
        """
        if self.due_in_seconds > 0:
            return
        try:
            principal = await self._admit_again()
        except Unavailable:  # unknown: an outage does not end a long response
            principal = self.principal
        if principal != self.principal:
            raise Unauthorized(
                "The credentials now belong to another caller.", code="invalid_token"
            )
        self._confirm_at = self._next()

    def _next(self) -> float:
        seconds = CONFIRM_SECONDS
        if self.principal.expires_at is not None:
            left = (self.principal.expires_at - self._clock()).total_seconds()
            seconds = min(seconds, max(left, SOONEST_SECONDS))
        return monotonic() + seconds
