"""Turns at parsing chunks: a chunk of one byte costs as much as one of a kilobyte.

Chunked bodies are parsed piece by piece, for a few milliseconds per turn of the event loop over all
connections, so that other requests proceed however many clients send.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

TURN_SECONDS = 0.002


class ParsingTurns:
    """Turns of all connections of one process, in order of arrival."""

    def __init__(self, per_turn: int | None = None) -> None:
        """
        Args:
            per_turn: how many connections continue in one turn of the loop at most.
        """
        self._per_turn = per_turn
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
        count = 0
        while self._waiting:
            self._waiting.popleft()()
            count += 1
            if count == self._per_turn or time.monotonic() >= until:
                break
        if self._waiting:
            loop.call_soon(self._run, loop)
        else:
            self._is_running = False
