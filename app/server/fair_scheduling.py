"""Fair scheduling: how many requests start before the event loop handles everything else again.

Starting a request costs some time on the event loop. If dozens arrive at the same moment, all of
them would start before the next step of any in-flight request. So only a few start in one turn of
the loop: more while turns are short, one when they are long. Waiting requests start in turn by
caller, so that hundreds of one caller never delay the first of another.

The method is that of fair queueing (Nagle, RFC 970) with an adaptive quantum.
"""

import asyncio
import time
from collections import deque

from starlette.types import Scope

from app.auth.addresses import address_of

TURN_SECONDS = 0.005
PER_TURN_MAX = 16
CREDENTIALS = frozenset({b"authorization", b"x-api-key"})


def caller_of(scope: Scope) -> bytes | str:
    """Return the sender of a request without verifying a key: its credentials, else its address."""
    for name, value in scope["headers"]:
        if name in CREDENTIALS:
            return bytes(value)
    return address_of(scope.get("client"))


class Turns:
    """Turns of the event loop of one process."""

    def __init__(self) -> None:
        self._per_turn = self._left = PER_TURN_MAX
        self._began = 0.0
        self._is_running = False
        # By caller, the one whose turn is next first.
        self._waiting: dict[bytes | str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """Number of requests that have yet to start."""
        return sum(map(len, self._waiting.values()))

    async def wait(self, scope: Scope) -> None:
        """Return when the request may begin; at once where few do."""
        self._run()
        if self._left > 0 and not self._waiting:
            self._left -= 1
            return
        caller = caller_of(scope)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        await turn  # where it is cancelled, its place is passed over

    def _run(self) -> None:
        if not self._is_running:
            self._is_running = True
            self._began = time.monotonic()
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """A turn of the loop is over."""
        took = time.monotonic() - self._began
        if took > TURN_SECONDS:
            self._per_turn = max(1, int(self._per_turn * TURN_SECONDS / took))
        else:
            self._per_turn = min(PER_TURN_MAX, self._per_turn + 1)
        self._left = self._per_turn
        self._is_running = False
        while self._left > 0 and self._waiting:
            caller, queue = next(iter(self._waiting.items()))
            del self._waiting[caller]
            turn = queue.popleft()
            if queue:
                self._waiting[caller] = queue
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        if self._waiting:
            self._run()
