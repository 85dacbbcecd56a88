"""Retries and races: an acknowledged event is kept, and counted once."""

import asyncio
from datetime import timedelta

import httpx

from tests.api.conftest import ADA, BOB, Clock, Json, Log, event, stored
from tests.conftest import NOW

ID = "0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c10"
ATTEMPTS = 8


def batch(*events: Json, **envelope: object) -> Json:
    return {"user_email": ADA, **envelope, "events": list(events)}


async def test_a_whole_batch_again_is_all_duplicates(client: httpx.AsyncClient, log: Log) -> None:
    events = [event() for _ in range(20)]
    await log(*events)
    answer = (await client.post("/log/batch", json=batch(*events))).json()
    assert (answer["accepted"], answer["duplicates"]) == (0, 20)
    assert [each["index"] for each in answer["results"]] == list(range(20))
    assert {each["status"] for each in answer["results"]} == {"duplicate"}
    assert len(await stored(client)) == 20


async def test_a_batch_that_overlaps_one_before_adds_what_is_new(
    client: httpx.AsyncClient, log: Log
) -> None:
    events = [event() for _ in range(6)]
    await log(*events[:4])
    answer = (await client.post("/log/batch", json=batch(*events[2:]))).json()
    assert (answer["accepted"], answer["duplicates"]) == (2, 2)
    assert [each["index"] for each in answer["results"]] == [0, 1]
    assert len(await stored(client)) == 6


async def test_the_first_of_two_with_one_id_is_kept(client: httpx.AsyncClient) -> None:
    answer = (
        await client.post(
            "/log/batch",
            json=batch(
                event(event_id=ID, event_type="first", event_timestamp="2026-11-20T10:00:00Z"),
                event(event_id=ID, event_type="second", event_timestamp="2026-11-20T11:00:00Z"),
                event(event_id=ID, event_type=""),
            ),
        )
    ).json()
    assert [(each["index"], each["status"]) for each in answer["results"]] == [
        (1, "duplicate"),
        (2, "rejected"),
    ]
    assert [each["event_type"] for each in await stored(client)] == ["first"]


async def test_a_retry_by_the_other_route_is_a_duplicate(
    client: httpx.AsyncClient, log: Log
) -> None:
    same = event(event_id=ID)
    await log(same)
    response = await client.post("/log", json={"user_email": ADA, **same})
    assert (response.status_code, response.json()["status"]) == (200, "duplicate")


async def test_the_same_batch_many_times_at_once(client: httpx.AsyncClient) -> None:
    """In other orders and for several users who are new: no deadlock, and each event once."""
    events = [event(user_email=email) for email in (ADA, BOB, "eve@example.com") for _ in range(30)]
    bodies = [batch(*events[turn * 10 :], *events[: turn * 10]) for turn in range(ATTEMPTS)]
    responses = await asyncio.gather(*(client.post("/log/batch", json=body) for body in bodies))
    assert [each.status_code for each in responses] == [200] * ATTEMPTS
    assert sum(each.json()["accepted"] for each in responses) == 90
    assert sum(each.json()["duplicates"] for each in responses) == 90 * (ATTEMPTS - 1)
    assert len(await stored(client)) == 90


async def test_a_redated_event_many_times_at_once(client: httpx.AsyncClient, log: Log) -> None:
    """The client's clock is an hour fast; each attempt is corrected to another time."""
    await log(event())  # as making a new user would keep the attempts apart
    bodies = [
        batch(event(event_id=ID), sent_at=f"2026-11-20T13:00:{second:02}Z")
        for second in range(ATTEMPTS)
    ]
    responses = await asyncio.gather(*(client.post("/log/batch", json=body) for body in bodies))
    assert sum(each.json()["accepted"] for each in responses) == 1
    assert len(await stored(client)) == 2


async def test_a_retry_after_the_clock_turned_wrong_is_a_duplicate(
    client: httpx.AsyncClient, log: Log
) -> None:
    same = event(event_id=ID)
    await log(same, sent_at="2026-11-20T12:00:00Z")
    again = batch(same, sent_at="2026-11-20T14:00:00Z")
    assert (await client.post("/log/batch", json=again)).json()["duplicates"] == 1
    assert len(await stored(client)) == 1


async def test_a_retry_after_the_clock_was_set_right_is_a_duplicate(
    client: httpx.AsyncClient, log: Log
) -> None:
    """The first attempt is stored under a corrected time, the second comes with its own."""
    same = event(event_id=ID)
    await log(same, sent_at="2026-11-20T12:02:00Z")
    again = batch(same, sent_at="2026-11-20T12:00:00Z")
    assert (await client.post("/log/batch", json=again)).json()["duplicates"] == 1
    assert len(await stored(client)) == 1


async def test_a_retry_once_its_future_has_come_is_a_duplicate(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    """The first attempt is stored under the time of receipt, the second under its own."""
    same = event(event_id=ID, event_timestamp="2026-11-20T12:02:00Z")
    await log(same)
    clock.now = NOW + timedelta(minutes=2)
    assert (await client.post("/log/batch", json=batch(same))).json()["duplicates"] == 1
    assert len(await stored(client)) == 1
