"""Every call, of both clients, on a running service."""

import gzip
import inspect
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import pytest

from activity_events import (
    AccessDenied,
    ActivityClient,
    ActivityError,
    AsyncActivityClient,
    Backoff,
    EventWarning,
    InvalidRequest,
    NoAnswer,
    make_event,
)
from activity_events.uuid7 import time_of_uuid7
from tests.client.conftest import Connect, Scripted, Service, gate
from tests.conftest import LiveServer, fresh_database, running_service

HEAVY = {"fastapi", "starlette", "sqlalchemy", "asyncpg", "pydantic", "orjson", "uvicorn", "typer"}
ADA = "ada@example.com"
READ_KEY, WRITE_KEY = "r" * 40, "w" * 40
FAST = Backoff(attempts=2, base_seconds=0.01)


@pytest.fixture
def email(request: pytest.FixtureRequest) -> str:
    """A user of this test alone."""
    return f"{abs(hash(request.node.nodeid))}@example.com"


async def test_one_event(service: Service, connect: Connect, email: str) -> None:
    client = connect(service.url)
    began_at = datetime.now(UTC)
    verdict = await client(
        "log",
        "project_created",
        user_email=email.upper(),
        entity_type="project",
        entity_id=42,
        session_id="s-1",
        metadata={"priority": "high"},
        duration_ms=12.4,
        device_type="desktop",
    )
    assert (verdict.status, verdict.stored, verdict.warnings) == ("accepted", True, ())
    (event,) = await client("recent", email)
    made_at = datetime.fromisoformat(event["event_timestamp"])
    assert began_at <= made_at <= datetime.now(UTC)
    assert event["event_id"] == verdict.event_id
    assert abs(time_of_uuid7(UUID(event["event_id"])) - made_at) <= timedelta(milliseconds=1)
    shown = {
        "user_email": email,
        "event_type": "project_created",
        "entity_type": "project",
        "entity_id": "42",
        "session_id": "s-1",
        "metadata": {"priority": "high"},
        "duration_ms": 12,
        "device_type": "desktop",
        "context_snapshot": None,
    }
    assert {name: event[name] for name in shown} == shown


async def test_the_same_again_is_known(service: Service, connect: Connect, email: str) -> None:
    client = connect(service.url)
    at = datetime.now(UTC)
    event_id = UUID("0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11")
    same = {"user_email": email, "event_timestamp": at, "event_id": event_id}
    first = await client("log", "email_opened", **same)
    again = await client("log", "email_opened", **same)
    other = await client("log", "email_opened", **same, metadata={"n": 1})
    assert (first.status, again.status, again.stored) == ("accepted", "duplicate", True)
    assert again.event_id == str(event_id)
    assert other.warnings == (
        EventWarning(
            "payload_mismatch",
            "event_id",
            "was already stored with a different payload; the first one is kept",
        ),
    )
    assert await service.stored(email) == [str(event_id)]


async def test_what_the_service_refuses(service: Service, connect: Connect) -> None:
    client = connect(service.url)
    with pytest.raises(InvalidRequest) as refused:
        await client("log", "project_created", user_email="nobody")
    error = refused.value
    assert (error.code, error.status) == ("invalid_value", 422)
    assert error.details["fields"][0]["field"] == "user_email"
    assert [event["user_email"] for event in error.events] == ["nobody"]
    with pytest.raises(InvalidRequest) as unknown:
        await client("recent", ADA, colour="green")
    assert unknown.value.status == 422
    with pytest.raises(TypeError, match="colour"):
        await client("log", "project_created", user_email=ADA, colour="green")


class Colour(Enum):
    RED = "red"


async def test_a_batch_has_a_verdict_for_each(
    service: Service, connect: Connect, email: str
) -> None:
    client = connect(service.url)
    at = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)

    def events() -> Iterator[Any]:
        yield make_event("project_created", user_email=email, metadata={"c": Colour.RED, "at": at})
        yield make_event("project_created", user_email="nobody")
        yield make_event("project_created", user_email=email, metadata={"x": object()})
        yield ["project_created", email]
        yield make_event("project_created", user_email=email, metadata={"x": "\ud800"})
        yield {"user_email": email}
        for number in range(2500):
            yield make_event("page_viewed", user_email=email, metadata={"n": number})

    verdicts = await client("log_batch", events())
    assert [(verdict.status, verdict.code) for verdict in verdicts[:6]] == [
        ("accepted", None),
        ("rejected", "invalid_value"),
        ("accepted", None),
        ("rejected", "invalid_value"),
        ("accepted", None),
        ("rejected", "missing_field"),
    ]
    assert verdicts[3].message == "an event must be a mapping of its fields (got a list)"
    # Half a character is replaced by the service, which says so (A3).
    assert [(each.code, each.field) for each in verdicts[4].warnings] == [
        ("replaced_text", "metadata.x")
    ]
    assert {verdict.status for verdict in verdicts[6:]} == {"accepted"}
    assert len(verdicts) == 2506
    kept = [verdict.event_id for verdict in verdicts if verdict.stored]
    assert await service.stored(email) == sorted(kept)
    listed = await client.all_events(email, event_type="page_viewed", order="asc", page_size=700)
    assert sorted(event["metadata"]["n"] for event in listed) == list(range(2500))
    assert len(await client("recent", email, limit=1700)) == 1700
    cut, _, first = await client("recent", email, event_type=["project_created", "other"])
    assert cut["metadata"] == {"x": "\ufffd"}
    assert first["metadata"] == {"c": "red", "at": "2026-11-20T09:15:00+00:00"}
    (found,) = await client("recent", email, metadata={"n": 7}, start=at.date())
    assert found["event_id"] == verdicts[6 + 7].event_id


@pytest.mark.parametrize("is_repetitive", [False, True])
async def test_many_bytes_are_split_and_zipped(
    service: Service, connect: Connect, email: str, is_repetitive: bool
) -> None:
    """What would shrink to less than a 25th looks like a bomb to the service, and is not zipped."""
    chance = random.Random(7)
    text = "lorem ipsum " * 1000
    with gate(service.url) as way:
        client = connect(way.url)
        events = [
            make_event(
                "page_viewed",
                user_email=email,
                metadata={"text": text if is_repetitive else chance.randbytes(6000).hex(), "n": n},
            )
            for n in range(200)
        ]
        verdicts = await client("log_batch", events)
    assert {verdict.status for verdict in verdicts} == {"accepted"}
    assert len(way.seen) == 3
    encodings = {seen.headers.get("content-encoding") for seen in way.seen}
    assert encodings == {None if is_repetitive else "gzip"}
    if is_repetitive:
        assert max(len(seen.body) for seen in way.seen) <= 1_048_576
        return
    assert max(len(gzip.decompress(seen.body)) for seen in way.seen) <= 1_048_576


async def test_questions(service: Service, connect: Connect, email: str) -> None:
    client = connect(service.url)
    now = datetime.now(UTC)
    await client(
        "log_batch",
        [
            make_event(
                "project_created",
                user_email=email,
                event_timestamp=now - timedelta(hours=hours),
                entity_type="project",
                entity_id=f"p-{hours}",
            )
            for hours in (1, 2, 3)
        ],
    )
    summary = await client("analytics", email, days=1)
    assert summary["total_events"] == 3
    assert summary["events_by_type"] == {"project_created": 3}
    assert (await client("analytics", email, days=1, tz="Asia/Tokyo"))["timezone"] == "Asia/Tokyo"
    assert (await client("analytics"))["total_events"] >= 3
    context = await client("context", email, "project_wizard", days=2, max_tokens=400)
    assert str(context).startswith('Text in "double quotes" was written by users')
    assert context.lines[0]["text"].startswith("3 actions on ")
    assert context.opted_out is False
    assert context.answer["purpose"] == "project_wizard"
    assert (await client("patterns", email, days=5))["events_read"] == 3
    following = await client("next_actions", email, limit=1)
    assert (len(following["actions"]), following["events_read"]) == (1, 3)


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({}, {"user_email": ADA}),
        ({"days": 3, "tz": "Europe/London"}, {"user_email": ADA, "days": 3, "tz": "Europe/London"}),
    ],
)
async def test_a_standup_is_asked_for(
    connect: Connect, options: dict[str, Any], body: dict[str, Any]
) -> None:
    answer = {"yesterday": ["a"], "today": [], "blockers": [], "one_thing": "b", "citations": {}}
    with gate(otherwise=Scripted(200, json.dumps(answer).encode())) as way:
        assert await connect(way.url, key="k-1")("standup", ADA, **options) == answer
    (seen,) = way.seen
    assert (seen.method, seen.path) == ("POST", "/api/insights/standup")
    assert json.loads(seen.body) == body
    assert seen.headers["authorization"] == "Bearer k-1"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["user-agent"].startswith("activity-events-python/")


@pytest.fixture(scope="module")
def guarded(server_url: str) -> Iterator[LiveServer]:
    keys = {"ACTIVITY_READ_KEYS": READ_KEY, "ACTIVITY_WRITE_KEYS": WRITE_KEY}
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url, **keys) as live:
        yield live


async def test_keys(guarded: LiveServer, connect: Connect, email: str) -> None:
    with pytest.raises(AccessDenied) as without:
        await connect(guarded.url)("log", "page_viewed", user_email=email)
    assert without.value.status == 401
    writer, reader = connect(guarded.url, key=WRITE_KEY), connect(guarded.url, key=READ_KEY)
    assert (await writer("log", "page_viewed", user_email=email)).status == "accepted"
    with pytest.raises(AccessDenied) as wrong:
        await writer("recent", email)
    assert (wrong.value.status, wrong.value.code) == (403, "wrong_scope")
    assert wrong.value.details == {"scope": "read"}
    assert len(await reader("recent", email)) == 1


async def test_a_wrong_key_in_the_background(guarded: LiveServer, connect: Connect) -> None:
    told: list[tuple[int, str]] = []
    client = connect(
        guarded.url, key=READ_KEY, on_drop=lambda events, why: told.append((len(events), why))
    )
    client.track("page_viewed", user_email=ADA)
    assert await client("flush") is True
    assert told == [(1, "wrong_scope")]


async def test_where_and_who_by_the_environment(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gate(otherwise=Scripted(200, b'{"total_events": 0}')) as way:
        monkeypatch.setenv("ACTIVITY_URL", f"{way.url}/")
        monkeypatch.setenv("ACTIVITY_KEY", "from-there")
        client = connect(None)
        await client("analytics", ADA)
        assert "from-there" not in repr(client.client)
    assert way.seen[0].headers["authorization"] == "Bearer from-there"
    assert way.seen[0].path.startswith("/api/events/analytics?")


@pytest.mark.parametrize("url", ["events.example.com", "ftp://example.com", "http://"])
def test_an_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="url: "):
        ActivityClient(url)


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b"{}", b'{"received": 2}'])
async def test_another_server_acknowledges_nothing(connect: Connect, body: bytes) -> None:
    with gate(otherwise=Scripted(200, body)) as way:
        client = connect(way.url, backoff=FAST)
        for call in (
            client("log_batch", [make_event("a", user_email=ADA)]),
            client("context", ADA),
        ):
            with pytest.raises(NoAnswer) as refused:
                await call
            assert (refused.value.code, refused.value.status) == ("unreadable_answer", 200)


@pytest.mark.parametrize("status", [301, 304])
async def test_a_redirection_is_followed_by_nobody(connect: Connect, status: int) -> None:
    with gate(otherwise=Scripted(status, b"", {"Location": "/elsewhere"})) as way:
        with pytest.raises(ActivityError) as refused:
            await connect(way.url)("log", "page_viewed", user_email=ADA)
        assert refused.value.code == "unexpected_answer"
        assert len(way.seen) == 1


def test_both_clients_have_the_same_methods() -> None:
    def methods(of: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in inspect.getmembers(of, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(ActivityClient) == methods(AsyncActivityClient)


def test_it_is_light() -> None:
    script = "import sys, activity_events; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    assert "httpx" in loaded
    assert HEAVY & set(loaded) == set()
    assert "app" not in loaded
