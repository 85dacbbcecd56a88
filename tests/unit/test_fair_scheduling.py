"""Requests begin in turn: few in one turn of the event loop, and each caller's first ones first."""

import asyncio
import time
from typing import Any

import pytest

from app.server.fair_scheduling import PER_TURN_MAX, TURN_SECONDS, Turns

pytestmark = pytest.mark.fault("S2", "S6")


def scope(key: bytes = b"", address: str = "192.0.2.1") -> dict[str, Any]:
    headers = [(b"x-api-key", key)] if key else []
    return {"type": "http", "headers": headers, "client": (address, 5000)}


async def begin(turns: Turns, caller: dict[str, Any], began: list[str], name: str) -> None:
    await turns.wait(caller)
    began.append(name)
    until = time.monotonic() + 2 * TURN_SECONDS
    while time.monotonic() < until:  # each is a long turn
        pass


async def test_few_begin_in_one_turn_where_each_is_long() -> None:
    turns = Turns()
    began: list[str] = []
    tasks = [asyncio.ensure_future(begin(turns, scope(b"k"), began, "k")) for _ in range(100)]
    most = before = 0
    while len(began) < 100:
        await asyncio.sleep(0)
        if before >= PER_TURN_MAX:  # how long they take is known by now
            most = max(most, len(began) - before)
        before = len(began)
    await asyncio.gather(*tasks)
    assert most <= PER_TURN_MAX // 2
    assert turns.waiting == 0


@pytest.mark.parametrize(
    "other", [scope(b"another"), scope(address="198.51.100.7"), scope(address="2001:db8::1")]
)
async def test_the_first_of_a_caller_comes_before_anothers_hundredth(other: dict[str, Any]) -> None:
    turns = Turns()
    began: list[str] = []
    many = [asyncio.ensure_future(begin(turns, scope(b"k"), began, "k")) for _ in range(200)]
    await asyncio.sleep(0)
    last = asyncio.ensure_future(begin(turns, other, began, "other"))
    await asyncio.gather(*many, last)
    assert began.index("other") <= PER_TURN_MAX * 3 // 2 + 1


async def test_a_place_that_is_given_up_is_passed_over() -> None:
    turns = Turns()
    began: list[str] = []
    tasks = [asyncio.ensure_future(begin(turns, scope(b"k"), began, "k")) for _ in range(120)]
    await asyncio.sleep(0)
    assert turns.waiting > 0
    for task in tasks[1::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(began) >= 60
    assert turns.waiting == 0
