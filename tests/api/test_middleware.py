"""Hosts, origins, preflights, headers, rates."""

import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import jwt
import pytest

from app.auth.keys import create_key
from app.auth.principal import Scope
from app.database.sessions import Database
from app.errors import InvalidRequest
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import ADA, error_of, event
from tests.api.credentials import ADMIN_KEY, READ_KEY, SECRET, WRITE_KEY, bearer, claims
from tests.conftest import NOW, LiveServer, truncate

JSON = {"Content-Type": "application/json"}
TIMEOUT_SECONDS = 20
SITE = "https://app.example.com"
PREFLIGHT = {
    "Origin": SITE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@asynccontextmanager
async def service(
    settings: Settings, base_url: str = "http://api.example.com", **given: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """An application with these settings, reached under that name."""
    assert settings.database_url is not None
    app = create_app(Settings(**{**settings.model_dump(), **given}), settings.database_url)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base_url) as client,
    ):
        yield client
    await truncate(settings.database_url)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "127.0.0.1:9",
        "[::1]",
        "[::1]:8",
        "localhost.",
        "LOCALHOST.:80",
        "127.0.0.2",
        "127.1.2.3:8000",
    ],
)
async def test_local_mode_answers_this_machine(client: httpx.AsyncClient, host: str) -> None:
    for origin in ({}, {"Origin": f"http://{host}"}):
        response = await client.get("/", headers={"Host": host, **origin})
        assert response.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "localhost.evil.example.com",
        "127.0.0.1.evil.example.com",
        "10.0.0.1",
        "localhost@evil.example.com",
        "[::1].evil.example.com",
        "[",
        "",
    ],
)
async def test_local_mode_answers_no_other_name(client: httpx.AsyncClient, host: str) -> None:
    for path in ("/", "http://localhost/docs", "http://localhost/metrics", "/health/live"):
        response = await client.get(path, headers={"Host": host})
        assert error_of(response, 403)["code"] == "host_not_allowed"


@pytest.mark.fault("N25")
@pytest.mark.parametrize("host", ["", "balancer", "10.0.0.1:8000", "evil.example.com"])
async def test_a_health_check_needs_no_name_of_this_machine(
    client: httpx.AsyncClient, host: str
) -> None:
    for path in ("http://localhost/health/live", "http://localhost/health/ready"):
        assert (await client.get(path, headers={"Host": host})).json()["status"] == "ok"
        assert (await client.head(path, headers={"Host": host})).status_code == 200
        page = {"Host": host, "Origin": "https://evil.example.com"}
        assert error_of(await client.get(path, headers=page), 403)


@pytest.mark.fault("N25")
def test_a_health_check_of_http_1_0_has_no_host_at_all(live: LiveServer) -> None:
    for path, status in (("/health/ready", b"200"), ("/api/events/", b"403")):
        with socket.create_connection((live.host, live.port), TIMEOUT_SECONDS) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            assert connection.recv(100).split()[1] == status


@pytest.mark.parametrize(
    "origin", [SITE, "http://localhost:5173", "http://127.0.0.1", "null", "http://localhost.evil"]
)
async def test_local_mode_answers_no_other_origin(client: httpx.AsyncClient, origin: str) -> None:
    """A page of somebody else's could send a beacon to this machine without asking."""
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    response = await client.post("/log", json={"user_email": ADA, **event()}, headers=headers)
    assert error_of(response, 403)["code"] == "origin_not_allowed"
    assert (await client.get("/")).json()["events"] == []


async def test_local_mode_answers_an_origin_that_is_named(settings: Settings) -> None:
    async with service(settings, "http://localhost", allowed_origins=SITE) as client:
        response = await client.get("/api/events/", headers={"Origin": SITE})
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == SITE


async def test_with_keys_any_host_is_answered(settings: Settings) -> None:
    async with service(settings, read_keys=READ_KEY) as client:
        assert (await client.get("/api/events/", headers=bearer(READ_KEY))).status_code == 200
        assert (await client.get("/api/events/")).status_code == 401


async def test_preflights(settings: Settings) -> None:
    async with service(settings, write_keys=WRITE_KEY, allowed_origins=SITE) as client:
        path = "/api/events/log/batch"
        answer = await client.options(path, headers=PREFLIGHT)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == SITE
        assert answer.headers["access-control-max-age"] == "7200"
        assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
        assert "access-control-allow-credentials" not in answer.headers
        body = {"user_email": ADA, "events": [event()]}
        sent = await client.post(path, json=body, headers={"Origin": SITE, **bearer(WRITE_KEY)})
        assert sent.status_code == 200
        assert sent.headers["access-control-allow-origin"] == SITE
        assert "Retry-After" in sent.headers["access-control-expose-headers"]
        # A beacon goes out without a preflight, and without a header of ours.
        beacon = await client.post(
            path, json={**body, "key": WRITE_KEY}, headers={"Content-Type": "text/plain"}
        )
        assert beacon.json()["duplicates"] == 1
        # What is refused can be read, too.
        unknown = await client.post(path, json=body, headers={"Origin": SITE})
        assert unknown.status_code == 401
        assert unknown.headers["access-control-allow-origin"] == SITE


@pytest.mark.fault("A6")
@pytest.mark.parametrize(
    "asked",
    [
        "baggage,sentry-trace,tracestate",
        "x-datadog-trace-id, x-datadog-parent-id",
        "newrelic",
        "Content-Type,,X-My_Own.Header!",
        ",".join(f"x-{number}" for number in range(200)),
    ],
)
async def test_a_trusted_origin_may_send_any_header(settings: Settings, asked: str) -> None:
    async with service(settings, write_keys=WRITE_KEY, allowed_origins=SITE) as client:
        headers = {**PREFLIGHT, "Access-Control-Request-Headers": asked}
        answer = await client.options("/api/events/log/batch", headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-headers"] == asked
        assert answer.headers["access-control-allow-origin"] == SITE


@pytest.mark.fault("A6")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Access-Control-Request-Headers": "a b"}, "cors_headers_not_allowed"),
        ({"Access-Control-Request-Headers": "a:b,c"}, "cors_headers_not_allowed"),
        ({"Access-Control-Request-Headers": "x-" + "y" * 5000}, "cors_headers_not_allowed"),
        ({"Access-Control-Request-Method": "PATCH"}, "cors_method_not_allowed"),
    ],
)
async def test_what_a_preflight_is_refused_for(
    settings: Settings, changed: dict[str, str], code: str
) -> None:
    async with service(settings, write_keys=WRITE_KEY, allowed_origins=SITE) as client:
        answer = await client.options("/api/events/log", headers={**PREFLIGHT, **changed})
        assert error_of(answer, 403)["code"] == code
        assert "access-control-allow-headers" not in answer.headers


@pytest.mark.fault("A5")
@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"],
)
@pytest.mark.parametrize("origin", [SITE, "null", "http://localhost:5173"])
async def test_no_type_lets_a_foreign_page_send_to_local_mode(
    client: httpx.AsyncClient, content_type: str | None, origin: str
) -> None:
    headers = {"Origin": origin}
    if content_type is not None:
        headers["Content-Type"] = content_type
    content = json.dumps({"user_email": ADA, **event()})
    response = await client.post("/log", content=content, headers=headers)
    assert error_of(response, 403)["code"] == "origin_not_allowed"
    assert (await client.get("/")).json()["events"] == []


@pytest.mark.fault("A5")
async def test_a_key_in_the_body_is_for_its_own_origin_whatever_the_type(
    settings: Settings,
) -> None:
    assert settings.database_url is not None
    database = Database(settings.database_url, settings)
    _, key = await create_key(database, "site", [Scope.WRITE], NOW, allowed_origins=[f"{SITE}/"])
    await database.dispose()
    async with service(settings, read_keys=READ_KEY) as client:
        # Also a body that only the lenient reader can read.
        for text in ("x", "\\ud83d"):
            one = {"user_email": ADA, "key": key, **event(metadata={"t": "x"})}
            content = json.dumps(one).replace('"x"', f'"{text}"')
            for content_type in (None, "text/plain", "application/x-www-form-urlencoded"):
                typed = {} if content_type is None else {"Content-Type": content_type}
                foreign = {**typed, "Origin": "https://evil.test"}
                refused = await client.post("/api/events/log", content=content, headers=foreign)
                assert error_of(refused, 403)["code"] == "origin_not_allowed"
                own = {**typed, "Origin": SITE}
                response = await client.post("/api/events/log", content=content, headers=own)
                assert response.status_code in {200, 201}, response.text
            # A page of another origin can't send this type without asking.
            refused = await client.post("/api/events/log", content=content, headers=JSON)
            assert refused.status_code == 401


async def test_any_origin(settings: Settings) -> None:
    async with service(settings, write_keys=WRITE_KEY, allowed_origins="*") as client:
        answer = await client.options("/api/events/log/batch", headers=PREFLIGHT)
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_every_answer_has_the_security_headers(settings: Settings) -> None:
    async with service(settings, read_keys=READ_KEY) as client:
        for path in ("/api/events/", "/health/live", "/docs", "/nothing", "/openapi.json"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
        data = await client.get("/api/events/", headers=bearer(READ_KEY))
        assert data.headers["cache-control"] == "private, no-store"
        assert data.headers["content-security-policy"].startswith("default-src 'none'")


async def in_one_minute(burst: Callable[[str], Awaitable[list[Any]]], callers: list[str]) -> Any:
    """What a burst of the first caller got that began and ended in the same minute of the clock.

    A sliding window forgets a little where a minute ends: there, another caller tries again.
    """
    for caller in callers:
        minute = int(time.time() // 60)
        answers = await burst(caller)
        if int(time.time() // 60) == minute:
            return answers
    raise AssertionError("every burst met the end of a minute")


async def test_rates(settings: Settings) -> None:
    *keys, other_key = [f"{READ_KEY}{number}" for number in range(4)]
    given: dict[str, Any] = {
        "read_keys": ",".join([*keys, other_key]),
        "admin_keys": ADMIN_KEY,
        "jwt_secret": SECRET,
        "rate_limit_key_per_minute": 3,
        "rate_limit_user_per_minute": 2,
    }
    async with service(settings, **given) as client:

        async def ask(credentials: str, times: int = 1) -> list[httpx.Response]:
            return [
                await client.get("/api/events/", headers=bearer(credentials)) for _ in range(times)
            ]

        *allowed, refused = await in_one_minute(partial(ask, times=4), keys)
        assert [int(each.headers["ratelimit-remaining"]) for each in allowed] == [2, 1, 0]
        assert [each.headers["ratelimit-limit"] for each in allowed] == ["3"] * 3
        assert all(1 <= int(each.headers["ratelimit-reset"]) <= 60 for each in allowed)
        assert error_of(refused, 429)["code"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        # Each key, and each user, has a rate of its own.
        for key in (other_key, ADMIN_KEY):
            [answer] = await ask(key)
            assert answer.status_code == 200
            assert answer.headers["ratelimit-remaining"] == "2"
        for name in ("ada", "bob"):
            users = [f"{name}{number}@example.com" for number in range(3)]
            tokens = [jwt.encode(claims(email, aud=None), SECRET) for email in users]
            answers = await in_one_minute(partial(ask, times=3), tokens)
            assert [each.status_code for each in answers] == [200, 200, 429]
        # Nobody is counted by what they only claim to be.
        assert [each.status_code for each in await ask("x" * 32, 5)] == [401] * 5


async def test_a_rate_of_0_is_none(settings: Settings) -> None:
    async with service(settings, read_keys=READ_KEY, rate_limit_key_per_minute=0) as client:
        response = await client.get("/api/events/", headers=bearer(READ_KEY))
        assert "ratelimit-limit" not in response.headers


@pytest.mark.parametrize("storage", ["tape://", "redis://localhost"])
def test_a_store_of_rates_that_there_is_not(settings: Settings, storage: str) -> None:
    """The second needs a package that is not installed here."""
    with pytest.raises(InvalidRequest, match="ACTIVITY_RATE_LIMIT_STORAGE: "):
        create_app(Settings(rate_limit_storage=storage), "postgresql://h/d")


async def test_a_body_that_is_too_large_for_any_route(settings: Settings) -> None:
    async with service(
        settings, admin_keys=ADMIN_KEY, body_max_bytes=1024, event_max_bytes=1024
    ) as client:
        response = await client.put(
            "/api/privacy/opt-out",
            params={"user_email": ADA},
            content=b" " * 2000,
            headers={"Content-Type": "application/json", **bearer(ADMIN_KEY)},
        )
        assert error_of(response, 413)["code"] == "too_large"
