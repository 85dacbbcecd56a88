"""A thread beside the event loop rests as long as it works."""

import time

import pytest

from app.ingest.pacing import WORK_SECONDS, paced, rest

pytestmark = pytest.mark.fault("S1")


def work(seconds: float) -> float:
    """Works so long, with a look at the clock in between; how much of the time it worked."""
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < seconds:
        rest()
    return (time.thread_time() - used) / (time.monotonic() - began)


def test_half_of_the_time_is_left_to_others() -> None:
    assert paced(work)(20 * WORK_SECONDS) < 0.65


def test_many_short_pieces_are_as_one_long() -> None:
    began, used = time.monotonic(), time.thread_time()
    for _ in range(40):
        paced(work)(WORK_SECONDS / 2)
    assert (time.thread_time() - used) / (time.monotonic() - began) < 0.65


def test_the_event_loops_own_thread_never_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    work(5 * WORK_SECONDS)
    assert slept == []
