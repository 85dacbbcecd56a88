"""What is past its time goes: months with their partitions, the rest row by row."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime

import pytest
from sqlalchemy import text

from app.analytics.active_users import active_users
from app.analytics.retention import retention
from app.database.partitions import existing_partitions
from app.database.rollup_kinds import RollupKindCache
from app.database.sessions import Database
from app.database.verify_rollups import verify_rollups
from app.ingest.group import UsersChanged, write_group
from app.ingest.identity import Doubtful, lock_users
from app.ingest.insert import copy_events
from app.ingest.results import WriteOutcome
from app.ingest.rollups import RollupDelta
from app.ingest.users import UserCache
from app.privacy.delete_events import clean_up
from app.privacy.idle_users import forget_idle_users
from app.privacy.opt_out import Change, OptOut, get_opt_out, set_opt_out
from app.privacy.retention import Enforced, enforce_retention, retention_state
from app.read.filters import EventFilter
from app.read.window import Window
from app.settings import Settings
from tests.conftest import NOW, add_partitions, fresh_database
from tests.db.conftest import BOB, row, scalar, store, until_waiting, utc

# NOW is 2026-11-20 12:00: with 30 days, what is before 2026-10-21 12:00 is past.
MONTH = Settings(retention_days=30)
MONTH_AGO = utc("2026-10-21 12:00")
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


@pytest.mark.fault("N22")
async def test_who_has_no_event_left_is_forgotten(own: Database) -> None:
    """Their address goes; what they opted out of is kept without it."""
    await store(
        own,
        row(1, at="2026-10-31 09:00"),
        row(2, at="2026-11-19 09:00", user=BOB),
        row(3, at="2026-10-31 09:00", user="carl@example.com"),
    )
    await set_opt_out(own, MONTH, "carl@example.com", Change(learning=True, ai_context=True))
    await set_opt_out(own, MONTH, "dora@example.com", Change(analytics=True))
    ten_days_ago = utc("2026-11-10 12:00")
    done = await enforce_retention(own, MONTH, NOW, before=ten_days_ago)
    assert done.events_deleted == 2
    async with own.read() as session:
        emails = list(await session.scalars(text("SELECT email FROM app_user")))
    assert emails == [BOB]
    assert await get_opt_out(own, MONTH, "carl@example.com") == OptOut(False, True, True)
    assert await get_opt_out(own, MONTH, "dora@example.com") == OptOut(True, False, False)
    assert await get_opt_out(own, MONTH, "ada@example.com") == OptOut()
    assert await recount_is_equal(own)

    # All may come back: as somebody new, with what they had opted out of.
    connection = await own.connect_writer()
    [outcomes] = await write_group(
        connection,
        [
            [
                row(4, at="2026-11-20 09:00"),
                row(5, at="2026-11-20 09:00", user="carl@example.com"),
                row(6, at="2026-11-20 09:00", user="dora@example.com"),
            ]
        ],
        UserCache(MONTH),
        expect_new=True,
    )
    await connection.close()
    assert outcomes == {6: WriteOutcome.OPTED_OUT}
    assert await get_opt_out(own, MONTH, "carl@example.com") == OptOut(False, True, True)


@pytest.mark.fault("N22")
async def test_an_event_that_is_under_way_keeps_its_user(own: Database) -> None:
    """An ingest knows the user, who has no event; retention waits for it."""
    await set_opt_out(own, MONTH, "ada@example.com", Change(learning=True))
    known = UserCache(MONTH)
    connection = await own.connect_writer()
    async with connection.transaction():
        users, _ = await known.resolve(connection, [row(1)])
        await lock_users(connection, users, Doubtful(), NOW)
        forgetting = asyncio.create_task(forget_idle_users(own, MONTH, MONTH_AGO, NOW))
        await until_waiting(own)
        await copy_events(connection, [row(1)], users)
        tally = RollupDelta()
        tally.add([row(1)], users)
        await tally.write(connection, RollupKindCache())
    assert await forgetting == 0
    assert await scalar(own, "SELECT count(*) FROM app_user") == 1

    # The other way round, the ingest finds the user gone, and makes them again.
    await clean_up(own, before=None, user_email="ada@example.com", dry_run=False)
    known.remember(users)
    assert await forget_idle_users(own, MONTH, MONTH_AGO, NOW) == 1
    with pytest.raises(UsersChanged):
        await write_group(connection, [[row(1)]], known, expect_new=True)
    assert await write_group(connection, [[row(1)]], known, expect_new=True) == [{}]
    await connection.close()
    async with own.read() as session:
        statement = text("SELECT email, learning_opt_out FROM app_user")
        assert [tuple(each) for each in await session.execute(statement)] == [
            ("ada@example.com", True)
        ]


@pytest.mark.fault("B6")
async def test_who_was_there_before_is_not_new_again(own: Database) -> None:
    async def told() -> tuple[list[tuple[int, int, int]], int, list[tuple[date, int]]]:
        async with own.read(heavy=True) as session:
            days = await active_users(session, EventFilter(), window)
            weeks = await retention(session, EventFilter(), window, period="week", periods=1)
        return (
            [(each.dau, each.new, each.returning) for each in days.rows],
            days.new_users,
            [(each.cohort, each.size) for each in weeks.rows],
        )

    await store(
        own,
        row(1, at="2026-09-10 09:00"),  # goes with its partition
        row(2, at="2026-11-20 09:00"),
        row(3, at="2026-10-02 09:00", user=BOB),  # goes row by row
        row(4, at="2026-11-20 10:00", user=BOB),
        row(5, at="2026-11-20 11:00", user="cem@example.com"),
    )
    window = Window(utc("2026-11-19 00:00"), utc("2026-11-21 00:00"))
    before = ([(0, 0, 0), (3, 1, 2)], 1, [(date(2026, 11, 16), 1)])
    assert await told() == before
    done = await enforce_retention(own, MONTH, NOW)
    assert (done.events_deleted, done.partitions_dropped[-1]) == (2, SEPTEMBER)
    assert await told() == before
    first = "SELECT string_agg(first_seen_at::text, ', ' ORDER BY email) FROM app_user"
    assert await scalar(own, first) == "2026-09-10 09:00:00+00, 2026-10-02 09:00:00+00"
    # A year's window reaches the days that are gone: nobody is active there, and nobody new later.
    window = Window(utc("2026-09-07 00:00"), utc("2026-11-21 00:00"))
    days, new_users, weeks = await told()
    assert days[-1] == (3, 1, 2)
    assert new_users == 1
    assert [size for _, size in weeks] == [0] * 10 + [1]
    # What is logged late about a time before that is no second beginning.
    await store(own, row(6, at="2026-10-25 09:00"))
    window = Window(utc("2026-10-25 00:00"), utc("2026-11-21 00:00"))
    days, new_users, _ = await told()
    assert (days[0], days[-1], new_users) == ((1, 0, 1), (3, 1, 2), 1)
    # Nor does a second clean-up make the first time a later one.
    await enforce_retention(own, MONTH, NOW, before=utc("2026-11-01 00:00"))
    assert await scalar(own, first) == "2026-09-10 09:00:00+00, 2026-10-02 09:00:00+00"


@pytest.mark.fault("B6")
async def test_the_first_day_is_that_of_each_zone(own: Database) -> None:
    """23:30 UTC is the next day in Berlin."""
    await store(
        own,
        row(1, at="2026-11-10 23:30"),
        row(2, at="2026-11-11 10:00"),
        row(3, at="2026-11-10 22:50", user=BOB),
        row(4, at="2026-11-11 10:00", user=BOB),
    )
    await enforce_retention(own, MONTH, NOW, before=utc("2026-11-11 00:00"))
    for zone, new in (("UTC", 0), ("Europe/Berlin", 1), ("Asia/Kolkata", 2), ("Etc/GMT+12", 2)):
        day = Window(utc("2026-11-11 10:00"), utc("2026-11-11 10:01"), zone)
        async with own.read(heavy=True) as session:
            found = await active_users(session, EventFilter(), day)
        assert (found.rows[0].dau, found.rows[0].new) == (2, new), zone
