"""Paths over logs made by hand."""

from datetime import timedelta
from typing import Any

import pytest

from app.analytics.paths import Paths, paths
from app.database.sessions import Database
from app.read.filters import EventFilter
from app.read.window import Window
from tests.db.conftest import BOB, row, store, utc

DAY = Window(utc("2026-11-20 00:00"), utc("2026-11-21 00:00"))


async def ask(database: Database, anchor: str, **options: Any) -> Paths:
    async with database.read(heavy=True) as session:
        return await paths(session, EventFilter(), DAY, anchor, **options)


def links(found: Paths) -> list[tuple[int, str, str | None, int]]:
    return [(link.step, link.source, link.target, link.events) for link in found.links]


async def log(database: Database, *events: tuple[str, str]) -> None:
    """Ada's events: a time, and a type."""
    rows = [
        row(number, f"2026-11-20 {time}", event_type=event_type)
        for number, (time, event_type) in enumerate(events)
    ]
    await store(database, *rows)


async def test_what_follows(database: Database) -> None:
    await log(
        database, ("09:00", "a"), ("09:10", "b"), ("09:20", "c"), ("11:00", "a"), ("11:05", "c")
    )
    await store(database, row(9, "2026-11-20 09:01", BOB, event_type="b"))
    found = await ask(database, "a", steps=2)
    assert found.occurrences == 2
    assert links(found) == [
        (1, "a", "b", 1),
        (1, "a", "c", 1),
        (2, "b", "c", 1),
        (2, "c", None, 1),
    ]


async def test_what_precedes(database: Database) -> None:
    await log(database, ("09:00", "a"), ("09:10", "b"), ("09:20", "c"))
    found = await ask(database, "c", direction="before", steps=3)
    assert links(found) == [(1, "c", "b", 1), (2, "b", "a", 1), (3, "a", None, 1)]


@pytest.mark.parametrize(("time", "target"), [("09:30", "b"), ("09:30:00.000001", None)])
async def test_a_gap_ends_a_path(database: Database, time: str, target: str | None) -> None:
    await log(database, ("09:00", "a"), (time, "b"))
    found = await ask(database, "a", steps=1, gap=timedelta(minutes=30))
    assert links(found) == [(1, "a", target, 1)]


async def test_paths_that_run_into_one_another_count_each(database: Database) -> None:
    await log(database, ("09:00", "a"), ("09:01", "a"), ("09:02", "b"))
    found = await ask(database, "a", steps=2)
    assert links(found) == [
        (1, "a", "a", 1),
        (1, "a", "b", 1),
        (2, "a", "b", 1),
        (2, "b", None, 1),
    ]


async def test_events_of_one_moment_go_by_their_ids(database: Database) -> None:
    await log(database, ("09:00", "a"), ("09:00", "b"), ("09:00", "c"))
    assert links(await ask(database, "b", steps=1)) == [(1, "b", "c", 1)]
    assert links(await ask(database, "b", steps=1, direction="before")) == [(1, "b", "a", 1)]


async def test_the_rarest_links_are_left_out(database: Database) -> None:
    await log(
        database,
        *(("09:00", "a"), ("09:01", "b"), ("10:00", "a"), ("10:01", "c")),
        *(("11:00", "a"), ("11:01", "b")),
    )
    found = await ask(database, "a", steps=1, limit=1)
    assert links(found) == [(1, "a", "b", 2)]
    assert (found.occurrences, found.about.truncated) == (3, True)


async def test_nothing(database: Database) -> None:
    found = await ask(database, "a")
    assert (found.occurrences, found.links) == (0, [])
