"""A thread beside the event loop lets it have its turns."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.ingest import pacing
from app.ingest.pacing import WORK_SECONDS, paced, rest

pytestmark = pytest.mark.fault("S1")
PIECES = 50


def work(seconds: float) -> None:
    """Works so long, with a look at the clock in between."""
    used = time.thread_time()
    while time.thread_time() - used < seconds:
        rest()


def many_pieces(loop: asyncio.AbstractEventLoop) -> None:
    for _ in range(PIECES):
        paced(work, loop)(WORK_SECONDS)


async def turns_during(
    pool: ThreadPoolExecutor, task: Callable[..., None], argument: object
) -> int:
    """How many turns the loop had while a thread worked; it asks for no turn itself."""
    loop = asyncio.get_running_loop()
    turns = 0
    running = loop.run_in_executor(pool, task, argument)
    while not running.done():
        turns += 1
        await asyncio.sleep(0)
    return turns


@pytest.fixture
def pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


async def test_the_loop_has_a_turn_for_each_piece_of_work(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has enough to do, so that it never waits for anything."""
    monkeypatch.setattr(pacing, "TURN_SECONDS_MAX", 60)
    loop = asyncio.get_running_loop()
    assert await turns_during(pool, paced(work, loop), PIECES * WORK_SECONDS) >= PIECES
    assert await turns_during(pool, many_pieces, loop) >= PIECES // 2


async def test_a_stuck_loop_is_waited_for_no_longer_than_a_while(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "TURN_SECONDS_MAX", 0.01)
    running = pool.submit(paced(work, asyncio.get_running_loop()), 3 * WORK_SECONDS)
    running.result(30)  # the loop stands still meanwhile


def test_a_closed_loop_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "TURN_SECONDS_MAX", 60)
    loop = asyncio.new_event_loop()
    loop.close()
    paced(work, loop)(3 * WORK_SECONDS)


async def test_the_event_loops_own_thread_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "TURN_SECONDS_MAX", 60)
    began = time.monotonic()
    work(5 * WORK_SECONDS)
    assert time.monotonic() - began < 30
