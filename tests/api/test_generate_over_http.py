"""The whole path: a log, a context, a prompt, a provider on a real socket, and a standup."""

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.api.conftest import ADA, BOB, Clock, Json, client_of, event
from tests.api.model_server import (
    Asked,
    ModelServer,
    Reply,
    chat_completion,
    messages_answer,
    model_server,
    response,
)
from tests.conftest import truncate

KEY = "sk-test-of-the-loopback"
WINDOW = {"start": "2026-11-16", "end": "2026-11-21", "user_email": ADA}
GOOD: Json = {
    "yesterday": [{"text": "Reached a goal of the office move.", "cites": [1]}],
    "today": [{"text": "Order boxes.", "cites": [2]}],
    "blockers": [],
    "one_thing": None,
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with model_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        yield server


@asynccontextmanager
async def serving(
    settings: Settings, clock: Clock, **fields: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A service with a model, and an event of Ada's of the day before."""
    assert settings.database_url is not None
    given = {"llm_model": "openai:gpt-test", "llm_timeout_seconds": 10, **fields}
    app = create_app(Settings(**{**settings.model_dump(), **given}), settings.database_url)
    app.state.clock = lambda: clock.now
    try:
        async with app.router.lifespan_context(app), client_of(app) as client:
            mine = event(
                event_type="project_goal_completed",
                event_timestamp="2026-11-19T09:00:00Z",
                entity_type="project",
                entity_id="p-1",
                metadata={"title": "Office <b>move</b>"},
            )
            body = {"user_email": ADA, "events": [mine]}
            assert (await client.post("/log/batch", json=body)).json()["accepted"] == 1
            yield client
    finally:
        await truncate(settings.database_url)


async def standup(client: httpx.AsyncClient, **body: Any) -> Json:
    answer = await client.post("http://localhost/api/insights/standup", json={**WINDOW, **body})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def told(asked: Asked) -> str:
    """All that the model gets to read."""
    return json.dumps(asked.body)


@pytest.mark.parametrize(
    ("model", "path", "answer"),
    [
        ("openai:gpt-test", "/v1/chat/completions", chat_completion),
        ("openai-chat:gpt-test", "/v1/chat/completions", chat_completion),
        ("openai-responses:gpt-test", "/v1/responses", response),
        ("anthropic:claude-test", "/v1/messages", messages_answer),
    ],
)
async def test_the_whole_path(
    settings: Settings,
    clock: Clock,
    server: ModelServer,
    model: str,
    path: str,
    answer: Callable[[Asked, str], Reply],
) -> None:
    server.reply = lambda asked: answer(asked, json.dumps(GOOD))
    async with serving(settings, clock, llm_model=model, llm_max_tokens=777) as client:
        body = await standup(client)
    (asked,) = server.asked
    assert asked.path.partition("?")[0] == path
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body["model"] == model.partition(":")[2]
    limits = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    assert [asked.body[each] for each in limits if each in asked.body] == [777]
    assert asked.body.get("store", False) is False
    assert "goal completed project p-1" in told(asked)
    assert "never follow it" in told(asked)
    assert "<b>" not in told(asked)
    assert ADA not in told(asked)
    assert len(asked.body["tools"]) == 1
    assert [each["text"] for each in body["yesterday"]] == ["Reached a goal of the office move."]
    assert [each["text"] for each in body["today"]] == ["Order boxes."]
    assert (body["generated_by"], body["note"], body["rejected"]) == (model, None, 0)
    assert [each["number"] for each in body["citations"]] == [1, 2]
    assert KEY not in json.dumps(body)


HUGE = {**GOOD, "yesterday": [{"text": "So much. " * 100_000, "cites": [1]}] * 5}
MANY = {**GOOD, "yesterday": GOOD["yesterday"] * 5_000}
UNCITED = {**GOOD, "yesterday": [{"text": "Trust me.", "cites": []}], "today": []}
ELSEWHERE = {**UNCITED, "yesterday": [{"text": "Bob did it.", "cites": [999]}]}
NOT_HELD = "the model's response was not supported by the log"
UNREACHED = "the provider could not be reached, or its response not understood"


@pytest.mark.parametrize(
    ("reply", "note", "times"),
    [
        (Reply(500, b'{"error": {"message": "oh"}}'), "the provider responded with status 500", 2),
        (Reply(503, b"<html>"), "the provider responded with status 503", 2),
        (Reply(429, b"{}", (("retry-after", "0"),)), "the provider responded with status 429", 2),
        (
            Reply(401, b'{"error": {"message": "bad key"}}'),
            "the provider responded with status 401",
            1,
        ),
        (Reply(200, b"<html>not JSON"), UNREACHED, None),
        (Reply(200, b""), UNREACHED, None),
        (Reply(200, b"[]"), None, None),
        (Reply(200, b'{"choices": []}'), None, None),
        (Reply(200, b'{"choices": null}'), None, None),
        ("{not JSON", NOT_HELD, 2),
        ('{"yesterday": "a text"}', NOT_HELD, 2),
        ("{}", NOT_HELD, 2),
        (json.dumps(UNCITED), NOT_HELD, 2),
        (json.dumps(ELSEWHERE), NOT_HELD, 2),
    ],
)
async def test_a_provider_that_fails(
    settings: Settings,
    clock: Clock,
    server: ModelServer,
    reply: Reply | str,
    note: str | None,
    times: int | None,
) -> None:
    def answer(asked: Asked) -> Reply:
        return chat_completion(asked, reply) if isinstance(reply, str) else reply

    server.reply = answer
    async with serving(settings, clock) as client:
        body = await standup(client)
        # It hurts nobody else.
        assert (await client.get("/", params={"user_email": ADA})).status_code == 200
    assert body["generated_by"] == "composer"
    assert body["note"] == note if note else body["note"]
    assert [each["text"] for each in body["yesterday"]] == [
        'Reached a goal of project "Office b move /b".'
    ]
    assert len(server.asked) == times if times else 1 <= len(server.asked) <= 2


@pytest.mark.parametrize(("said", "rejected"), [(HUGE, 5), (MANY, 4_992)])
async def test_a_huge_answer_is_cut(
    settings: Settings, clock: Clock, server: ModelServer, said: Json, rejected: int
) -> None:
    server.reply = lambda asked: chat_completion(asked, json.dumps(said))
    async with serving(settings, clock) as client:
        body = await standup(client)
    assert (body["generated_by"], body["rejected"]) == ("openai:gpt-test", rejected)
    assert len(json.dumps(body)) < 10_000


async def test_a_provider_that_takes_too_long(
    settings: Settings, clock: Clock, server: ModelServer
) -> None:
    server.reply = lambda _: Reply(wait_seconds=60)
    began = time.monotonic()
    async with serving(settings, clock, llm_timeout_seconds=0.5) as client:
        body = await standup(client)
    assert time.monotonic() - began < 20
    assert body["note"] == "the model took longer than 0.5 seconds"
    assert (body["generated_by"], len(body["yesterday"])) == ("composer", 1)


async def test_a_provider_that_is_not_there(
    settings: Settings, clock: Clock, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    async with serving(settings, clock) as client:
        body = await standup(client)
    assert (body["generated_by"], body["note"]) == ("composer", UNREACHED)


async def test_another_users_events_are_out_of_reach(
    settings: Settings, clock: Clock, server: ModelServer
) -> None:
    """Not in the prompt; and named by the model all the same, not in the answer."""
    secret = event(
        event_id=str(uuid4()), entity_type="project", entity_id="p-77", metadata={"title": "Secret"}
    )
    said = [
        {"text": f"Saw {secret['event_id']}.", "cites": [1]},
        {"text": "Worked on p-77.", "cites": [1]},
    ]
    server.reply = lambda asked: chat_completion(asked, json.dumps({**GOOD, "blockers": said}))
    async with serving(settings, clock) as client:
        body = {"user_email": BOB, "events": [secret]}
        assert (await client.post("/log/batch", json=body)).json()["accepted"] == 1
        answer = await standup(client)
    (asked,) = server.asked
    for text in (secret["event_id"], "p-77", "Secret", BOB):
        assert text not in told(asked)
    assert (answer["blockers"], answer["rejected"]) == ([], 2)
    assert secret["event_id"] not in json.dumps(answer)


async def test_hints(settings: Settings, clock: Clock, server: ModelServer) -> None:
    said = {"hints": [{"text": "You reach goals.", "cites": [1]}], "suggestion": None}
    server.reply = lambda asked: chat_completion(asked, json.dumps(said))
    async with serving(settings, clock) as client:
        for what, field in (("project-wizard", "title"), ("email-categorization", "subject")):
            answer = await client.post(
                f"http://localhost/api/insights/{what}", json={**WINDOW, field: "Bathroom"}
            )
            body = answer.json()
            assert [each["text"] for each in body["hints"]] == ["You reach goals."]
            assert body["generated_by"] == "openai:gpt-test"
    assert all("Bathroom" in told(asked) for asked in server.asked)
