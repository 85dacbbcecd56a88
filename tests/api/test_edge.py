"""Hosts, origins, preflights, headers, rates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import pytest

from app.errors import InvalidRequest
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import ADA, error_of, event
from tests.api.credentials import ADMIN_KEY, READ_KEY, SECRET, WRITE_KEY, bearer, claims
from tests.conftest import truncate

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


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:9", "[::1]", "[::1]:8"])
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
    for path in ("/", "http://localhost/health/live", "http://localhost/docs", "/nothing"):
        response = await client.get(path, headers={"Host": host})
        assert error_of(response, 403)["code"] == "host_not_allowed"


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
        assert "Authorization" in answer.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in answer.headers
        refused = await client.options(path, headers={**PREFLIGHT, "Origin": "https://evil.test"})
        assert error_of(refused, 403)["code"] == "origin_not_allowed"
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
        assert data.headers["cache-control"] == "no-store"
        assert data.headers["content-security-policy"].startswith("default-src 'none'")


async def test_rates(settings: Settings) -> None:
    given: dict[str, Any] = {
        "read_keys": f"{READ_KEY},{READ_KEY}2",
        "admin_keys": ADMIN_KEY,
        "jwt_secret": SECRET,
        "rate_limit_key_per_minute": 3,
        "rate_limit_user_per_minute": 2,
    }
    async with service(settings, **given) as client:

        async def ask(credentials: str) -> httpx.Response:
            return await client.get("/api/events/", headers=bearer(credentials))

        left = [int((await ask(READ_KEY)).headers["ratelimit-remaining"]) for _ in range(3)]
        assert left == [2, 1, 0]
        refused = await ask(READ_KEY)
        assert error_of(refused, 429)["code"] == "rate_limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        answer = await ask(f"{READ_KEY}2")
        assert answer.status_code == 200
        assert answer.headers["ratelimit-limit"] == "3"
        assert 1 <= int(answer.headers["ratelimit-reset"]) <= 60
        for email in (ADA, "bob@example.com"):
            mine = jwt.encode(claims(email, aud=None), SECRET)
            assert [(await ask(mine)).status_code for _ in range(3)] == [200, 200, 429]
        # Nobody is counted by what they only claim to be.
        assert [(await ask("x" * 32)).status_code for _ in range(5)] == [401] * 5


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
