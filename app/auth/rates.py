"""Rate limits of callers, by requests, events and bytes, counted by the library `limits`."""

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


# What a caller sent is counted together until it is such a part of what they may send: to count
# each body would cost as much as to parse a small one.
OWED_PARTS = 1000
OWED_CALLERS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """The rest of a caller's rate limit, and the seconds until its reset."""

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
        except (ConfigurationError, ValueError) as error:
            # What the library says quotes it all, a password included.
            raise InvalidRequest.of(
                "ACTIVITY_RATE_LIMIT_STORAGE",
                "must be memory:// or redis://HOST:6379, which needs the extra `redis`",
            ) from error
        self._window = SlidingWindowCounterRateLimiter(storage)
        self._items = {
            kind: RateLimitItemPerMinute(per_minute)
            for kind, per_minute in (
                ("key", settings.rate_limit_key_per_minute),
                ("user", settings.rate_limit_user_per_minute),
            )
            if per_minute
        }
        self._volumes = {
            (kind, unit): RateLimitItemPerMinute(per_minute)
            for kind, unit, per_minute in (
                ("key", "bytes", settings.rate_limit_key_bytes_per_minute),
                ("key", "events", settings.rate_limit_key_events_per_minute),
                ("user", "bytes", settings.rate_limit_user_bytes_per_minute),
                ("user", "events", settings.rate_limit_user_events_per_minute),
            )
            if per_minute
        }
        self._owed: dict[tuple[str, str, str], int] = {}

    async def take(self, principal: Principal) -> Allowance | None:
        """Count one request; return None if there is no limit.

        If the storage can't be reached, no limit applies: events are worth more than rates.

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
            logger.warning(
                "rate limits are off, because their storage failed: %s",
                type(error.storage_error).__name__,
            )
            return None
        seconds = max(1, math.ceil(stats.reset_time - time.time()))
        if not allowed:
            raise RateLimited(
                f"More than {item.amount} requests in a minute. Retry in {seconds} seconds.",
                retry_after_seconds=seconds,
            )
        return Allowance(item.amount, stats.remaining, seconds)

    async def take_body(self, principal: Principal, size_bytes: int, events: int) -> None:
        """Count a body, before anything is done with it.

        Raises:
            RateLimited: it was one too many.
        """
        for unit, amount in (("bytes", size_bytes), ("events", events)):
            item = self._volumes.get((principal.kind, unit))
            if item is None or not amount:
                continue
            who = (unit, principal.kind, principal.name)
            owed = self._owed.get(who, 0)
            if owed + amount < item.amount // OWED_PARTS:
                if len(self._owed) > OWED_CALLERS_MAX:
                    self._owed.clear()
                self._owed[who] = owed + amount
                continue
            try:
                is_allowed = await self._window.hit(
                    item, *who, cost=min(owed + amount, item.amount)
                )
                if is_allowed:
                    self._owed.pop(who, None)
                    continue
                stats = await self._window.get_window_stats(item, *who)
            except StorageError as error:
                logger.warning(
                    "rate limits are off, because their storage failed: %s",
                    type(error.storage_error).__name__,
                )
                return
            seconds = max(1, math.ceil(stats.reset_time - time.time()))
            raise RateLimited(
                f"More than {item.amount} {unit} in a minute. Retry in {seconds} seconds.",
                retry_after_seconds=seconds,
            )
