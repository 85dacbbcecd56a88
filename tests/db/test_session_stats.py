"""Sessions: the row that is kept of each, and what they add up to, over logs made by hand."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from app.analytics.sessions import Sessions, SessionStats, sessions
from app.analytics.summary import summary
from app.database.sessions import Database
from app.ingest.rows import EventRow
from app.privacy.delete_events import clean_up
from app.read.filters import EventFilter
from app.read.window import Window
from tests.db.conftest import ADA, BOB, row, store, utc
from tests.db.test_rollups import differences

KEPT = text(
    "SELECT session_id, started_at, ended_at, events, is_long FROM activity_session"
    " ORDER BY session_id, user_id"
)
WINDOW = Window(utc("2026-11-19 00:00"), utc("2026-11-21 00:00"))


def part(number: int, at: str, session_id: str | None = "s", **fields: Any) -> EventRow:
    return row(number, at, session_id=session_id, **fields)


async def kept(database: Database) -> list[tuple[Any, ...]]:
    async with database.read() as session:
        return [tuple(each) for each in await session.execute(KEPT)]


async def ask(database: Database, window: Window = WINDOW, *users: str) -> Sessions:
    async with database.read(heavy=True) as session:
        return await sessions(session, EventFilter(user_email=users), window)


async def test_a_row_for_each_session(database: Database) -> None:
    await store(database, part(1, "2026-11-20 09:00"), part(2, "2026-11-20 09:05"))
    await store(database, part(3, "2026-11-20 08:00"), part(4, "2026-11-20 09:00", user=BOB))
    await store(database, part(5, "2026-11-18 08:00", "long"), part(6, "2026-11-20 08:00", None))
    await store(database, part(7, "2026-11-19 08:00:00.000001", "long"))
    assert await kept(database) == [
        (
            "long",
            utc("2026-11-18 08:00"),
            utc("2026-11-19 08:00:00.000001"),
            2,
            True,
        ),
        ("s", utc("2026-11-20 08:00"), utc("2026-11-20 09:05"), 3, False),
        ("s", utc("2026-11-20 09:00"), utc("2026-11-20 09:00"), 1, False),
    ]
    assert await differences(database) == []


async def test_a_clean_up_counts_again(database: Database) -> None:
    await store(
        database,
        part(1, "2026-11-18 09:00"),
        part(2, "2026-11-20 09:00"),
        part(3, "2026-11-18 09:00", "gone"),
    )
    await clean_up(database, before=utc("2026-11-19 00:00"), user_email=None, dry_run=False)
    assert await kept(database) == [
        ("s", utc("2026-11-20 09:00"), utc("2026-11-20 09:00"), 1, False)
    ]
    assert await differences(database) == []


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE activity_session SET events = events + 1",
        "UPDATE activity_session SET ended_at = '2026-11-20 09:00:01+00'",
        "DELETE FROM activity_session",
    ],
)
async def test_the_recount_finds_every_difference(database: Database, spoil: str) -> None:
    await store(database, part(1, "2026-11-20 09:00"))
    async with database.transaction() as session:
        await session.execute(text(spoil))
    assert "activity_session" in await differences(database)


async def test_how_many_and_how_long(database: Database) -> None:
    await store(
        database,
        part(1, "2026-11-18 23:59", "before"),
        part(2, "2026-11-19 00:01", "before"),
        part(3, "2026-11-19 23:50", "over"),
        part(4, "2026-11-20 00:00", "over"),
        part(5, "2026-11-20 09:00", "bounce"),
        part(6, "2026-11-20 09:00", "bounce", user=BOB),
        part(7, "2026-11-20 09:20", "bounce", user=BOB),
        part(8, "2026-11-20 10:00", "bounce", user=BOB),
    )
    found = await ask(database)
    assert found.total == SessionStats(3, 6, 2.0, 1, 0.3333, 1_400_000.0, 600_000.0, 3_000_000.0)
    assert [(each.day, each.stats.sessions, each.stats.events) for each in found.rows] == [
        (date(2026, 11, 19), 1, 2),
        (date(2026, 11, 20), 2, 4),
    ]
    assert (await ask(database, WINDOW, ADA)).total.sessions == 2
    assert (await ask(database, WINDOW, "nobody@example.com")).total == SessionStats(
        0, 0, None, 0, None, None, None, None
    )
    kolkata = Window(WINDOW.start, WINDOW.end, "Asia/Kolkata")
    assert [each.stats.sessions for each in (await ask(database, kolkata)).rows] == [0, 3, 0]


async def test_events_without_a_session_make_some_by_their_times(database: Database) -> None:
    times = ["09:00", "09:30", "10:00:00.000001", "10:30"]
    await store(
        database,
        *(part(n, f"2026-11-20 {time}", None) for n, time in enumerate(times)),
        part(8, "2026-11-20 09:15", None, user=BOB),
        part(9, "2026-11-18 23:45", None, user=BOB),
        part(10, "2026-11-19 00:10", None, user=BOB),
        part(11, "2026-11-19 00:35", None, user=BOB),
    )
    found = await ask(database)
    assert (found.total.sessions, found.made_by_time, found.total.events) == (3, 3, 5)
    assert found.total.bounces == 1


async def test_the_summary_counts_those_with_an_event_in_the_window(database: Database) -> None:
    """Also one from before; not one that only goes on after it."""
    await store(
        database,
        part(1, "2026-11-18 23:00", "from before"),
        part(2, "2026-11-19 01:00", "from before"),
        part(3, "2026-11-01 09:00", "long"),
        part(4, "2026-11-20 09:00", "long"),
        part(5, "2026-11-01 09:00", "around"),
        part(6, "2026-11-22 09:00", "around"),
        part(7, "2026-11-20 09:00", "inside"),
        part(8, "2026-11-20 09:00", "inside", user=BOB),
    )
    for users, count in (((), 4), ((ADA,), 3), ((ADA, BOB), 4), ((BOB,), 1)):
        async with database.read() as session:
            found = await summary(session, EventFilter(user_email=users), WINDOW)
        assert found.unique_sessions == count, users
