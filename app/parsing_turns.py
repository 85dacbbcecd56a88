"""Turns at parsing chunks: a chunk of one byte costs as much as one of a kilobyte.

What a connection has sent in chunks is parsed piece by piece, and all connections together for a
few milliseconds in one turn of the event loop: however many send, everybody else's requests go on.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

TURN_SECONDS = 0.002


class ParsingTurns:
    """Of all connections of one process, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_running = False

    def add(self, loop: asyncio.AbstractEventLoop, parse_next: Callable[[], None]) -> None:
        """Call `parse_next` once, in a later turn of the loop."""
        self._waiting.append(parse_next)
        if not self._is_running:
            self._is_running = True
            loop.call_soon(self._run, loop)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        until = time.monotonic() + TURN_SECONDS
        while self._waiting:
            self._waiting.popleft()()
            if time.monotonic() >= until:
                break
        if self._waiting:
            loop.call_soon(self._run, loop)
        else:
            self._is_running = False
