"""An event is known by its user and its id: whatever its time, its request, its month."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from activity_events.uuid7 import uuid7
from app.settings import Settings
from tests.api.conftest import ADA, BOB, Clock, Json, event
from tests.conftest import NOW
from tests.faults.conftest import execute

pytestmark = pytest.mark.fault("A1")

UNDATED = "0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c10"
# Made at 11:30 on the 20th of November.
DATED = "01a1f8b8-733b-7abc-8def-0123456789ab"
# What NOW is in the middle of, before it and after it.
TIMES = {
    "a minute later": "2026-11-20T11:31:00Z",
    "the month before": "2026-10-30T09:00:00Z",
    "32 days before": "2026-10-19T12:00:00Z",
}
ATTEMPTS = 6


def single(event_id: str, at: str, email: str = ADA, **fields: object) -> Json:
    return {"user_email": email, **event(event_id=event_id, event_timestamp=at, **fields)}


async def log_one(client: httpx.AsyncClient, body: Json) -> tuple[str, list[str]]:
    """The status, and the codes of its warnings."""
    response = await client.post("/log", json=body)
    assert response.status_code in {200, 201}, response.text
    answer = response.json()
    return answer["status"], [warning["code"] for warning in answer["warnings"]]


async def total(client: httpx.AsyncClient, email: str = ADA) -> int:
    answer = await client.get("/analytics", params={"user_email": email, "days": 365})
    events: int = answer.json()["total_events"]
    return events


@pytest.mark.parametrize("event_id", [UNDATED, DATED], ids=["v4", "v7"])
@pytest.mark.parametrize("at", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("backwards", [False, True])
async def test_one_id_at_two_times_is_one_event(
    client: httpx.AsyncClient, event_id: str, at: str, backwards: bool
) -> None:
    first, second = "2026-11-20T11:30:00Z", at
    if backwards:
        first, second = second, first
    assert await log_one(client, single(event_id, first)) == ("accepted", [])
    assert await log_one(client, single(event_id, second)) == ("duplicate", ["payload_mismatch"])
    assert await log_one(client, single(event_id, first)) == ("duplicate", [])
    assert await total(client) == 1
    # Another user's id is another event.
    assert await log_one(client, single(event_id, second, BOB)) == ("accepted", [])


async def test_in_a_batch_and_by_both_routes(client: httpx.AsyncClient) -> None:
    same = [event(event_id=DATED, event_timestamp=at) for at in TIMES.values()]
    batch = {"user_email": ADA, "events": same}
    answer = (await client.post("/log/batch", json=batch)).json()
    assert (answer["accepted"], answer["duplicates"]) == (1, 2)
    assert await log_one(client, single(DATED, "2026-11-20T09:00:00Z")) == (
        "duplicate",
        ["payload_mismatch"],
    )
    assert await total(client) == 1


async def test_a_uuid7_is_one_event_however_far_its_times_lie_apart(
    client: httpx.AsyncClient,
) -> None:
    """Its own month, the month of the first time, that of the second: all are different."""
    for at in ("2025-12-24T18:00:00Z", "2026-06-01T00:00:00Z", "2026-11-20T11:30:00Z"):
        status, _ = await log_one(client, single(DATED, at))
        assert status == ("accepted" if at.startswith("2025") else "duplicate")
    assert await total(client) == 1


async def test_a_time_that_was_rounded_says_the_same(client: httpx.AsyncClient) -> None:
    assert await log_one(client, single(DATED, "2026-11-20T11:30:00.123456Z")) == ("accepted", [])
    assert await log_one(client, single(DATED, "2026-11-20T11:30:00.123Z")) == ("duplicate", [])


async def test_a_retry_that_is_stamped_anew_a_month_later(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    """Without a time, the receipt's is taken: another one at each attempt."""
    body = {"user_email": ADA, "event_type": "order_paid", "event_id": UNDATED}
    clock.now = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
    assert await log_one(client, body) == ("accepted", ["missing_timestamp"])
    clock.now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert await log_one(client, body) == ("duplicate", ["missing_timestamp"])
    assert await total(client) == 1


async def test_the_day_after_a_stray_everything_is_as_before(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    """A stray's id is kept, and goes with its event."""
    await log_one(client, single(DATED, "2026-10-30T09:00:00Z"))
    for number in range(3):
        at = NOW - timedelta(minutes=number)
        await log_one(client, single(str(uuid7(at)), at.isoformat()))
    assert settings.database_url is not None
    strays = "SELECT event_id, event_timestamp FROM stray_event"
    [kept] = await execute(settings.database_url, strays)
    assert kept["event_id"] == UUID(DATED)
    gone = await client.delete("/cleanup", params={"user_email": ADA, "days": 20})
    assert gone.json()["events_deleted"] == 1
    assert await execute(settings.database_url, strays) == []
    # What was deleted can be logged again.
    assert (await log_one(client, single(DATED, "2026-10-30T09:00:00Z")))[0] == "accepted"


@pytest.mark.parametrize("kind", ["v4", "v7"])
async def test_many_attempts_at_one_moment(client: httpx.AsyncClient, kind: str) -> None:
    """Each of 20 events many times at once, each time in another month: counted once each."""
    await log_one(client, single(str(uuid4()), "2026-11-20T11:00:00Z"))
    ids = [uuid4() if kind == "v4" else uuid7(NOW - timedelta(days=n)) for n in range(20)]
    months = ["2026-11-19T12:00:00Z", "2026-10-25T12:00:00Z", "2026-11-02T12:00:00Z"]
    batches = [
        [event(event_id=str(each), event_timestamp=months[turn % 3]) for each in ids]
        for turn in range(ATTEMPTS)
    ]
    answers = await asyncio.gather(
        *(
            client.post("/log/batch", json={"user_email": ADA, "events": events})
            for events in batches
        )
    )
    assert [answer.status_code for answer in answers] == [200] * ATTEMPTS
    assert sum(answer.json()["accepted"] for answer in answers) == 20
    assert await total(client) == 21


async def test_ids_that_name_impossible_times(client: httpx.AsyncClient) -> None:
    """The first and the last time that a UUIDv7 can name, and a version 8 beside them."""
    for event_id in (
        "00000000-0000-7000-8000-000000000000",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "ffffffff-ffff-8fff-bfff-ffffffffffff",
        "00000000-0000-0000-0000-000000000000",
    ):
        assert await log_one(client, single(event_id, "2026-11-20T11:00:00Z")) == ("accepted", [])
        again = await log_one(client, single(event_id, "2026-10-31T11:00:00Z"))
        assert again == ("duplicate", ["payload_mismatch"])
    assert await total(client) == 4


@pytest.mark.parametrize(
    "other",
    [
        {"session_id": "t"},
        {"session_seq": 2},
        {"device_type": "tv"},
        {"context_snapshot": {"a": 2}},
        {"event_category": "other"},
        {"event_action": "other"},
        {"metadata": {"a": 2}},
        {"entity_id": "8"},
        {"duration_ms": 8},
    ],
)
async def test_a_duplicate_that_says_something_else_is_told(
    client: httpx.AsyncClient, other: Json
) -> None:
    at = "2026-11-20T11:30:00Z"
    fields: Json = {
        "session_id": "s",
        "session_seq": 1,
        "device_type": "desktop",
        "context_snapshot": {"a": 1},
        "metadata": {"a": 1},
        "entity_id": "7",
        "duration_ms": 7,
    }
    assert await log_one(client, single(DATED, at, **fields)) == ("accepted", [])
    assert await log_one(client, single(DATED, at, **fields)) == ("duplicate", [])
    again = await log_one(client, single(DATED, at, **{**fields, **other}))
    assert again == ("duplicate", ["payload_mismatch"])
