"""Many kinds of events: bounded in the rollups and in answers, and every total stays exact."""

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.analytics.durations import durations
from app.analytics.paths import paths
from app.analytics.summary import summary
from app.analytics.timeseries import timeseries
from app.analytics.top import top
from app.database.rollup_kinds import RollupKindCache
from app.database.sessions import Database
from app.ingest.group import write_group
from app.ingest.rows import EventRow
from app.ingest.summaries import KINDS_MAX, sum_up_days
from app.ingest.users import UserCache
from app.privacy.delete_events import clean_up
from app.privacy.erase import erase_user
from app.privacy.opt_out import Change, set_opt_out
from app.read.filters import EventFilter
from app.read.window import Window
from app.settings import Settings
from tests.conftest import NOW
from tests.db.conftest import ADA, BOB, row, utc
from tests.db.test_rollups import differences

PER_DAY = 20
DAY = Window(utc("2026-11-20 00:00"), utc("2026-11-21 00:00"))
THREE_DAYS = Window(utc("2026-11-18 00:00"), utc("2026-11-21 00:00"))


def events(start: int, names: list[str], day: int = 20, **fields: Any) -> list[EventRow]:
    return [
        row(start + number, f"2026-11-{day} 09:{number % 60:02}", event_type=name, **fields)
        for number, name in enumerate(names)
    ]


async def write(
    database: Database, rows: list[EventRow], kinds: RollupKindCache | None = None
) -> None:
    connection = await database.connect_writer()
    kinds = kinds or RollupKindCache(PER_DAY)
    await write_group(connection, [rows], UserCache(Settings()), expect_new=True, kinds=kinds)
    await connection.close()


async def kinds_of_days(database: Database) -> dict[int, tuple[int, int]]:
    """By the day: how many kinds count separately, and how many events together."""
    statement = text(
        "SELECT extract(day FROM bucket)::int, count(*) FILTER (WHERE event_type <> ''),"
        " coalesce(sum(events) FILTER (WHERE event_type = ''), 0)::int"
        " FROM activity_rollup WHERE level = 2 GROUP BY 1"
    )
    async with database.read() as session:
        return {day: (kinds, other) for day, kinds, other in await session.execute(statement)}


@pytest.mark.fault("S11")
async def test_past_a_number_of_kinds_a_day_counts_the_rest_together(database: Database) -> None:
    names = [f"t{number:03}" for number in range(60)]
    await write(database, events(1, names[:15]))
    await write(database, events(101, names))
    await write(database, events(201, names[:30], day=19))
    await write(database, events(301, [names[0]] * 5))
    assert await kinds_of_days(database) == {20: (PER_DAY, 40), 19: (PER_DAY, 10)}
    assert await differences(database) == []
    async with database.read() as session:
        found = await summary(session, EventFilter(), DAY)
        split = await timeseries(session, EventFilter(), DAY, split_by="event_type", limit=3)
        most = await top(session, EventFilter(), DAY, limit=2)
    assert found.total_events == 80
    assert found.events_by_type["t000"] == 7
    assert sum(found.events_by_type.values()) == 40
    assert found.other_events == {"event_category": 40, "event_type": 40, "device_type": 40}
    assert found.about.truncated
    assert [(each.value, each.is_other, each.total) for each in split.series] == [
        ("t000", False, 7), ("t001", False, 2), ("t002", False, 2), (None, True, 69),
    ]  # fmt: skip
    assert split.total_events == most.total_events == 80
    assert [each.events for each in most.rows] == [7, 2]
    assert most.other_events == 71
    assert most.about.truncated


@pytest.mark.fault("S11")
async def test_a_filter_finds_kinds_that_are_counted_together(database: Database) -> None:
    names = [f"t{number:03}" for number in range(60)]
    await write(database, events(1, names))
    await write(database, events(101, ["t050", "t000"], day=18))
    for name, expected in (("t050", 2), ("t000", 2), ("t049", 1)):
        filter_ = EventFilter(event_type=(name,))
        async with database.read() as session:
            found = await summary(session, filter_, THREE_DAYS)
            split = await timeseries(session, filter_, THREE_DAYS, split_by="event_type")
        assert found.total_events == expected
        assert found.events_by_type == {name: expected}
        assert found.other_events["event_type"] == 0
        assert [(each.value, each.total) for each in split.series] == [(name, expected)]


@pytest.mark.fault("S11")
async def test_what_takes_events_away_takes_them_from_where_they_count(
    database: Database, settings: Settings
) -> None:
    """Also where the bound has changed meanwhile, and there would be room again."""
    settings = settings.model_copy(update={"rollup_kinds_per_day": 2 * PER_DAY})
    names = [f"t{number:03}" for number in range(30)]
    await write(database, events(1, names))
    await write(database, events(101, names[10:], user=BOB))
    await write(database, events(201, names, user="eve@example.com", device_type="tv"))
    await set_opt_out(database, settings, BOB, Change(analytics=True))
    assert await differences(database) == []
    await set_opt_out(database, settings, BOB, Change(analytics=False))
    assert await differences(database) == []
    await write(database, events(301, [f"n{n}" for n in range(5)]), RollupKindCache(2 * PER_DAY))
    assert await differences(database) == []
    assert (await kinds_of_days(database))[20][0] == PER_DAY
    until = utc("2026-11-20 09:12")
    await clean_up(database, before=until, user_email=ADA, dry_run=False)
    assert await differences(database) == []
    await erase_user(database, settings, BOB, NOW)
    await erase_user(database, settings, "eve@example.com", NOW)
    assert await differences(database) == []
    async with database.read() as session:
        found = await summary(session, EventFilter(), DAY)
    assert found.total_events == 18


@pytest.mark.fault("S11")
async def test_who_opts_in_again_brings_new_kinds_within_the_bound(
    database: Database, settings: Settings
) -> None:
    settings = settings.model_copy(update={"rollup_kinds_per_day": PER_DAY})
    await write(database, events(1, [f"b{n}" for n in range(30)], user=BOB))
    await set_opt_out(database, settings, BOB, Change(analytics=True))
    await write(database, events(101, ["a", "b1"], day=19))
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM activity_rollup WHERE bucket >= '2026-11-20'"))
    await write(database, events(201, ["a", "b1"]))
    await set_opt_out(database, settings, BOB, Change(analytics=False))
    assert (await kinds_of_days(database))[20] == (PER_DAY, 11)
    assert await differences(database) == []


@pytest.mark.fault("S11")
async def test_several_writers_agree_on_what_counts_separately(database: Database) -> None:
    """Each with a memory of its own, as processes are; all with new kinds of the same days."""
    rng = random.Random(11)
    expected: Counter[int] = Counter()

    async def writer(number: int) -> None:
        connection = await database.connect_writer()
        known, kinds = UserCache(Settings()), RollupKindCache(PER_DAY)
        for turn in range(12):
            rows = [
                row(
                    number * 10_000 + turn * 100 + at,
                    f"2026-11-{rng.choice((18, 19, 20))} 1{rng.randrange(10)}:00",
                    event_type=f"t{rng.randrange(40)}",
                    user=f"u{number}@example.com",
                )
                for at in range(8)
            ]
            expected.update(each.event_timestamp.day for each in rows)
            await write_group(connection, [rows], known, expect_new=True, kinds=kinds)
        await connection.close()

    await asyncio.gather(*(writer(number) for number in range(5)))
    assert await differences(database) == []
    found = await kinds_of_days(database)
    assert {day: kinds for day, (kinds, _) in found.items()} == dict.fromkeys((18, 19, 20), PER_DAY)
    async with database.read() as session:
        counted = await timeseries(session, EventFilter(), THREE_DAYS)
    assert counted.series[0].events == [expected[day] for day in (18, 19, 20)]


@pytest.mark.fault("S11")
async def test_one_users_day_lists_the_most_frequent_kinds(database: Database) -> None:
    names = [f"t{number:04}" for number in range(KINDS_MAX + 50)]
    await write(database, events(1, [*names, *names[-20:]], day=18), RollupKindCache())
    await sum_up_days(database, NOW)
    assert await differences(database) == []
    of_ada = EventFilter(user_email=(ADA,))
    async with database.read() as session:
        found = await summary(session, of_ada, THREE_DAYS)
        most = await top(session, of_ada, THREE_DAYS, limit=1)
    assert found.total_events == KINDS_MAX + 70
    assert len(found.events_by_type) == KINDS_MAX
    assert found.events_by_type[names[-1]] == 2
    assert found.other_events["event_type"] == 50
    assert (most.rows[0].events, most.other_events) == (2, KINDS_MAX + 68)


@pytest.mark.fault("S11")
async def test_answers_are_bounded_and_their_totals_exact(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off the events of users, and with fewer kinds in memory than there are."""
    monkeypatch.setattr("app.analytics.counts.KINDS_MAX", 10)
    monkeypatch.setattr("app.analytics.user_days.GAP_KINDS_MAX", 10)
    monkeypatch.setattr("app.analytics.paths.LINKS_MAX", 10)
    names = [f"t{number:03}" for number in range(30)]
    timed: dict[str, Any] = {"duration_ms": 5, "session_id": "s"}
    await write(database, events(1, ["t000", *names], **timed), RollupKindCache())
    for filter_ in (EventFilter(), EventFilter(user_email=(ADA,)), EventFilter(session_id=("s",))):
        async with database.read() as session:
            found = await summary(session, filter_, DAY)
            most = await top(session, filter_, DAY, limit=5)
            links = await paths(session, filter_, DAY, "t000", steps=1)
        assert found.total_events == 31
        assert len(found.events_by_type) == 10
        assert found.other_events["event_type"] == 31 - 11
        assert (most.total_events, most.other_events) == (31, 31 - 6)
        assert links.occurrences == 2
    async with database.read() as session:
        long = await durations(session, EventFilter(), DAY, limit=5)
    assert (len(long.rows), long.about.truncated) == (5, True)


def test_a_process_forgets_kinds_past_a_bound() -> None:
    known = RollupKindCache(at_most=10)
    midnight = utc("2026-11-20 00:00")
    for number in range(100):
        kind = (midnight + timedelta(days=number), "a", "b", "c", "")
        known.remember([kind])
        assert known.missing([kind]) in (set(), {kind})
        assert len(known._known) <= 10
