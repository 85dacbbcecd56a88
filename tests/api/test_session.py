"""`GET /api/events/session/{session_id}`: its summary, its events, and whose it is."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.conftest import ADA, BOB, Json, Log, error_of, event, events_at, refused


async def session(client: httpx.AsyncClient, session_id: str, **params: Any) -> Json:
    response = await client.get(f"/session/{quote(session_id, safe='')}", params=params)
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body


def page_view(time: str, page: object, **fields: object) -> Json:
    return event(event_type="page_viewed", event_timestamp=time, metadata={"page": page}, **fields)


async def test_the_whole_answer(client: httpx.AsyncClient, log: Log) -> None:
    opened = event(event_type="email_opened", event_timestamp="2026-11-20T10:00:00.250Z")
    views = [
        page_view("2026-11-20T10:00:01Z", "/inbox", device_type="mobile"),
        page_view("2026-11-20T10:30:00Z", "/projects/9"),
    ]
    # Neither has a page: another type, and a view without one.
    left = event(
        event_type="page_left", event_timestamp="2026-11-20T10:45:00Z", metadata={"page": "/left"}
    )
    last = event(event_type="page_viewed", event_timestamp="2026-11-20T11:00:00Z", duration_ms=5)
    await log(last, *views, left, opened, session_id="s-1")
    await log(event(), session_id="s-2")
    body = await session(client, "s-1")
    assert list(body) == ["session_id", "summary", "events", "next_cursor"]
    assert (body["session_id"], body["next_cursor"]) == ("s-1", None)
    assert body["summary"] == {
        "session_id": "s-1",
        "user_email": ADA,
        "started_at": "2026-11-20T10:00:00.250000Z",
        "ended_at": "2026-11-20T11:00:00Z",
        "duration_ms": 3_599_750,
        "total_events": 5,
        "events_by_type": {"page_viewed": 3, "email_opened": 1, "page_left": 1},
        "device_type": "mobile",
        "first_page": "/inbox",
        "last_page": "/projects/9",
    }
    assert list(body["summary"]["events_by_type"]) == ["page_viewed", "email_opened", "page_left"]
    assert [each["event_id"] for each in body["events"]] == [
        each["event_id"] for each in (opened, *views, left, last)
    ]
    assert body["events"][-1] == {
        "event_id": last["event_id"],
        "user_email": ADA,
        "event_timestamp": "2026-11-20T11:00:00Z",
        "event_type": "page_viewed",
        "event_category": "navigation",
        "event_action": "viewed",
        "entity_type": None,
        "entity_id": None,
        "metadata": {},
        "session_id": "s-1",
        "session_seq": None,
        "device_type": None,
        "context_snapshot": None,
        "duration_ms": 5,
        "received_at": "2026-11-20T12:00:00Z",
    }


async def test_a_session_without_pages_or_device(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(session_id="s-1"))
    summary = (await session(client, "s-1"))["summary"]
    assert (summary["device_type"], summary["first_page"], summary["last_page"]) == (None,) * 3
    assert (summary["duration_ms"], summary["total_events"]) == (0, 1)


async def test_the_device_is_the_latest_that_is_known(client: httpx.AsyncClient, log: Log) -> None:
    await log(
        event(event_timestamp="2026-11-20T10:00:00Z", device_type="desktop"),
        event(event_timestamp="2026-11-20T10:00:02Z", device_type="tablet"),
        event(event_timestamp="2026-11-20T10:00:03Z"),
        session_id="s-1",
    )
    assert (await session(client, "s-1"))["summary"]["device_type"] == "tablet"


async def test_one_page_is_the_first_and_the_last(client: httpx.AsyncClient, log: Log) -> None:
    await log(page_view("2026-11-20T10:00:00Z", "/only", session_id="s-1"))
    summary = (await session(client, "s-1"))["summary"]
    assert (summary["first_page"], summary["last_page"]) == ("/only", "/only")


async def test_two_users_with_one_session_id(client: httpx.AsyncClient, log: Log) -> None:
    await log(*events_at("2026-11-20T10:00:00Z", "2026-11-20T10:01:00Z"), session_id="s-1")
    await log(event(), session_id="s-1", user_email=BOB)
    error = error_of(await client.get("/session/s-1"), 409)
    assert error["code"] == "ambiguous_session"
    assert "user_email" in error["message"]
    for user, count in ((" ADA@example.com", 2), (BOB, 1)):
        body = await session(client, "s-1", user_email=user)
        assert body["summary"]["user_email"] == user.strip().lower()
        assert body["summary"]["total_events"] == len(body["events"]) == count


async def test_no_such_session(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(session_id="s-1"))
    for path in ("/session/s-2", "/session/S-1", "/session/s-1?user_email=" + BOB):
        assert error_of(await client.get(path), 404)["code"] == "not_found"


async def test_pages_have_the_summary_of_the_whole(client: httpx.AsyncClient, log: Log) -> None:
    times = [f"2026-11-20T10:0{minute}:00Z" for minute in (0, 1, 1, 2, 3)]
    await log(*events_at(*times), session_id="s-1")
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    for expected in (2, 2, 1):
        body = await session(client, "s-1", **params)
        assert body["summary"]["total_events"] == 5
        assert body["summary"]["ended_at"] == "2026-11-20T10:03:00Z"
        assert len(body["events"]) == expected
        seen += [each["event_id"] for each in body["events"]]
        params["cursor"] = body["next_cursor"]
    assert params["cursor"] is None
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    "session_id",
    ["a/b", "/", "a b", "ü", "🦊", "100%", "a?b#c&d=e", "a%2Fb", "+", "..a", "x" * 128],
)
async def test_any_id_that_was_logged_can_be_asked_for(
    client: httpx.AsyncClient, log: Log, session_id: str
) -> None:
    await log(event(session_id=session_id))
    body = await session(client, session_id)
    assert body["session_id"] == body["summary"]["session_id"] == session_id
    assert [each["session_id"] for each in body["events"]] == [session_id]


async def test_ids_that_no_event_could_have(client: httpx.AsyncClient) -> None:
    for session_id in ("%00", "a%1Fb", "%20", "x" * 129):
        response = await client.get(f"/session/{session_id}")
        refused(response, 422, "invalid_request", "session_id")


async def test_limits(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(session_id="s-1"))
    for limit in ("0", "1001", "abc"):
        response = await client.get("/session/s-1", params={"limit": limit})
        refused(response, 422, "invalid_request", "limit")


@pytest.mark.fault("S23")
async def test_any_id_as_a_parameter(client: httpx.AsyncClient, log: Log) -> None:
    """In a path, `..` is another path."""
    for name in ("..", ".", "../analytics", "a//b", "a?b#c"):
        given = event(session_id=name)
        await log(given)
        answer = await client.get("/session", params={"session_id": name, "limit": 1})
        assert answer.status_code == 200, name
        assert answer.json()["session_id"] == name
        assert [each["event_id"] for each in answer.json()["events"]] == [given["event_id"]]
    assert (await client.get("/session", params={"session_id": "none"})).status_code == 404
    refused(await client.get("/session"), 422, "invalid_request", "session_id")
