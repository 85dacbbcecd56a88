"""Rows into tables: each user and each event once, whoever else writes at the same time."""

import asyncio
import os

import pytest
from sqlalchemy import text

from app.database.sessions import Database
from app.ingest.insert import copy_events
from app.ingest.rows import EventRow
from app.ingest.users import User, Users
from app.privacy.user_locks import wait_for_writers
from tests.db.conftest import (
    ADA,
    BOB,
    GIVE_UP_SECONDS,
    find_users,
    insert,
    row,
    scalar,
    store,
    until_waiting,
    writing,
)

STORED = text(
    "SELECT event_timestamp, event_id, event_type, event_category, event_action, entity_type,"
    " entity_id, event_metadata::text AS event_metadata, session_id, session_seq, device_type,"
    " context_snapshot::text AS context_snapshot, duration_ms, received_at FROM activity_event"
)
ABSENT = (
    "SELECT count(*) FROM activity_event"
    " WHERE context_snapshot IS NULL AND duration_ms IS NULL AND session_id IS NULL"
)


async def test_users_are_made_once_and_found_again(database: Database) -> None:
    async with writing(database) as session:
        made = await find_users(session, {BOB, ADA})
    async with writing(database) as session:
        found = await find_users(session, [ADA, "carl@example.com"])
    assert made == {ADA: User(1, False), BOB: User(2, False)}
    assert found[ADA] == User(1, False)
    assert await scalar(database, "SELECT count(*) FROM app_user") == 3
    async with writing(database) as session:
        assert await find_users(session, []) == {}


async def test_users_are_made_once_by_many_at_the_same_time(database: Database) -> None:
    emails = [f"user{number}@example.com" for number in range(40)]

    async def ask(turn: int) -> Users:
        mine = emails[turn:] + emails[:turn]
        async with writing(database) as session:
            return await find_users(session, mine if turn % 2 else mine[::-1])

    answers = await asyncio.gather(*(ask(turn) for turn in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]) == 40
    assert await scalar(database, "SELECT count(*) FROM app_user") == 40


async def test_users_made_meanwhile_by_another_are_found(database: Database) -> None:
    async with writing(database) as first:
        made = await find_users(first, [ADA])

        async def second() -> Users:
            async with writing(database) as session:
                return await find_users(session, [ADA, BOB])

        later = asyncio.create_task(second())
        await until_waiting(database)
    assert (await later)[ADA] == made[ADA]
    assert await scalar(database, "SELECT count(*) FROM app_user") == 2


async def test_every_column_is_stored(database: Database) -> None:
    full = row(
        1,
        entity_type="project",
        entity_id="42",
        event_metadata='{"n": [1, 18446744073709551617]}',
        session_id="s",
        session_seq=2147483647,
        device_type="tv",
        context_snapshot='{"route": "/"}',
        duration_ms=315_360_000_000,
    )
    await store(database, full)
    async with database.read() as session:
        stored = (await session.execute(STORED)).one()
    assert stored._asdict() == {name: getattr(full, name) for name in stored._fields}
    assert len(stored) == 14


async def test_an_absent_context_is_null_and_not_json(database: Database) -> None:
    await store(database, row(1))
    assert await scalar(database, ABSENT) == 1


async def test_what_is_there_already_is_not_inserted(database: Database) -> None:
    await store(database, row(1), row(2))
    async with writing(database) as session:
        again = await insert(
            session,
            row(2),
            row(3),
            row(1, event_type="other"),
            row(1, at="2026-11-20 09:00:01"),  # another time is no other event
            row(1, user=BOB),  # another user's is
        )
    assert again == [1, 3]
    assert await scalar(database, "SELECT count(*) FROM activity_event") == 4
    assert (
        await scalar(database, "SELECT count(*) FROM activity_event WHERE event_type = 'other'")
        == 0
    )


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (row(1), row(2)),
        (row(1), row(2, at="2026-11-20 08:00")),
        (row(2, at="2026-11-20 10:00"), row(1, user=BOB)),
    ],
    ids=["by id", "whatever the time", "by user"],
)
async def test_retries_in_opposite_orders_wait_and_do_not_deadlock(
    database: Database, low: EventRow, high: EventRow
) -> None:
    """The second writer stands in line for `low` before it holds `high`, whatever its order."""
    if os.environ.get("CITUS_URL") and low.user_email != high.user_email:
        pytest.skip("Citus writes to several shards at once; it ends a deadlock, which is retried")
    rows = (low, high)
    async with writing(database) as session:
        await find_users(session, [ADA, BOB])
    async with writing(database) as first:
        await insert(first, rows[0])

        async def second() -> list[int]:
            async with writing(database) as session:
                return await insert(session, *reversed(rows))

        later = asyncio.create_task(second())
        await until_waiting(database)
        await insert(first, rows[1])
    assert await later == []
    assert await scalar(database, "SELECT count(*) FROM activity_event") == 2


async def test_who_waits_for_writers_sees_what_they_wrote(database: Database) -> None:
    """Those who have copied events; not who only looks, or comes later."""
    async with writing(database) as first:
        users = await find_users(first, [ADA])
    async with writing(database) as reading, writing(database) as first:
        await find_users(reading, [ADA])
        await reading.fetch("SELECT count(*) FROM activity_event")
        await copy_events(first, [row(1)], users)
        waiting = asyncio.create_task(wait_for_writers(database))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert not done
        async with writing(database) as later:
            await copy_events(later, [row(2)], users)
            await first.execute("COMMIT; BEGIN")
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await waiting
            assert await scalar(database, "SELECT count(*) FROM activity_event") == 1
