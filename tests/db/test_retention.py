"""What is past its time goes: months with their partitions, the rest row by row."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

import pytest
from sqlalchemy import text

from app.db import Database
from app.privacy.partitions import existing_partitions
from app.privacy.retention import Enforced, enforce_retention, retention_state
from app.settings import Settings
from app.verify_rollups import verify_rollups
from tests.conftest import NOW, add_partitions, fresh_database
from tests.db.conftest import BOB, row, scalar, store, utc

# NOW is 2026-11-20 12:00: with 30 days, what is before 2026-10-21 12:00 is past.
MONTH = Settings(retention_days=30)
YEAR = Settings(retention_days=365)
SEPTEMBER, OCTOBER = "activity_event_p2026_09", "activity_event_p2026_10"


@pytest.fixture
def own_url(server_url: str) -> Iterator[str]:
    """A database whose partitions may be dropped."""
    with fresh_database(server_url) as url:
        asyncio.run(add_partitions(url))
        yield url


@pytest.fixture
async def own(own_url: str) -> AsyncIterator[Database]:
    database = Database(own_url, Settings())
    yield database
    await database.dispose()


async def partitions(database: Database) -> set[str]:
    async with database.read() as session:
        return await existing_partitions(await session.connection())


async def events(database: Database) -> list[datetime]:
    async with database.read() as session:
        statement = text("SELECT event_timestamp FROM activity_event ORDER BY 1")
        return list((await session.execute(statement)).scalars())


async def recount_is_equal(database: Database) -> bool:
    async with database.transaction() as session:
        return all(check.ok for check in await verify_rollups(await session.connection()))


async def fill(database: Database) -> None:
    await store(
        database,
        row(1, at="2026-09-01 00:00"),
        row(2, at="2026-09-30 23:59"),
        row(3, at="2026-10-01 00:00", user=BOB),
        row(4, at="2026-10-21 11:59"),
        row(5, at="2026-10-21 12:00"),
        row(6, at="2026-11-20 11:00"),
    )


async def test_months_go_with_their_partitions_and_the_rest_row_by_row(own: Database) -> None:
    await fill(own)
    before = await partitions(own)
    assert SEPTEMBER in before
    steps: list[int] = []
    done = await enforce_retention(own, MONTH, NOW, on_deleted=steps.append)
    gone = sorted(name for name in before if name <= SEPTEMBER)
    assert done == Enforced(4, tuple(gone))
    assert sum(steps) == 4
    assert await partitions(own) == {name for name in before if name > SEPTEMBER}
    assert await events(own) == [utc("2026-10-21 12:00"), utc("2026-11-20 11:00")]
    assert await recount_is_equal(own)
    assert await scalar(own, "SELECT to_regclass('activity_event_p2026_09')::text") is None
    assert await enforce_retention(own, MONTH, NOW) == Enforced(0, ())


async def test_a_dry_run_counts_and_removes_nothing(own: Database) -> None:
    await fill(own)
    before = await partitions(own)
    done = await enforce_retention(own, MONTH, NOW, dry_run=True)
    assert done == Enforced(4, tuple(sorted(name for name in before if name <= SEPTEMBER)))
    assert await partitions(own) == before
    assert len(await events(own)) == 6


async def test_a_month_into_which_events_may_come_keeps_its_partition(own: Database) -> None:
    """Somebody asks for less than the setting: what is logged later must still find its place."""
    await fill(own)
    before = await partitions(own)
    done = await enforce_retention(own, YEAR, NOW, before=utc("2026-11-01 00:00"))
    assert (done.events_deleted, done.partitions_dropped) == (5, ())
    assert await partitions(own) == before
    assert await recount_is_equal(own)


async def test_the_last_month_goes_an_hour_later(own: Database) -> None:
    await fill(own)
    day = Settings(retention_days=20)
    at = utc("2026-11-21 00:30")  # 20 days after October's end, and half an hour
    done = await enforce_retention(own, day, at)
    assert (OCTOBER in done.partitions_dropped, done.events_deleted) == (False, 5)
    later = await enforce_retention(own, day, utc("2026-11-21 01:00"))
    assert later == Enforced(0, (OCTOBER,))


async def test_a_partition_that_was_only_detached_is_dropped_by_the_next_run(
    own: Database,
) -> None:
    async with own.transaction() as session:
        await session.execute(text(f"ALTER TABLE activity_event DETACH PARTITION {SEPTEMBER}"))
    done = await enforce_retention(own, MONTH, NOW)
    assert SEPTEMBER not in done.partitions_dropped
    assert await scalar(own, f"SELECT to_regclass('{SEPTEMBER}')::text") is None


@pytest.mark.parametrize("table", ["activity_event", SEPTEMBER])
async def test_it_waits_for_a_lock_without_making_others_wait(own: Database, table: str) -> None:
    """A long transaction reads the table, or the last of the months alone: the detaching lets
    ingest pass again and again."""
    await fill(own)
    async with own.transaction() as session:
        await session.execute(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
        removing = asyncio.create_task(enforce_retention(own, MONTH, NOW))
        for number in range(10, 20):
            async with asyncio.timeout(5):
                await store(own, row(number, at="2026-11-20 09:00"))
        assert not removing.done()
        assert SEPTEMBER in await partitions(own)
    done = await removing
    assert SEPTEMBER in done.partitions_dropped
    assert len(await events(own)) == 12
    assert await recount_is_equal(own)


async def test_two_at_once_do_it_once(own: Database) -> None:
    await fill(own)
    ends = await asyncio.gather(
        *(enforce_retention(own, MONTH, NOW) for _ in range(2)), return_exceptions=True
    )
    assert any(isinstance(end, Enforced) for end in ends)
    assert len(await events(own)) == 2
    assert await recount_is_equal(own)


async def test_the_state(own: Database) -> None:
    state = await retention_state(own, MONTH, NOW)
    assert (state.last_success_at, state.oldest_event_at, state.overdue) == (None, None, False)
    await store(own, row(1, at="2026-10-19 12:00"))
    assert not (await retention_state(own, MONTH, NOW)).overdue
    await store(own, row(2, at="2026-10-19 11:59"))
    state = await retention_state(own, MONTH, NOW)
    assert (state.oldest_event_at, state.overdue) == (utc("2026-10-19 11:59"), True)
