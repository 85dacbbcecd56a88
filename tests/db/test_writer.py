"""A request's bytes are committed as a whole, and no event counts twice."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import text

from app.database.sessions import Database
from app.errors import DatabaseUnavailable, UnreadableBody
from app.ingest.accept import accept_batch, accept_single
from app.ingest.results import BatchResult, EventResult, Warn
from app.ingest.writer import GroupWriter
from app.settings import Settings
from tests.conftest import NOW, fresh_database
from tests.db.conftest import ADA, BOB, scalar, utc

FIRST = "01a1f8b8-73ba-7abc-8def-000000000001"
SECOND = "01a1f8b8-73ba-7abc-8def-000000000002"
EVENTS = "SELECT count(*) FROM activity_event"
USERS = "SELECT count(*) FROM app_user"
LOSE_BOB = """
CREATE FUNCTION lose_bob() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.user_id = (SELECT id FROM app_user WHERE email = 'bob@example.com') THEN
    RAISE EXCEPTION USING ERRCODE = '08006';
  END IF;
  RETURN NEW;
END $$
"""
ON_EVERY_EVENT = """
CREATE TRIGGER lose_bob BEFORE INSERT ON activity_event FOR EACH ROW EXECUTE FUNCTION lose_bob()
"""
MINUTE = timedelta(minutes=1)


def event(**fields: object) -> dict[str, object]:
    plain = {
        "event_type": "a",
        "user_email": ADA,
        "event_id": FIRST,
        "event_timestamp": "2026-11-20T11:30:00Z",
    }
    return {**plain, **fields}


async def write(
    database: Database,
    *events: object,
    sent_at: str | None = None,
    after: timedelta = timedelta(0),
    settings: Settings | None = None,
) -> BatchResult:
    """Sends a batch that arrives `after` NOW."""
    body = orjson.dumps({"sent_at": sent_at, "events": events})
    async with writer(database) as group_writer:
        return await accept_batch(group_writer, body, NOW + after, settings or Settings())


async def write_single(database: Database, body: bytes) -> EventResult:
    async with writer(database) as group_writer:
        return await accept_single(group_writer, body, NOW, Settings())


@asynccontextmanager
async def writer(database: Database) -> AsyncIterator[GroupWriter]:
    group_writer = GroupWriter(database, Settings())
    group_writer.start()
    try:
        yield group_writer
    finally:
        await group_writer.close()


@pytest.fixture
def own_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


def statuses(result: BatchResult) -> list[str]:
    """Of every event, in order: what `results` leaves out was plainly accepted."""
    found = ["accepted"] * result.received
    for verdict in result.results:
        found[verdict.index] = verdict.status
    return found


async def test_a_mixed_batch_has_a_verdict_for_each_in_its_order(database: Database) -> None:
    result = await write(
        database,
        event(event_type=""),
        event(),
        event(event_id=SECOND, user_email=BOB),
        "no event",
        event(),
    )
    assert statuses(result) == ["rejected", "accepted", "accepted", "rejected", "duplicate"]
    assert [verdict.index for verdict in result.results] == [0, 3, 4]
    assert (result.received, result.accepted, result.duplicates, result.rejected) == (5, 2, 1, 2)
    assert [verdict.event_id for verdict in result.results] == [FIRST, None, FIRST]
    assert await scalar(database, EVENTS) == 2
    assert await scalar(database, USERS) == 2


async def test_a_retry_is_a_duplicate_and_counts_nowhere(database: Database) -> None:
    batch = [event(), event(event_id=SECOND)]
    assert statuses(await write(database, *batch)) == ["accepted", "accepted"]
    assert statuses(await write(database, *batch, after=MINUTE)) == ["duplicate", "duplicate"]
    assert await scalar(database, EVENTS) == 2


async def test_one_id_twice_in_a_batch_is_one_event_whatever_its_time(database: Database) -> None:
    result = await write(
        database,
        event(),
        event(event_timestamp="2026-11-20T11:31:00Z"),
        event(user_email=BOB),  # another user's id is another event
    )
    assert statuses(result) == ["accepted", "duplicate", "accepted"]
    assert await scalar(database, EVENTS) == 2


async def test_what_was_kept_is_what_came_first(database: Database) -> None:
    await write(database, event(event_type="first"), event(event_type="second"))
    await write(database, event(event_type="third"))
    assert await scalar(database, "SELECT event_type FROM activity_event") == "first"


async def test_one_id_with_another_payload_is_a_duplicate_with_a_warning(
    database: Database,
) -> None:
    first = event(metadata={"a": 1, "b": 2})
    same = event(metadata={"b": 2, "a": 1.0})
    other = event(metadata={"a": 1, "b": 3})
    result = await write(database, first, same, other)
    assert [[warn.code for warn in each.warnings] for each in result.results] == [
        [],
        ["payload_mismatch"],
    ]
    again = await write(database, other, same, event(event_type="z"))
    assert statuses(again) == ["duplicate"] * 3
    assert [len(each.warnings) for each in again.results] == [1, 0, 1]


async def test_events_without_an_id_count_each_time(database: Database) -> None:
    result = await write(database, event(event_id=None), event(event_id=None))
    assert statuses(result) == ["accepted", "accepted"]
    ids = {verdict.event_id for verdict in result.results}
    assert len(ids) == 2
    assert [[warn.code for warn in each.warnings] for each in result.results] == [
        ["not_retry_safe"],
        ["not_retry_safe"],
    ]


async def test_a_corrected_time_is_found_by_its_id_at_the_retry(database: Database) -> None:
    """The clock is an hour ahead; the retry, a minute later, is corrected to another second."""
    fast = event(event_timestamp="2026-11-20T12:30:00Z")
    first = await write(database, fast, sent_at="2026-11-20T13:00:00Z")
    again = await write(
        database, fast, sent_at="2026-11-20T13:01:00Z", after=MINUTE + timedelta(seconds=2)
    )
    assert statuses(first) == ["accepted"]
    assert statuses(again) == ["duplicate"]
    assert await scalar(database, "SELECT event_timestamp FROM activity_event") == utc(
        "2026-11-20 11:30"
    )


async def test_a_time_of_receipt_is_found_by_its_id_at_the_retry(database: Database) -> None:
    timeless = event(event_id="3f2b8a52-4d0e-4c2b-9a3e-5d6f7a8b9c0d", event_timestamp=None)
    assert statuses(await write(database, timeless)) == ["accepted"]
    assert statuses(await write(database, timeless, after=47 * 60 * MINUTE)) == ["duplicate"]
    assert await scalar(database, EVENTS) == 1


async def test_a_time_in_the_future_is_found_by_its_id_while_it_is_one(database: Database) -> None:
    ahead = event(event_timestamp="2026-11-20T12:10:00Z")
    assert statuses(await write(database, ahead)) == ["accepted"]
    assert statuses(await write(database, ahead, after=5 * MINUTE)) == ["duplicate"]
    assert await scalar(database, "SELECT event_timestamp FROM activity_event") == NOW


async def test_a_time_in_the_future_is_found_by_its_id_once_it_is_past(database: Database) -> None:
    ahead = event(event_timestamp="2026-11-20T12:10:00Z")
    await write(database, ahead)
    assert statuses(await write(database, ahead, after=20 * MINUTE)) == ["duplicate"]


async def test_a_clock_that_is_set_right_between_two_attempts(database: Database) -> None:
    fast = event(event_timestamp="2026-11-20T12:30:00Z")
    await write(database, fast, sent_at="2026-11-20T13:00:00Z")
    again = await write(database, fast, sent_at="2026-11-20T12:01:00Z", after=MINUTE)
    assert statuses(again) == ["duplicate"]


async def test_two_attempts_at_one_moment_with_corrected_times(database: Database) -> None:
    fast = event(event_timestamp="2026-11-20T12:30:00Z")
    results = await asyncio.gather(
        *(
            write(database, fast, sent_at="2026-11-20T13:00:00Z", after=timedelta(seconds=number))
            for number in range(6)
        )
    )
    assert sorted(status for result in results for status in statuses(result)) == [
        "accepted",
        *["duplicate"] * 5,
    ]
    assert await scalar(database, EVENTS) == 1


async def test_a_failure_keeps_nothing_of_the_batch(database: Database) -> None:
    """There is no partition for 2018, as these settings keep more than those of the database."""
    result = write(
        database,
        event(),
        event(event_id=SECOND, user_email=BOB, event_timestamp="2018-05-01T00:00:00Z"),
        settings=Settings(retention_days=3650),
    )
    with pytest.raises(DatabaseUnavailable):
        await result
    assert await scalar(database, EVENTS) == 0
    assert await scalar(database, USERS) == 0
    assert statuses(await write(database, event())) == ["accepted"]


@pytest.mark.skipif("CITUS_URL" in os.environ, reason="Citus has no triggers; see tests/faults")
async def test_a_worker_that_is_lost_fails_its_own_users_alone(own_url: str) -> None:
    """In one group with others; a trigger says what Citus would."""
    database = Database(own_url, Settings())
    async with database.transaction() as session:
        await session.execute(text(LOSE_BOB))
        await session.execute(text(ON_EVERY_EVENT))
    async with writer(database) as group_writer:
        bodies = [
            orjson.dumps({"events": [event(user_email=user)]}) for user in (ADA, BOB, "c@d.org")
        ]
        ends = await asyncio.gather(
            *(accept_batch(group_writer, body, NOW, Settings()) for body in bodies),
            return_exceptions=True,
        )
        assert group_writer.stats.groups == 1
    assert [type(end) for end in ends] == [BatchResult, DatabaseUnavailable, BatchResult]
    assert await scalar(database, EVENTS) == 2
    await database.dispose()


async def test_a_batch_without_a_valid_event_touches_nothing(database: Database) -> None:
    assert statuses(await write(database, event(event_type=""))) == ["rejected"]
    assert await scalar(database, USERS) == 0


async def test_a_single_event_is_a_batch_of_one(database: Database) -> None:
    body = orjson.dumps(
        event(event_timestamp="2026-11-20T12:30:00Z", sent_at="2026-11-20T13:00:00Z", events=[1])
    )
    verdict = await write_single(database, body)
    assert verdict.status == "accepted"
    assert [(warn.code, warn.field) for warn in verdict.warnings] == [
        ("unknown_field", "events"),
        ("clock_corrected", "event_timestamp"),
    ]
    assert await scalar(database, "SELECT event_timestamp FROM activity_event") == utc(
        "2026-11-20 11:30"
    )


@pytest.mark.parametrize("body", [b"[]", b"7", b"NaN", b'"event"', b"null"])
async def test_a_single_event_has_to_be_an_object(database: Database, body: bytes) -> None:
    with pytest.raises(UnreadableBody) as caught:
        await write_single(database, body)
    assert caught.value.code == "invalid_envelope"


async def test_of_a_key_that_is_there_twice_the_last_one_counts(database: Database) -> None:
    body = b'{"event_type":"a","sent_at":"x","event_type":"b","user_email":"ada@example.com"}'
    verdict = await write_single(database, body)
    assert verdict.status == "accepted"
    twice = "contains the key 'event_type' more than once; the last value is used"
    assert Warn("duplicate_key", "event", twice) in verdict.warnings
    assert [warning.field for warning in verdict.warnings[:1]] == ["sent_at"]
    assert await scalar(database, "SELECT event_type FROM activity_event") == "b"
