"""Threads beside the event loop: one rests as long as it works, so that the loop has its turns.

A thread that computes gives the interpreter's lock away at `SWITCH_SECONDS`, or when one call into
C returns. The loop needs the lock back after each wait for a socket, dozens of times in a request
that asks the database: it would wait as often. While the thread sleeps, it does not wait at all.
"""

import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

# Python's own is 5 ms. A switch costs microseconds.
SWITCH_SECONDS = 0.0005
WORK_SECONDS = 0.004

P = ParamSpec("P")
R = TypeVar("R")


class _Pace(threading.local):
    """Since when this thread's work is counted: by the clock, and by its own processor time."""

    is_paced = False
    began_at = worked = 0.0


_pace = _Pace()


def paced(work: Callable[P, R]) -> Callable[P, R]:
    """The same function, for a thread beside the event loop: its calls of `rest` have effect."""

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        _pace.is_paced = True
        rest()  # for what it did before
        try:
            return work(*args, **kwargs)
        finally:
            _pace.is_paced = False

    return run


def rest() -> None:
    """Sleep until this thread has rested as long as it has worked, unless that was a moment only.

    Does nothing on a thread that is not `paced`.
    """
    if not _pace.is_paced:
        return
    worked = time.thread_time() - _pace.worked
    if worked >= WORK_SECONDS:
        rested = time.monotonic() - _pace.began_at - worked
        if rested < worked:
            time.sleep(worked - rested)
        _pace.began_at, _pace.worked = time.monotonic(), time.thread_time()
