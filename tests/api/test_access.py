"""Every route, walked with every kind of credentials."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from app.main import create_app
from app.routers.access import GuardedRoute
from app.settings import Settings
from tests.api.credentials import (
    ADA,
    ADMIN_KEY,
    AUDIENCE,
    EC_KEY,
    ISSUER,
    METRICS_KEY,
    READ_KEY,
    RSA_KEY,
    SECRET,
    WRITE_KEY,
    bad_tokens,
    bearer,
    claims,
    token,
    write_jwks,
)
from tests.conftest import truncate

BOB = "bob@example.com"
KEYS = {"write": WRITE_KEY, "read": READ_KEY, "admin": ADMIN_KEY, "metrics": METRICS_KEY}
EVENT = {"event_type": "project_created"}


@pytest.fixture
async def guarded(settings: Settings, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """The application, with a key of each scope and every way to verify tokens."""
    given = {
        "write_keys": WRITE_KEY,
        "read_keys": READ_KEY,
        "admin_keys": ADMIN_KEY,
        "metrics_keys": METRICS_KEY,
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
    if path in {"/metrics", "/api/admin/success-metrics"}:
        return {}  # of nobody
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    needed: dict[str, Any] = {}
    if path.endswith("/funnel"):
        needed = {"step": ["project_created", "email_opened"]}
    if path.endswith("/paths"):
        needed = {"anchor": "project_created"}
    if path.endswith("/session"):
        needed = {"session_id": "s"}
    return {"params": {"user_email": email, **needed}, **body}


def code_of(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


async def test_no_route_is_outside_the_guard(guarded: FastAPI) -> None:
    for route in routes_of(guarded.routes):
        if isinstance(route, APIRoute):
            assert isinstance(route, GuardedRoute), route.path
        else:
            assert isinstance(route, Mount)
            assert route.path in {"/docs/static", "/assets"}


def test_a_route_without_a_requirement_can_not_be_made() -> None:
    async def forgotten() -> None: ...

    with pytest.raises(TypeError, match="forgotten declares no rights"):
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
        "GET /api/events/session": ("read", True),
        "GET /api/events/session/s": ("read", True),
        "GET /api/events/stream": ("read", True),
        "GET /api/events/export": ("read", False),
        "GET /api/privacy/export": ("admin", True),
        "DELETE /api/events/cleanup": ("admin", False),
        "GET /api/privacy/opt-out": ("admin", True),
        "PUT /api/privacy/opt-out": ("admin", True),
        "DELETE /api/privacy/user": ("admin", True),
        "POST /api/privacy/receipts/verify": ("admin", False),
        "GET /api/insights/context": ("read", True),
        "GET /api/insights/next-actions": ("read", True),
        "GET /api/insights/next-actions/calibration": ("read", True),
        "GET /api/insights/patterns": ("read", True),
        "POST /api/insights/standup": ("read", True),
        "POST /api/insights/project-wizard": ("read", True),
        "POST /api/insights/email-categorization": ("read", True),
        "GET /api/admin/success-metrics": ("admin", False),
        "GET /metrics": ("metrics", False),
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
        if path.endswith("/stream"):
            continue  # has no end
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
    assert walked == 32


async def test_x_api_key_is_as_good(caller: httpx.AsyncClient) -> None:
    answer = await caller.get("/api/events/", headers={"X-API-Key": READ_KEY})
    assert answer.status_code == 200
    for headers in ({"X-API-Key": "x" * 32}, {"Authorization": f"Basic {READ_KEY}"}):
        assert (await caller.get("/api/events/", headers=headers)).status_code == 401


@pytest.mark.fault("N29", "C10")
@pytest.mark.parametrize("given", ["Basic YTpi", "", " ", "Bearer", "Bearer ", "Negotiate x", "x"])
async def test_a_key_counts_beside_what_a_proxy_puts_into_authorization(
    caller: httpx.AsyncClient, given: str
) -> None:
    beside = {"Authorization": given}
    answer = await caller.get("/api/events/", headers={"X-API-Key": READ_KEY, **beside})
    assert answer.status_code == 200
    wrong = await caller.get("/api/events/", headers={"X-API-Key": "x" * 32, **beside})
    assert wrong.status_code == 401
    alone = await caller.get("/api/events/", headers=beside)
    assert (alone.status_code, alone.headers["www-authenticate"]) == (401, "Bearer")
    beacon = await caller.post(
        "/api/events/log",
        json={"user_email": ADA, **EVENT, "key": WRITE_KEY},
        headers={"Content-Type": "text/plain", **beside},
    )
    assert beacon.status_code == 201


@pytest.mark.fault("C10")
async def test_local_mode_passes_over_a_proxy_s_authorization(client: httpx.AsyncClient) -> None:
    for given, status in (("Basic YTpi", 200), ("Negotiate x", 200), ("Bearer", 401), ("x", 401)):
        answer = await client.get("/", headers={"Authorization": given})
        assert answer.status_code == status, given


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


@pytest.mark.fault("E6", "N6")
async def test_no_answer_sends_anybody_to_another_host(
    guarded: FastAPI, caller: httpx.AsyncClient
) -> None:
    """Each path is answered with and without a slash at its end, by every method."""
    asked = {"Host": "events.example.com", "X-Forwarded-Proto": "https"}
    hidden = (
        "/",
        "/docs",
        "/docs/api",
        "/dashboard",
        "/demo",
        "/mcp",
        "/tracker.js",
        "/openapi.json",
    )
    paths = {path for _, path, _ in operations(guarded)} | {*hidden, "/assets", "/docs/static"}
    for path in sorted(paths | {"/nothing", "//evil.example.com", "/\\evil.example.com"}):
        other = path[:-1] if path.endswith("/") else f"{path}/"
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
            url = f"http://api.example.com{path}"
            answer = await caller.request(method, url, headers=asked)
            location = answer.headers.get("location", "/")
            assert location.startswith("/"), (method, path)
            assert not location.startswith(("//", "/\\")), (method, path)
            if other:
                url = f"http://api.example.com{other}"
                again = await caller.request(method, url, headers=asked)
                assert again.status_code == answer.status_code, (method, other)
                assert again.headers.get("allow") == answer.headers.get("allow")
                if path != "/":
                    assert "location" not in again.headers, (method, other)


@pytest.mark.fault("E6", "N6")
async def test_either_form_of_a_path_takes_a_body_and_a_query(caller: httpx.AsyncClient) -> None:
    body = {"user_email": ADA, **EVENT}
    logged = await caller.post("/api/events/log/", json=body, headers=bearer(WRITE_KEY))
    assert logged.status_code == 201
    params: dict[str, Any] = {"user_email": ADA, "days": 1}
    for path in ("/api/events/analytics/", "/api/events/analytics"):
        answer = await caller.get(path, params=params, headers=bearer(READ_KEY))
        assert answer.json()["total_events"] == 1
    missing = await caller.get("/api/nothing/", headers=bearer(READ_KEY))
    assert missing.json()["error"]["message"] == "GET /api/nothing/: Not Found."


@pytest.mark.fault("G5")
@pytest.mark.parametrize(
    "verified", [False, "false", "False", "no", 0, 1, "", "0", "1", [], {}, [True], "TRUE", " true"]
)
async def test_an_address_that_was_not_verified_is_nobodys(
    caller: httpx.AsyncClient, verified: object
) -> None:
    signed = token(email_verified=verified)
    answer = await caller.get("/api/events/", headers=bearer(signed))
    assert (answer.status_code, code_of(answer)) == (401, "invalid_token")


@pytest.mark.fault("G5")
async def test_a_verified_address_is_its_users(caller: httpx.AsyncClient) -> None:
    for signed in (token(), token(email_verified=True), token(email_verified="true")):
        assert (await caller.get("/api/events/", headers=bearer(signed))).status_code == 200
    null = jwt.encode({**claims(), "email_verified": None}, SECRET, algorithm="HS256")
    assert (await caller.get("/api/events/", headers=bearer(null))).status_code == 401


@pytest.mark.fault("S13")
async def test_a_token_lasts_a_day_at_most(caller: httpx.AsyncClient) -> None:
    now = int(time.time())
    good: tuple[dict[str, Any], ...] = (
        {"exp": now + 23 * 3600},
        {"exp": now + 3600, "iat": now - 22 * 3600},
        {"exp": now + 3600, "iat": now, "nbf": now},
        {"exp": float(now + 3600)},
    )
    for given in good:
        answer = await caller.get("/api/events/", headers=bearer(token(**given)))
        assert answer.status_code == 200, given
    bad: tuple[dict[str, Any], ...] = (
        {"exp": now + 25 * 3600},
        {"exp": 4102444800},
        {"exp": 10**30},
        {"exp": 1e300},
        {"exp": float("inf")},
        {"exp": "soon"},
        {"exp": [now + 60]},
        {"exp": now + 3600, "iat": now - 24 * 3600},
        {"exp": now + 3600, "iat": 0},
        {"exp": now + 60, "iat": now + 3600},
        {"exp": now + 60, "iat": "now"},
        {"exp": now + 60, "nbf": now + 3600},
    )
    for given in bad:
        answer = await caller.get("/api/events/", headers=bearer(token(**given)))
        assert (answer.status_code, code_of(answer)) == (401, "invalid_token"), given


@pytest.mark.fault("newcomer-17", "newcomer-43")
async def test_a_key_in_several_settings_may_do_what_each_says(settings: Settings) -> None:
    both = "b" * 32
    given = {"write_keys": f"{WRITE_KEY},{both}", "read_keys": both, "metrics_keys": METRICS_KEY}
    assert settings.database_url is not None
    app = create_app(Settings(**{**settings.model_dump(), **given}), settings.database_url)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api.example.com") as client,
    ):
        body = {"user_email": ADA, **EVENT}
        headers = bearer(both)
        assert (await client.post("/api/events/log", json=body, headers=headers)).status_code == 201
        assert (await client.get("/api/events/", headers=headers)).status_code == 200
        for method, path in (
            ("DELETE", "/api/privacy/user?user_email=ada@example.com"),
            ("DELETE", "/api/events/cleanup?days=0"),
            ("GET", "/metrics"),
            ("GET", "/api/admin/success-metrics"),
        ):
            answer = await client.request(method, path, headers=headers)
            assert (answer.status_code, code_of(answer)) == (403, "wrong_scope"), path
        assert (await client.get("/api/events/", headers=bearer(WRITE_KEY))).status_code == 403
    await truncate(settings.database_url)


@pytest.mark.fault("S17")
async def test_a_write_key_does_not_learn_why_an_event_is_suppressed(
    caller: httpx.AsyncClient,
) -> None:
    opt_out: dict[str, Any] = {"params": {"user_email": ADA}, "json": {"analytics": True}}
    done = await caller.put("/api/privacy/opt-out", headers=bearer(ADMIN_KEY), **opt_out)
    assert done.status_code == 200
    await caller.post(
        "/api/events/log", json={"user_email": BOB, **EVENT}, headers=bearer(WRITE_KEY)
    )
    await caller.delete("/api/privacy/user", params={"user_email": BOB}, headers=bearer(ADMIN_KEY))

    async def results(credentials: str, email: str) -> dict[str, Any]:
        body = {"user_email": email, "events": [{**EVENT, "event_id": "e-1"}]}
        answer = await caller.post("/api/events/log/batch", json=body, headers=bearer(credentials))
        (only,) = answer.json()["results"]
        assert answer.json()["suppressed"] == 1
        assert only.pop("event_id")
        found: dict[str, Any] = only
        return found

    silent = {
        "index": 0,
        "status": "suppressed",
        "code": None,
        "field": None,
        "message": None,
        "warnings": [],
    }
    assert await results(WRITE_KEY, ADA) == await results(WRITE_KEY, BOB) == silent
    assert (await results(ADMIN_KEY, ADA))["code"] == "opted_out"
    assert (await results(ADMIN_KEY, BOB))["code"] == "erased"
    assert (await results(token(), ADA))["code"] == "opted_out"
    single = {"user_email": ADA, **EVENT}
    answer = await caller.post("/api/events/log", json=single, headers=bearer(WRITE_KEY))
    assert answer.json().keys() == {"event_id", "status", "server_time", "warnings"}
