"""The totals beside the events: what a write adds, what a clean-up takes off, and the recount."""

from datetime import date

import pytest
from sqlalchemy import text

from app.database.sessions import Database
from app.database.verify_rollups import verify_rollups
from app.ingest.group import write_group
from app.ingest.results import WriteOutcome
from app.ingest.users import UserCache
from app.privacy.delete_events import clean_up
from app.settings import Settings
from tests.db.conftest import ADA, BOB, row, store, utc

ROLLUPS = text(
    "SELECT bucket, event_type, device_type, events, timed, duration_ms FROM activity_rollup"
    " WHERE level = 0 AND events <> 0 ORDER BY bucket, event_type, device_type"
)
USER_DAYS = text(
    "SELECT email, day, slots::text AS slots FROM activity_user_day"
    " JOIN app_user ON app_user.id = user_id ORDER BY email, day"
)


async def rollups(database: Database) -> list[tuple[object, ...]]:
    async with database.read() as session:
        return [tuple(each) for each in await session.execute(ROLLUPS)]


async def active_slots(database: Database) -> list[tuple[str, date, list[int]]]:
    """Each user's days, with the numbers of their active quarter-hours."""
    async with database.read() as session:
        return [
            (email, day, [at for at, bit in enumerate(slots) if bit == "1"])
            for email, day, slots in await session.execute(USER_DAYS)
        ]


async def differences(database: Database) -> list[str]:
    async with database.read() as session:
        connection = await session.connection()
        await connection.execute(text("BEGIN"))
        checks = await verify_rollups(connection)
        await connection.execute(text("COMMIT"))
    return [check.name for check in checks if not check.ok]


async def test_what_a_write_adds(database: Database) -> None:
    await store(
        database,
        row(1, at="2026-11-20 09:00"),
        row(2, at="2026-11-20 09:14:59.999999", duration_ms=30),
        row(3, at="2026-11-20 09:15", duration_ms=12, device_type="mobile"),
        row(4, at="2026-11-20 23:59:59", user=BOB),
        row(5, at="2026-11-21 00:00", user=BOB),
    )
    assert await rollups(database) == [
        (utc("2026-11-20 09:00"), "project_created", "", 2, 1, 30),
        (utc("2026-11-20 09:15"), "project_created", "mobile", 1, 1, 12),
        (utc("2026-11-20 23:45"), "project_created", "", 1, 0, 0),
        (utc("2026-11-21 00:00"), "project_created", "", 1, 0, 0),
    ]
    assert await active_slots(database) == [
        (ADA, date(2026, 11, 20), [36, 37]),
        (BOB, date(2026, 11, 20), [95]),
        (BOB, date(2026, 11, 21), [0]),
    ]
    assert await differences(database) == []


async def test_a_duplicate_counts_nowhere(database: Database) -> None:
    """Stored before, twice in one group, and beside new ones: each on the way without COPY."""
    await store(database, row(1))
    connection = await database.connect_writer()
    known = UserCache(Settings())
    again = [[row(1), row(2)], [row(2), row(3, at="2026-11-20 10:00")]]
    found = await write_group(connection, again, known, expect_new=False)
    assert found == [{1: WriteOutcome.DUPLICATE}, {2: WriteOutcome.DUPLICATE}]
    await connection.close()
    assert [each[3] for each in await rollups(database)] == [2, 1]
    assert await differences(database) == []


async def test_a_clean_up_takes_its_share_off(database: Database) -> None:
    await store(
        database,
        row(1, at="2026-11-19 09:00", duration_ms=5),
        row(2, at="2026-11-20 09:00", duration_ms=7),
        row(3, at="2026-11-20 09:01"),
        row(4, at="2026-11-20 09:02", user=BOB),
    )
    before = utc("2026-11-20 09:01")
    done = await clean_up(database, before=before, user_email=None, dry_run=False)
    assert done.events_deleted == 2
    assert await rollups(database) == [
        (utc("2026-11-20 09:00"), "project_created", "", 2, 0, 0),
    ]
    assert await active_slots(database) == [
        (ADA, date(2026, 11, 20), [36]),
        (BOB, date(2026, 11, 20), [36]),
    ]
    await clean_up(database, before=None, user_email=ADA, dry_run=False)
    assert await active_slots(database) == [(BOB, date(2026, 11, 20), [36])]
    assert await differences(database) == []


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        ("UPDATE activity_rollup SET events = events + 1", "activity_rollup"),
        ("DELETE FROM activity_rollup", "activity_rollup"),
        ("UPDATE activity_user_day SET slots = ~slots", "activity_user_day"),
        ("DELETE FROM activity_user_day", "activity_user_day"),
        ("DELETE FROM activity_event", "activity_rollup"),
    ],
)
async def test_the_recount_finds_every_difference(
    database: Database, spoil: str, named: str
) -> None:
    await store(database, row(1))
    async with database.transaction() as session:
        await session.execute(text(spoil))
    assert named in await differences(database)
