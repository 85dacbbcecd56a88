"""When an event happened: what clients send, and what is kept of it."""

from datetime import datetime, timedelta

import httpx
import pytest

from tests.api.conftest import ADA, HOUR_AGO, Clock, Json, event, refused, stored
from tests.conftest import NOW

ID = "0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c10"
# UUIDs of version 7 begin with the milliseconds since 1970: 1795174200123.
V7_ID = "01a1f8b8-733b-7abc-8def-0123456789ab"
V7_TIME = "2026-11-20T11:30:00.123000Z"


def one(**fields: object) -> Json:
    return {"user_email": ADA, **event(**fields)}


def warned(response: httpx.Response) -> list[str]:
    return [warning["code"] for warning in response.json()["warnings"]]


async def test_a_uuid_of_version_7_gives_the_time(client: httpx.AsyncClient) -> None:
    body = {"user_email": ADA, "event_type": "email_opened", "event_id": V7_ID}
    first = await client.post("/log", json=body)
    assert (first.status_code, warned(first)) == (201, [])
    assert (await client.post("/log", json=body)).status_code == 200
    assert [each["event_timestamp"] for each in await stored(client)] == [V7_TIME]


async def test_without_any_time_that_of_receipt_is_kept(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    body = {"user_email": ADA, "event_type": "email_opened", "event_id": ID}
    first = await client.post("/log", json=body)
    assert (first.status_code, warned(first)) == (201, ["missing_timestamp"])
    clock.now = NOW + timedelta(hours=1)
    assert (await client.post("/log", json=body)).status_code == 200
    assert [each["event_timestamp"] for each in await stored(client)] == ["2026-11-20T12:00:00Z"]


@pytest.mark.parametrize(
    ("given", "kept", "warnings"),
    [
        ("2026-11-20T11:00:00", "2026-11-20T11:00:00Z", ["naive_timestamp"]),
        ("2026-11-20 11:00:00.5", "2026-11-20T11:00:00.500000Z", ["naive_timestamp"]),
        ("2026-11-20T16:45:00+05:45", "2026-11-20T11:00:00Z", []),
        ("2026-11-19T22:00:00-13:00", "2026-11-20T11:00:00Z", []),
        ("2026-11-20T12:01:00Z", "2026-11-20T12:01:00Z", []),  # within the tolerance
        ("2026-11-20T12:01:01Z", "2026-11-20T12:00:00Z", ["in_future"]),
        ("2026-11-21T12:00:00Z", "2026-11-20T12:00:00Z", ["in_future"]),
        ("2025-11-20T12:00:00Z", "2025-11-20T12:00:00Z", []),  # 365 days, to the second
    ],
)
async def test_times(client: httpx.AsyncClient, given: str, kept: str, warnings: list[str]) -> None:
    response = await client.post("/log", json=one(event_timestamp=given))
    assert (response.status_code, warned(response)) == (201, warnings)
    assert [each["event_timestamp"] for each in await stored(client)] == [kept]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("2026-11-21T12:00:01Z", "in_future"),
        ("9999-12-31T23:59:59Z", "in_future"),
        ("2025-11-20T11:59:59Z", "too_old"),
        ("1970-01-01T00:00:00Z", "too_old"),
        ("2026-02-29T00:00:00Z", "invalid_value"),
        ("2026-11-20", "invalid_value"),
        (1795174200, "invalid_value"),
        ("1795174200", "invalid_value"),  # seconds or milliseconds? nobody guesses
        ("yesterday", "invalid_value"),
        (True, "invalid_value"),
    ],
)
async def test_times_that_are_refused(client: httpx.AsyncClient, given: object, code: str) -> None:
    response = await client.post("/log", json=one(event_id=ID, event_timestamp=given))
    refused(response, 422, code, "event_timestamp")
    assert response.json()["error"]["details"]["event_id"] == ID
    assert await stored(client) == []


@pytest.mark.fault("N12")
async def test_a_wrong_sent_at_is_left_out(client: httpx.AsyncClient) -> None:
    attempts: list[object] = ["now", 1795174200, "1795174200", {}]
    for wrong in attempts:
        response = await client.post("/log", json=one(sent_at=wrong))
        assert response.status_code == 201
        assert [(each["code"], each["field"]) for each in response.json()["warnings"]] == [
            ("invalid_value", "sent_at")
        ]


@pytest.mark.fault("N13")
async def test_an_empty_time_is_none(client: httpx.AsyncClient) -> None:
    response = await client.post("/log", json=one(event_timestamp=""))
    assert (response.status_code, warned(response)) == (201, ["missing_timestamp"])


@pytest.mark.parametrize(
    ("sent_at", "kept", "message"),
    [
        ("2026-11-20T14:00:00+00:00", "2026-11-20T09:00:00Z", "7200 seconds ahead"),
        ("2026-11-20T12:01:01", "2026-11-20T10:58:59Z", "61 seconds ahead"),
    ],
)
async def test_a_wrong_clock_is_corrected(
    client: httpx.AsyncClient, clock: Clock, sent_at: str, kept: str, message: str
) -> None:
    body = one(event_id=ID, sent_at=sent_at)
    response = await client.post("/log", json=body)
    [warning] = response.json()["warnings"]
    assert (warning["code"], warning["field"]) == ("clock_corrected", "event_timestamp")
    assert message in warning["message"]
    assert [each["event_timestamp"] for each in await stored(client)] == [kept]
    # Five minutes and a little later, the clock is as wrong as it was.
    clock.now = NOW + timedelta(minutes=5, seconds=2)
    again = datetime.fromisoformat(sent_at) + timedelta(minutes=5)
    response = await client.post("/log", json={**body, "sent_at": again.isoformat()})
    assert (response.status_code, response.json()["status"]) == (200, "duplicate")
    assert len(await stored(client)) == 1


async def test_a_clock_within_the_tolerance_is_left_alone(client: httpx.AsyncClient) -> None:
    response = await client.post("/log", json=one(sent_at="2026-11-20T11:59:00Z"))
    assert (response.status_code, warned(response)) == (201, [])
    assert [each["event_timestamp"] for each in await stored(client)] == [HOUR_AGO]
