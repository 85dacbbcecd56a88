"""`GET /api/events/sessions`: page by page, one user's or all."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import ADA, BOB, Json, Log, error_of, event

DAY = {"start": "2026-11-20", "end": "2026-11-21"}


async def sessions(client: httpx.AsyncClient, **params: Any) -> Json:
    given = {name: each for name, each in {**DAY, **params}.items() if each is not None}
    response = await client.get("/sessions", params=given)
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body


async def three(log: Log) -> None:
    """Of Ada one of two events and one of the day before; of Bob two that begin at one moment."""
    await log(
        event(event_timestamp="2026-11-20T10:00:00Z"),
        event(event_timestamp="2026-11-20T10:30:00Z"),
        session_id="a-1",
    )
    await log(event(event_timestamp="2026-11-19T23:59:59.999Z"), session_id="a-0")
    for name in ("b-1", "b-2"):
        await log(event(event_timestamp="2026-11-20T11:00:00Z"), session_id=name, user_email=BOB)


async def test_those_that_began_in_the_window_newest_first(
    client: httpx.AsyncClient, log: Log
) -> None:
    await three(log)
    body = await sessions(client)
    assert [each["session_id"] for each in body["sessions"]] == ["b-2", "b-1", "a-1"]
    assert body["sessions"][2] == {
        "session_id": "a-1",
        "user_email": ADA,
        "started_at": "2026-11-20T10:00:00Z",
        "ended_at": "2026-11-20T10:30:00Z",
        "duration_ms": 1_800_000,
        "total_events": 2,
    }
    assert body["next_cursor"] is None
    own = await sessions(client, user_email=ADA, days=None, start="2026-11-19")
    assert [each["session_id"] for each in own["sessions"]] == ["a-1", "a-0"]


async def test_pages_neither_skip_nor_repeat(client: httpx.AsyncClient, log: Log) -> None:
    await three(log)
    found: list[str] = []
    cursor = None
    for _ in range(3):
        page = await sessions(client, limit=1, **({"cursor": cursor} if cursor else {}))
        found += [each["session_id"] for each in page["sessions"]]
        cursor = page["next_cursor"]
        await log(event(event_timestamp="2026-11-20T12:00:00Z"), session_id=f"new-{len(found)}")
    assert found == ["b-2", "b-1", "a-1"]
    assert cursor is None


async def test_who_opted_out_is_not_listed(client: httpx.AsyncClient, log: Log) -> None:
    await three(log)
    url = "http://localhost/api/privacy/opt-out"
    answer = await client.put(url, params={"user_email": BOB}, json={"analytics": True})
    assert answer.status_code == 200
    assert [each["session_id"] for each in (await sessions(client))["sessions"]] == ["a-1"]
    assert (await sessions(client, user_email=BOB))["sessions"] == []


@pytest.mark.parametrize("cursor", ["x", "WzFd", "WyJzZXNzaW9ucyIsMSwyLDMsNCw1XQ", "é"])
async def test_a_cursor_of_nothing(client: httpx.AsyncClient, cursor: str) -> None:
    response = await client.get("/sessions", params={"cursor": cursor})
    assert error_of(response, 422)["code"] == "bad_cursor"


async def test_a_cursor_of_events_is_none_of_sessions(client: httpx.AsyncClient, log: Log) -> None:
    await three(log)
    events = (await client.get("/", params={**DAY, "limit": 1})).json()["next_cursor"]
    of_sessions = (await sessions(client, limit=1))["next_cursor"]
    assert (await client.get("/sessions", params={"cursor": events})).status_code == 422
    assert (await client.get("/", params={"cursor": of_sessions})).status_code == 422
