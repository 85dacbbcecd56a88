"""Which months there are partitions for, and that each is made once."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import text

from app.database.engine import create_engine
from app.database.partitions import (
    Month,
    ensure_partitions,
    existing_partitions,
    is_partition,
    needed_months,
)
from app.database.sessions import Database
from app.settings import Settings
from tests.conftest import NOW, fresh_database
from tests.db.conftest import utc

SHORT = Settings(retention_days=30, partitions_ahead_months=2)
BOUNDS = text(
    "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits"
    " JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'activity_event'::regclass"
    " ORDER BY c.relname"
)


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """A migrated database without any partition."""
    with fresh_database(server_url) as url:
        asyncio.run(_drop_partitions(url))
        yield url


async def _drop_partitions(url: str) -> None:
    engine = create_engine(url, Settings(), pooled=False, server_settings={})
    async with engine.begin() as connection:
        for name in sorted(await existing_partitions(connection)):
            await connection.execute(text(f"DROP TABLE {name}"))
    await engine.dispose()


def names(now: datetime, settings: Settings = SHORT) -> list[str]:
    return [month.partition for month in needed_months(now, settings)]


@pytest.mark.parametrize(
    ("now", "first", "last", "count"),
    [
        ("2026-11-20 12:00", "p2026_10", "p2027_01", 4),
        ("2026-12-31 23:59:59.999999", "p2026_12", "p2027_02", 3),
        ("2027-01-01 00:00", "p2026_12", "p2027_03", 4),
        ("2028-03-01 00:00", "p2028_01", "p2028_05", 5),  # 30 days over a leap February
        ("2027-03-31 00:00", "p2027_03", "p2027_05", 3),
    ],
)
def test_the_months_that_are_needed(now: str, first: str, last: str, count: int) -> None:
    found = names(utc(now))
    assert (found[0], found[-1]) == (f"activity_event_{first}", f"activity_event_{last}")
    assert len(found) == count
    assert found == sorted(set(found))


def test_a_year_of_retention_needs_15_months() -> None:
    found = names(NOW, Settings())
    assert (found[0], found[-1]) == ("activity_event_p2025_11", "activity_event_p2027_01")
    assert len(found) == 15


def test_a_month_is_that_of_utc() -> None:
    kiritimati = timezone(timedelta(hours=14))
    assert Month.of(datetime(2026, 11, 1, 13, 59, tzinfo=kiritimati)) == Month(2026, 10)
    assert Month.of(datetime(2026, 11, 1, 14, 0, tzinfo=kiritimati)) == Month(2026, 11)


@pytest.mark.parametrize(
    ("months", "year", "month"),
    [(0, 2026, 11), (1, 2026, 12), (2, 2027, 1), (14, 2028, 1), (-11, 2025, 12), (-10, 2026, 1)],
)
def test_counting_months(months: int, year: int, month: int) -> None:
    assert Month(2026, 11).plus(months) == Month(year, month)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("activity_event_p2026_11", True),
        ("activity_event", False),
        ("activity_event_p2026_11_old", False),
        ("activity_event_p2026", False),
        ("other_p2026_11", False),
    ],
)
def test_names_of_partitions(name: str, is_one: bool) -> None:
    assert is_partition(name) is is_one


async def ensure(database: Database, now: datetime = NOW, settings: Settings = SHORT) -> list[str]:
    async with database.transaction() as session:
        return await ensure_partitions(await session.connection(), settings, now)


async def test_they_are_made_once_with_the_months_as_bounds(empty_url: str) -> None:
    database = Database(empty_url, SHORT)
    assert await ensure(database) == [
        "activity_event_p2026_10",
        "activity_event_p2026_11",
        "activity_event_p2026_12",
        "activity_event_p2027_01",
    ]
    assert await ensure(database) == []
    assert await ensure(database, utc("2026-12-01 00:00")) == ["activity_event_p2027_02"]
    async with database.read() as session:
        bounds = [tuple(each) for each in await session.execute(BOUNDS)]
    assert bounds[0] == (
        "activity_event_p2026_10",
        "FOR VALUES FROM ('2026-10-01 00:00:00+00') TO ('2026-11-01 00:00:00+00')",
    )
    assert bounds[2] == (
        "activity_event_p2026_12",
        "FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')",
    )
    assert len(bounds) == 5
    await database.dispose()


async def test_a_gap_is_filled(empty_url: str) -> None:
    database = Database(empty_url, SHORT)
    await ensure(database)
    async with database.transaction() as session:
        await session.execute(text("DROP TABLE activity_event_p2026_11"))
    assert await ensure(database) == ["activity_event_p2026_11"]
    await database.dispose()


async def test_processes_that_start_at_once_make_each_once(empty_url: str) -> None:
    databases = [Database(empty_url, SHORT) for _ in range(6)]
    made = await asyncio.gather(*(ensure(database) for database in databases))
    assert sorted(name for some in made for name in some) == [
        "activity_event_p2026_10",
        "activity_event_p2026_11",
        "activity_event_p2026_12",
        "activity_event_p2027_01",
    ]
    async with databases[0].read() as session:
        assert len((await session.execute(BOUNDS)).all()) == 4
    for database in databases:
        await database.dispose()


async def test_without_the_table_there_is_nothing_to_do(bare_url: str) -> None:
    database = Database(bare_url, SHORT)
    assert await ensure(database) == []
    await database.dispose()
