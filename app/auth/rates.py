"""How often one caller may ask, counted by the library `limits`."""

import logging
import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from app.auth.principal import Principal
from app.errors import InvalidRequest, RateLimited
from app.settings import Settings

logger = logging.getLogger("activity_events")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a caller's rate. Seconds from now."""

    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class Rates:
    """A sliding window of a minute for each key and each user."""

    def __init__(self, settings: Settings) -> None:
        try:
            storage = storage_from_string(
                f"async+{settings.rate_limit_storage}", wrap_exceptions=True
            )
        except ConfigurationError as error:
            raise InvalidRequest.of("ACTIVITY_RATE_LIMIT_STORAGE", str(error)) from error
        self._window = SlidingWindowCounterRateLimiter(storage)
        self._items = {
            kind: RateLimitItemPerMinute(per_minute)
            for kind, per_minute in (
                ("key", settings.rate_limit_key_per_minute),
                ("user", settings.rate_limit_user_per_minute),
            )
            if per_minute
        }

    async def take(self, principal: Principal) -> Allowance | None:
        """Counts one request; None where there is no limit.

        A store that can't be reached limits nobody: events are worth more than rates.

        Raises:
            RateLimited: it was one too many.
        """
        item = self._items.get(principal.kind)
        if item is None:
            return None
        try:
            allowed = await self._window.hit(item, principal.kind, principal.name)
            stats = await self._window.get_window_stats(item, principal.kind, principal.name)
        except StorageError as error:
            logger.warning("rates are not counted: %s", type(error.storage_error).__name__)
            return None
        seconds = max(1, math.ceil(stats.reset_time - time.time()))
        if not allowed:
            raise RateLimited(
                f"More than {item.amount} requests in a minute. Send the same again in {seconds} "
                "seconds.",
                retry_after_seconds=seconds,
            )
        return Allowance(item.amount, stats.remaining, seconds)
