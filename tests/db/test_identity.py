"""Which events need a look-up, who waits for whom, and what an older database becomes."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command

from activity_events.uuid7 import uuid7
from app.database.migrations import migrate
from app.database.sessions import Database
from app.ingest.group import UsersChanged, write_group
from app.ingest.identity import find_doubtful, lock_users
from app.ingest.results import WriteOutcome
from app.ingest.rows import EventRow
from app.ingest.users import User, UserCache
from app.settings import Settings
from tests.conftest import NOW, connected, fresh_database
from tests.db.conftest import ADA, GIVE_UP_SECONDS, row, scalar, until_waiting, utc, writing
from tests.test_migrations import alembic

pytestmark = pytest.mark.fault("A1")


def made_at(at: str) -> UUID:
    return uuid7(utc(at))


@pytest.mark.parametrize(
    ("event_id", "at", "kind"),
    [
        (made_at("2026-11-20 09:00"), "2026-11-20 09:00", "home"),
        (made_at("2026-11-01 00:00"), "2026-11-30 23:59", "home"),
        (made_at("2026-10-31 23:59"), "2026-11-01 00:00", "stray"),
        (made_at("2026-12-01 00:00"), "2026-11-30 23:59", "stray"),
        (made_at("2025-11-20 09:00"), "2026-11-20 09:00", "stray"),
        (UUID(int=2**128 - 1 - (8 << 76)), "2026-11-20 09:00", "stray"),  # version 7, year 10889
        (uuid4(), "2026-11-20 09:00", "undated"),
        (UUID(int=0), "2026-11-20 09:00", "undated"),
    ],
)
def test_what_the_index_of_one_month_settles(event_id: UUID, at: str, kind: str) -> None:
    doubtful = find_doubtful([row(1, at=at, event_id=event_id)])
    found = "stray" if doubtful.strays else "undated" if doubtful.undated else "home"
    assert found == kind


@pytest.mark.parametrize(
    ("now", "event_id", "at", "mode"),
    [
        ("2026-11-20 12:00", made_at("2026-11-20 09:00"), "2026-11-20 09:00", "ShareLock"),
        ("2026-11-20 12:00", made_at("2026-10-20 09:00"), "2026-11-20 09:00", "ExclusiveLock"),
        ("2026-11-20 12:00", uuid4(), "2026-11-20 09:00", "ShareLock"),
        ("2026-11-20 12:00", uuid4(), "2026-10-20 09:00", "ExclusiveLock"),
        # Another process may be in the next month already.
        ("2026-11-30 23:30", uuid4(), "2026-11-30 23:29", "ExclusiveLock"),
        ("2026-12-01 00:30", uuid4(), "2026-12-01 00:29", "ExclusiveLock"),
        ("2026-12-01 01:00", uuid4(), "2026-12-01 00:59", "ShareLock"),
    ],
)
async def test_how_a_user_is_locked(
    database: Database, now: str, event_id: UUID, at: str, mode: str
) -> None:
    async with writing(database) as connection:
        given = row(1, at=at, event_id=event_id)
        await lock_users(connection, {ADA: User(300)}, find_doubtful([given]), utc(now))
        locks = await connection.fetch(
            "SELECT objid, mode FROM pg_locks WHERE pid = pg_backend_pid()"
            " AND locktype = 'advisory'"
        )
    assert [tuple(lock) for lock in locks] == [(300 % 256, mode)]


async def write(connection: asyncpg.Connection, given: EventRow) -> WriteOutcome | None:
    known = UserCache(Settings())
    for _ in range(2):
        with suppress(UsersChanged):
            [outcomes] = await write_group(connection, [[given]], known, expect_new=True)
            return outcomes.get(given.place)
    raise AssertionError("the user is changed again and again")


@pytest.mark.parametrize("stray_first", [True, False])
async def test_a_stray_and_its_twin_at_one_moment(database: Database, stray_first: bool) -> None:
    """Neither sees the other's row before the commit; so the second waits for the first."""
    event_id = made_at("2026-11-20 09:00")
    home = row(1, at="2026-11-20 09:00", event_id=event_id)
    stray = row(1, at="2026-10-20 09:00", event_id=event_id)
    async with writing(database) as connection:
        users, _ = await UserCache(Settings()).resolve(connection, [home])
    first, second = (stray, home) if stray_first else (home, stray)
    other = await database.connect_writer()
    async with writing(database) as connection:
        await lock_users(connection, users, find_doubtful([first]), NOW)
        later = asyncio.create_task(write(other, second))
        await until_waiting(database)
        await _store(connection, first, users[ADA].id, is_stray=first is stray)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        assert await later is WriteOutcome.MISMATCH
    await other.close()
    assert await scalar(database, "SELECT count(*) FROM activity_event") == 1


async def _store(
    connection: asyncpg.Connection, given: EventRow, user_id: int, *, is_stray: bool
) -> None:
    await connection.execute(
        "INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type,"
        " event_category, event_action, received_at) VALUES ($1, $2, $3, 'a', 'a', 'a', $2)",
        user_id,
        given.event_timestamp,
        given.event_id,
    )
    if is_stray:
        await connection.execute(
            "INSERT INTO stray_event VALUES ($1, $2, $3)",
            user_id,
            given.event_id,
            given.event_timestamp,
        )
        await connection.execute("UPDATE app_user SET redated = true WHERE id = $1", user_id)


@pytest.fixture
def older_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


async def test_an_older_database_loses_nothing(older_url: str) -> None:
    """It may hold one id at two times: both were acknowledged, and both are kept."""
    settings = Settings()
    now = datetime.now(UTC).replace(day=15, hour=12, minute=0, second=0, microsecond=0)
    before = now - timedelta(days=40)
    twice, stray = uuid4(), uuid7(now)
    async with connected(older_url) as connection:
        await connection.run_sync(alembic(command.downgrade, "0006"))
        await connection.commit()
    old = await asyncpg.connect(older_url)
    await old.execute("INSERT INTO app_user (email) VALUES ('ada@example.com')")
    for event_id, at, received_at in (
        (twice, now, now),
        (twice, now - timedelta(hours=1), now + timedelta(hours=1)),
        (twice, now - timedelta(hours=2), now + timedelta(hours=2)),
        (stray, before, now),
    ):
        await old.execute(
            "INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type,"
            " event_category, event_action, received_at)"
            " SELECT id, $1, $2, 'a', 'a', 'a', $3 FROM app_user",
            at,
            event_id,
            received_at,
        )
    async with connected(older_url) as connection:
        await migrate(connection, settings)
    rows = await old.fetch(
        "SELECT event_timestamp, event_id FROM activity_event ORDER BY event_timestamp DESC"
    )
    assert [each["event_timestamp"] for each in rows] == [
        now,
        now - timedelta(hours=1),
        now - timedelta(hours=2),
        before,
    ]
    ids = [each["event_id"] for each in rows]
    assert (ids[0], ids[3]) == (twice, stray)
    assert len(set(ids)) == 4
    assert {each.version for each in ids[1:3]} == {8}
    strays = await old.fetch("SELECT user_id, event_id, event_timestamp FROM stray_event")
    assert [tuple(each) for each in strays] == [(1, stray, before)]
    assert await old.fetchval("SELECT redated FROM app_user") is True
    with pytest.raises(asyncpg.UniqueViolationError):
        await old.execute(
            "INSERT INTO activity_event SELECT user_id, event_timestamp + interval '1 second',"
            " event_id, 'a', 'a', 'a', NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL, received_at"
            " FROM activity_event WHERE event_id = $1",
            twice,
        )
    await old.close()


async def test_a_migration_that_was_cut_off_can_be_run_again(older_url: str) -> None:
    """Ids that were told apart once, and came again since, are told apart again."""
    now = datetime.now(UTC).replace(day=15, hour=12, minute=0, second=0, microsecond=0)
    twice = uuid4()
    old = await asyncpg.connect(older_url)

    async def insert(at: datetime) -> None:
        await old.execute(
            "INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type,"
            " event_category, event_action, received_at) VALUES (1, $1, $2, 'a', 'a', 'a', $1)",
            at,
            twice,
        )

    async with connected(older_url) as connection:
        await connection.run_sync(alembic(command.downgrade, "0006"))
        await connection.commit()
        await insert(now)
        await insert(now + timedelta(minutes=1))
        await connection.run_sync(alembic(command.upgrade, "0008"))
        await connection.commit()
        await connection.run_sync(alembic(command.downgrade, "0007"))
        await connection.commit()
        await insert(now + timedelta(minutes=1))
        await migrate(connection, Settings())
    ids = await old.fetch("SELECT event_id FROM activity_event")
    assert len({row["event_id"] for row in ids}) == len(ids) == 3
    await old.close()


async def test_a_partition_of_the_version_before_gets_its_index(older_url: str) -> None:
    """Processes of the version before make partitions, too, and know of no such index."""
    old = await asyncpg.connect(older_url)
    name = await old.fetchval(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'activity_event'::regclass ORDER BY 1 LIMIT 1"
    )
    await old.execute(f"DROP INDEX {name}_identity")
    async with connected(older_url) as connection:
        await migrate(connection, Settings())
    index = await old.fetchrow(
        "SELECT indisunique, indisvalid FROM pg_index WHERE indexrelid = $1::text::regclass",
        f"{name}_identity",
    )
    assert index is not None
    assert tuple(index) == (True, True)
    await old.close()
