"""Slots that callers share: connections, streams, exports, generations, room on a queue.

A caller may take one more as long as it holds fewer than are free. Alone it can hold half of them;
two hold a half and a quarter: whoever comes next finds one. Where callers wait, a slot that becomes
free goes to the caller that holds the fewest, and among those to the one that has waited longest.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.errors import ActivityError, Overloaded, ShareExceeded
from app.watch.metrics import SLOT_REFUSALS

# How many requests of one caller may wait, for each slot that there is.
WAITING_PER_SLOT = 4


def refusal(name: str, what: str, held: int) -> ActivityError:
    """The refusal of one who holds so many already, counted: 429 where its own share is used up,
    503 where others hold all."""
    if held:
        SLOT_REFUSALS.labels(name, "share").inc()
        return ShareExceeded(
            f"{held} {what} of yours are under way: that is your share of this service. Try the "
            "same again when one has ended.",
            details={"limit": name, "held": held},
        )
    SLOT_REFUSALS.labels(name, "full").inc()
    return Overloaded(
        f"No more {what} are possible now. Try the same again.", details={"limit": name}
    )


class Slots:
    """A number of slots of one process.

    A caller of None has no share: it is in nobody's way (local mode, the command line), and may
    take all.
    """

    def __init__(self, name: str, what: str, total: int, *, wait_seconds: float = 0.0) -> None:
        """
        Args:
            name: in the metrics, one of `app.watch.metrics.SLOTS`.
            what: in messages, in the plural.
            wait_seconds: how long `hold` waits for a slot.
        """
        self._name, self._what, self.total = name, what, total
        self._wait_seconds = wait_seconds
        self._free = total
        self._held: Counter[str | None] = Counter()
        # By caller, the caller that was served last at the end.
        self._waiting: dict[str | None, deque[asyncio.Future[None]]] = {}

    @property
    def held(self) -> int:
        """How many are taken."""
        return self.total - self._free

    def take(self, caller: str | None) -> None:
        """Takes a slot at once, to be given back.

        Raises:
            ShareExceeded: the caller holds its share.
            Overloaded: others hold all.
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
        """Holds a slot for the block; waits for it. Raises as `take` does, after the wait."""
        # Nobody waits who may take one: whoever comes and may, takes nobody's turn.
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
        """Gives a free slot to one who waits and may take it; whether there was one."""
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
