"""Connections share the turns of the event loop in which what they sent is parsed, or dropped."""

import asyncio
import time

import pytest

from app.server.parsing_turns import TURN_SECONDS, ParsingTurns

pytestmark = pytest.mark.fault("S1", "S2")


async def parsed_by_turn(turns: ParsingTurns, connections: int, seconds: float) -> list[int]:
    """How many connections continued in each turn of the loop."""
    loop = asyncio.get_running_loop()
    parsed = 0

    def parse() -> None:
        nonlocal parsed
        parsed += 1
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass

    for _ in range(connections):
        turns.add(loop, parse)
    counts: list[int] = []
    while sum(counts) < connections:
        before = parsed
        await asyncio.sleep(0)
        counts.append(parsed - before)
    return counts


async def test_one_turn_lasts_as_long_for_many_connections_as_for_one() -> None:
    counts = await parsed_by_turn(ParsingTurns(), 20, 2 * TURN_SECONDS)
    assert max(counts) == 1


async def test_short_pieces_share_a_turn() -> None:
    counts = await parsed_by_turn(ParsingTurns(), 20, 0)
    assert len(counts) < 20


async def test_of_those_that_drop_one_continues_in_a_turn() -> None:
    assert max(await parsed_by_turn(ParsingTurns(per_turn=1), 20, 0)) == 1
