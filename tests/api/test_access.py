"""Every route, walked with every kind of credentials."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from app.main import create_app
from app.routers.access import ACCESS, GuardedRoute
from app.settings import Settings
from tests.api.credentials import (
    ADA,
    ADMIN_KEY,
    AUDIENCE,
    EC_KEY,
    ISSUER,
    READ_KEY,
    RSA_KEY,
    SECRET,
    WRITE_KEY,
    bad_tokens,
    bearer,
    token,
    write_jwks,
)
from tests.conftest import truncate

BOB = "bob@example.com"
KEYS = {"write": WRITE_KEY, "read": READ_KEY, "admin": ADMIN_KEY}
EVENT = {"event_type": "project_created"}


@pytest.fixture
async def guarded(settings: Settings, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """The application, with a key of each scope and every way to verify tokens."""
    given = {
        "write_keys": WRITE_KEY,
        "read_keys": READ_KEY,
        "admin_keys": ADMIN_KEY,
        "jwt_secret": SECRET,
        "jwt_jwks": str(write_jwks(tmp_path / "jwks.json")),
        "jwt_audience": AUDIENCE,
        "jwt_issuer": ISSUER,
    }
    assert settings.database_url is not None
    app = create_app(Settings(**{**settings.model_dump(), **given}), settings.database_url)
    async with app.router.lifespan_context(app):
        yield app
    await truncate(settings.database_url)


@pytest.fixture
async def caller(guarded: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=guarded)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example.com") as client:
        yield client


def routes_of(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from routes_of(router.routes)
        else:
            yield route


def operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.replace("{session_id}", "s"), operation


def request_of(method: str, path: str, email: str) -> dict[str, Any]:
    """What a caller would send about a user."""
    if path.endswith("/log"):
        return {"json": {"user_email": email, **EVENT}}
    if path.endswith("/log/batch"):
        return {"json": {"user_email": email, "events": [EVENT]}}
    if method == "POST":
        return {"json": {"user_email": email}}
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    needed: dict[str, Any] = {}
    if path.endswith("/funnel"):
        needed = {"step": ["project_created", "email_opened"]}
    if path.endswith("/paths"):
        needed = {"anchor": "project_created"}
    return {"params": {"user_email": email, **needed}, **body}


def code_of(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


async def test_no_route_is_outside_the_guard(guarded: FastAPI) -> None:
    names = set()
    for route in routes_of(guarded.routes):
        if isinstance(route, APIRoute):
            assert isinstance(route, GuardedRoute), route.path
            names.add(route.endpoint.__name__)
        elif isinstance(route, Mount):
            assert route.path in {"/docs/static", "/assets"}
        else:
            assert getattr(route, "path", "") == "/openapi.json"
    assert names == set(ACCESS)


def test_a_route_without_a_requirement_can_not_be_made() -> None:
    async def forgotten() -> None: ...

    with pytest.raises(KeyError, match="forgotten"):
        GuardedRoute("/forgotten", forgotten)


async def test_the_document_says_who_may_do_what(guarded: FastAPI) -> None:
    scopes = {
        f"{method} {path}": (operation.get("x-key-scope"), operation.get("x-user-token"))
        for method, path, operation in operations(guarded)
    }
    assert scopes == {
        "POST /api/events/log": ("write", True),
        "POST /api/events/log/batch": ("write", True),
        "GET /api/events/": ("read", True),
        "GET /api/events/analytics": ("read", True),
        "GET /api/events/analytics/timeseries": ("read", True),
        "GET /api/events/analytics/top": ("read", True),
        "GET /api/events/analytics/active-users": ("read", True),
        "GET /api/events/analytics/retention": ("read", True),
        "GET /api/events/analytics/funnel": ("read", True),
        "GET /api/events/analytics/paths": ("read", True),
        "GET /api/events/analytics/durations": ("read", True),
        "GET /api/events/analytics/heatmap": ("read", True),
        "GET /api/events/analytics/sessions": ("read", True),
        "GET /api/events/sessions": ("read", True),
        "GET /api/events/session/s": ("read", True),
        "GET /api/events/export": ("read", False),
        "GET /api/privacy/export": ("admin", True),
        "DELETE /api/events/cleanup": ("admin", False),
        "GET /api/privacy/opt-out": ("admin", True),
        "PUT /api/privacy/opt-out": ("admin", True),
        "DELETE /api/privacy/user": ("admin", True),
        "GET /api/insights/context": ("read", True),
        "GET /api/insights/next-actions": ("read", True),
        "GET /api/insights/next-actions/calibration": ("read", True),
        "GET /api/insights/patterns": ("read", True),
        "POST /api/insights/standup": ("read", True),
        "POST /api/insights/project-wizard": ("read", True),
        "POST /api/insights/email-categorization": ("read", True),
        "GET /health/live": (None, None),
        "GET /health/ready": (None, None),
    }
    for _, path, operation in operations(guarded):
        is_open = path.startswith("/health")
        assert ("security" in operation) != is_open
        assert {"401", "403", "429"} <= operation["responses"].keys() or is_open
    assert guarded.openapi()["components"]["securitySchemes"].keys() == {"bearer", "apiKey"}


async def test_the_walk(guarded: FastAPI, caller: httpx.AsyncClient) -> None:
    bad = bad_tokens()
    walked = 0
    for method, path, operation in operations(guarded):
        scope = operation.get("x-key-scope")
        sent = request_of(method, path, ADA)

        async def ask(
            credentials: str | None,
            sent: dict[str, Any] = sent,
            method: str = method,
            path: str = path,
        ) -> httpx.Response:
            headers = bearer(credentials) if credentials is not None else {}
            return await caller.request(method, path, headers=headers, **sent)

        if scope is None:
            assert (await ask(None)).status_code == 200
            continue
        walked += 1
        nobody = await ask(None)
        assert (nobody.status_code, code_of(nobody)) == (401, "missing_credentials"), path
        assert nobody.headers["www-authenticate"] == "Bearer"
        for key in ("x" * 32, "ae_admin_aaaaaaaa_" + "x" * 43, WRITE_KEY[:-1], WRITE_KEY + "w"):
            refused = await ask(key)
            assert (refused.status_code, code_of(refused)) == (401, "invalid_key"), path
        for name, (forged, code) in bad.items():
            refused = await ask(forged)
            assert (refused.status_code, code_of(refused)) == (401, code), (path, name)
        for name, key in KEYS.items():
            answer = await ask(key)
            if name in {scope, "admin"}:
                assert answer.status_code not in {401, 403}, (path, name)
            else:
                assert (answer.status_code, code_of(answer)) == (403, "wrong_scope"), (path, name)
        for own in (
            token(),
            token("ADA@example.com "),
            token(key=RSA_KEY, algorithm="RS256"),
            token(key=EC_KEY, algorithm="ES256"),
        ):
            answer = await ask(own)
            if operation["x-user-token"]:
                assert answer.status_code not in {401, 403}, path
            else:
                assert (answer.status_code, code_of(answer)) == (403, "wrong_scope"), path
        if operation["x-user-token"]:
            other = await ask(token(BOB))
            assert (other.status_code, code_of(other)) == (403, "other_user"), path
    assert walked == 28


async def test_x_api_key_is_as_good(caller: httpx.AsyncClient) -> None:
    answer = await caller.get("/api/events/", headers={"X-API-Key": READ_KEY})
    assert answer.status_code == 200
    for headers in ({"X-API-Key": "x" * 32}, {"Authorization": f"Basic {READ_KEY}"}):
        assert (await caller.get("/api/events/", headers=headers)).status_code == 401


async def test_a_user_token_sees_its_own_user_without_naming_it(
    caller: httpx.AsyncClient,
) -> None:
    batch = {"events": [{"user_email": email, **EVENT} for email in (ADA, BOB)]}
    logged = await caller.post("/api/events/log/batch", json=batch, headers=bearer(WRITE_KEY))
    assert logged.json()["accepted"] == 2
    for path, total in (("/api/events/", 1), ("/api/events/analytics", 1)):
        mine = (await caller.get(path, headers=bearer(token()))).json()
        found = mine.get("total_events", len(mine.get("events", [])))
        assert found == total
        if "events" in mine:
            assert {event["user_email"] for event in mine["events"]} == {ADA}


async def test_a_user_token_logs_for_its_own_user_alone(caller: httpx.AsyncClient) -> None:
    own = bearer(token())
    body: dict[str, Any] = {
        "events": [EVENT, {"user_email": BOB, **EVENT}, {"user_email": ADA, **EVENT}]
    }
    mixed = (await caller.post("/api/events/log/batch", json=body, headers=own)).json()
    assert (mixed["accepted"], mixed["rejected"]) == (2, 1)
    rejected = [each for each in mixed["results"] if each["status"] == "rejected"]
    assert [(each["index"], each["code"]) for each in rejected] == [(1, "other_user")]
    alone = await caller.post("/api/events/log", json=EVENT, headers=own)
    assert alone.status_code == 201
    events = (await caller.get("/api/events/", headers=bearer(READ_KEY))).json()["events"]
    assert [event["user_email"] for event in events] == [ADA] * 3


async def test_a_beacon_has_its_key_in_the_body(caller: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "text/plain"}

    async def send(key: str | None, path: str = "/log/batch") -> httpx.Response:
        body: dict[str, Any] = {"user_email": ADA, "events": [EVENT]}
        if path == "/log":
            body = {"user_email": ADA, **EVENT}
        body |= {} if key is None else {"key": key}
        return await caller.post(f"/api/events{path}", json=body, headers=headers)

    for path, status in (("/log/batch", 200), ("/log", 201)):
        good = await send(WRITE_KEY, path)
        assert good.status_code == status
        assert "unknown_field" not in good.text
        assert "WRITE" not in good.text
        assert (await send(None, path)).status_code == 401
        assert (await send("x" * 32, path)).status_code == 401
        assert (await send(READ_KEY, path)).status_code == 403
    # Only a beacon: whoever can have headers uses them.
    body = {"user_email": ADA, "key": WRITE_KEY, "events": [EVENT]}
    assert (await caller.post("/api/events/log/batch", json=body)).status_code == 401
