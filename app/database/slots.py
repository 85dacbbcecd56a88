"""Slots that callers share: connections, streams, exports, generations, room in a queue.

A caller can take another slot while it holds fewer than are free. One caller alone can hold half of
them; two hold a half and a quarter, so the next caller always gets one. When callers wait, a free
slot goes to the caller that holds the fewest, and among those to the one that waited longest.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.errors import ActivityError, Overloaded, ShareExceeded
from app.observability.metrics import SLOT_REFUSALS

# Maximum waiting requests of one caller, per slot.
WAITING_PER_SLOT = 4


def refusal(name: str, what: str, held: int) -> ActivityError:
    """Count and return the error for a caller that holds `held` slots: 429 if its share is used up,
    503 if others hold all."""
    if held:
        SLOT_REFUSALS.labels(name, "share").inc()
        return ShareExceeded(
            f"You have reached your share of this service: {held} {what} at the same time. Retry "
            "when one of them has ended.",
            details={"limit": name, "held": held},
        )
    SLOT_REFUSALS.labels(name, "full").inc()
    return Overloaded(
        f"The service has reached its limit of {what}. Retry later.", details={"limit": name}
    )


class Slots:
    """A fixed number of slots of one process.

    The caller None has no share, because it competes with nobody (local mode, the command line): it
    can take all slots.
    """

    def __init__(self, name: str, what: str, total: int, *, wait_seconds: float = 0.0) -> None:
        """
        Args:
            name: Label in the metrics, one of `app.observability.metrics.SLOTS`.
            what: Name in messages, in the plural.
            wait_seconds: How long `hold` waits for a slot.
        """
        self._name, self._what, self.total = name, what, total
        self._wait_seconds = wait_seconds
        self._free = total
        self._held: Counter[str | None] = Counter()
        # By caller, the caller that was served last at the end.
        self._waiting: dict[str | None, deque[asyncio.Future[None]]] = {}

    @property
    def held(self) -> int:
        """The number of slots in use."""
        return self.total - self._free

    def take(self, caller: str | None) -> None:
        """Take a slot without waiting; the caller returns it with `give_back`.

        Raises:
            ShareExceeded: The caller holds its share.
            Overloaded: Other callers hold all slots.
        """
        if not self._may_take(caller):
            raise self._refusal(caller)
        self._grant(caller)

    def give_back(self, caller: str | None) -> None:
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        while self._serve_next():
            pass

    @asynccontextmanager
    async def hold(self, caller: str | None) -> AsyncIterator[None]:
        """Wait for a slot and hold it for the block. Raises like `take`, after the wait."""
        # A caller that may take a slot never waits, so taking one at once skips nobody.
        if self._may_take(caller):
            self._grant(caller)
        else:
            await self._wait(caller)
        try:
            yield
        finally:
            self.give_back(caller)

    async def _wait(self, caller: str | None) -> None:
        queue = self._waiting.setdefault(caller, deque())
        if len(queue) >= WAITING_PER_SLOT * self.total:
            raise self._refusal(caller)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        is_granted = False
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
            is_granted = True
        except TimeoutError:
            raise self._refusal(caller) from None
        finally:
            if not is_granted:
                self._leave(caller, turn)

    def _leave(self, caller: str | None, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():  # it came in the same moment
            self.give_back(caller)
            return
        queue = self._waiting.get(caller, deque())
        with suppress(ValueError):
            queue.remove(turn)
        if not queue:
            self._waiting.pop(caller, None)

    def _serve_next(self) -> bool:
        """Give a free slot to a waiting caller that may take it; return whether there was one."""
        callers = [caller for caller in self._waiting if self._may_take(caller)]
        if not callers:
            return False
        caller = min(callers, key=self._held.__getitem__)
        queue = self._waiting.pop(caller)
        turn = queue.popleft()
        if queue:
            self._waiting[caller] = queue
        if not turn.done():
            self._grant(caller)
            turn.set_result(None)
        return True

    def _may_take(self, caller: str | None) -> bool:
        return self._free > (0 if caller is None else self._held[caller])

    def _grant(self, caller: str | None) -> None:
        self._free -= 1
        self._held[caller] += 1

    def _refusal(self, caller: str | None) -> ActivityError:
        return refusal(self._name, self._what, 0 if caller is None else self._held[caller])
