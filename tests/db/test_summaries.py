"""Days of a user that are over, summed up: made, taken away, and never other than the events."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.analytics.heatmap import Heatmap, heatmap
from app.analytics.summary import Summary, summary
from app.database.sessions import Database
from app.ingest.summaries import EVENTS_MIN, sum_up_days
from app.privacy.delete_events import clean_up
from app.read.filters import EventFilter
from app.read.window import Window
from tests.conftest import NOW
from tests.db.conftest import ADA, row, store, utc
from tests.db.test_rollups import differences

SUMMARIES = text(
    "SELECT day, CASE WHEN summary::text = 'null' THEN '\"too few\"' ELSE summary END AS summary"
    " FROM activity_user_day ORDER BY day"
)


async def summaries(database: Database) -> list[tuple[date, Any]]:
    async with database.read() as session:
        return [(day, found) for day, found in await session.execute(SUMMARIES)]


async def log(database: Database, *, start: str, count: int, first: int = 0) -> None:
    """Events every twenty minutes, of four kinds."""
    begin = utc(start)
    await store(
        database,
        *(
            row(
                first + number,
                (begin + timedelta(minutes=20 * number)).isoformat()[:19],
                event_type="ab"[number % 2],
                device_type=(None, "tv")[number % 4 // 2],
                duration_ms=number if number % 3 == 0 else None,
            )
            for number in range(count)
        ),
    )


async def answers(database: Database, window: Window) -> tuple[Summary, Heatmap]:
    async with database.read() as session:
        filter_ = EventFilter(user_email=(ADA,))
        return await summary(session, filter_, window), await heatmap(session, filter_, window)


async def test_a_day_that_is_over_is_summed_up(database: Database) -> None:
    await log(database, start="2026-11-18 00:00", count=EVENTS_MIN)
    await log(database, start="2026-11-19 00:00", count=EVENTS_MIN - 1, first=100)
    await log(database, start="2026-11-20 00:00", count=EVENTS_MIN, first=200)
    assert await sum_up_days(database, NOW) == 2
    (_, full), (_, few), (_, today) = await summaries(database)
    assert full["slots"][:4] == [1, 1, 1, 0]
    assert sum(full["slots"]) == EVENTS_MIN
    assert full["kinds"] == [
        ["a", "project", "created", "", 8, 3, 36],
        ["a", "project", "created", "tv", 8, 3, 54],
        ["b", "project", "created", "", 8, 2, 30],
        ["b", "project", "created", "tv", 8, 3, 45],
    ]
    assert (few, today) == ("too few", None)
    assert await sum_up_days(database, NOW) == 0
    assert await differences(database) == []


@pytest.mark.parametrize(
    ("start", "end", "zone"),
    [
        ("2026-11-17 00:00", "2026-11-20 00:00", "UTC"),
        ("2026-11-18 00:00", "2026-11-19 00:00", "UTC"),
        ("2026-11-18 03:07:30", "2026-11-19 02:41", "Asia/Kathmandu"),
        ("2026-11-16 00:00", "2026-11-20 00:00", "America/St_Johns"),
        ("2026-11-18 05:00", "2026-11-18 09:00", "UTC"),
    ],
)
async def test_answers_stay_what_they_were(
    database: Database, start: str, end: str, zone: str
) -> None:
    await log(database, start="2026-11-17 14:00", count=130)
    window = Window(utc(start), utc(end), zone)
    before = await answers(database, window)
    assert await sum_up_days(database, NOW) == 3
    after = await answers(database, window)
    assert after == before
    assert before[0].total_events > 0


async def test_a_write_takes_the_summary_away(database: Database) -> None:
    await log(database, start="2026-11-18 00:00", count=EVENTS_MIN)
    await sum_up_days(database, NOW)
    await store(database, row(999, "2026-11-18 23:00"))
    assert (await summaries(database))[0][1] is None
    assert await sum_up_days(database, NOW) == 1
    assert sum((await summaries(database))[0][1]["slots"]) == EVENTS_MIN + 1
    await clean_up(database, before=utc("2026-11-18 01:00"), user_email=None, dry_run=False)
    assert (await summaries(database))[0][1] is None
    assert await sum_up_days(database, NOW) == 1
    assert await differences(database) == []


async def test_the_recount_finds_a_spoiled_summary(database: Database) -> None:
    await log(database, start="2026-11-18 00:00", count=EVENTS_MIN)
    await sum_up_days(database, NOW)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE activity_user_day SET summary = replace(summary::text, '36', '37')::json")
        )
    assert "summaries" in await differences(database)
