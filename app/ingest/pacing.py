"""Threads beside the event loop: one that computes lets the loop have a turn, again and again.

A thread that computes gives the interpreter's lock away at `SWITCH_SECONDS`, or when one call into
C returns. The loop needs the lock back after each read of a socket, hundreds of times in a turn
where many send at once: it would wait as often. While the thread waits for the loop, the loop does
not wait for the thread. Where nothing else is to be done, the loop's turn is over at once.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

# Python's own is 5 ms. A switch costs microseconds.
SWITCH_SECONDS = 0.0005
WORK_SECONDS = 0.001
# A loop that takes longer for a turn is stuck, and not for the sake of this thread.
TURN_SECONDS_MAX = 1.0

P = ParamSpec("P")
R = TypeVar("R")


class _Pace(threading.local):
    """The loop that this thread works beside, and the processor time at that loop's last turn."""

    loop: asyncio.AbstractEventLoop | None = None
    worked = 0.0


_pace = _Pace()


def paced(work: Callable[P, R], loop: asyncio.AbstractEventLoop) -> Callable[P, R]:
    """The same function, for a thread beside a loop: its calls of `rest` have effect."""

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        _pace.loop = loop
        rest()  # for what it did before
        try:
            return work(*args, **kwargs)
        finally:
            _pace.loop = None

    return run


def rest() -> None:
    """Wait until the event loop has had a whole turn, where this thread has worked for a while.

    Does nothing on a thread that is not `paced`.
    """
    loop = _pace.loop
    if loop is None or time.thread_time() - _pace.worked < WORK_SECONDS:
        return
    is_over = threading.Event()
    try:
        # Twice, as the first may come in the midst of a turn.
        loop.call_soon_threadsafe(loop.call_soon, is_over.set)
    except RuntimeError:  # the loop is closed
        return
    is_over.wait(TURN_SECONDS_MAX)
    _pace.worked = time.thread_time()
