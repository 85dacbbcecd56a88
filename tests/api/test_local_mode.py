"""Who is answered in local mode, where everybody may do everything; and when it is over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from app.auth.keys import create_key, return_to_local_mode, revoke_key
from app.auth.principal import Scope
from app.database.sessions import Database
from app.errors import InvalidRequest
from app.main import create_app
from app.server.serve import require_settings
from app.server.startup_access import access_notice
from app.settings import Settings
from tests.api.conftest import ADA, error_of, event
from tests.api.credentials import bearer
from tests.conftest import NOW, LiveServer

HOST = "localhost:8000"
PATHS = (
    "/api/events/export",
    "/api/events/",
    "/metrics",
    "/mcp",
    "/dashboard",
    "/openapi.json",
    "/nothing",
)
ADDED = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded",
    "X_Forwarded_For",
    "X-Real-IP",
    "X-Real-Port",
    "CF-Connecting-IP",
    "CF-Ray",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-Envoy-External-Address",
    "X-Azure-ClientIP",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "CDN-Loop",
    "Tailscale-User-Login",
    "Proxy-Connection",
    "X-ProxyUser-Ip",
    "X-Remote-Addr",
    "X-Scheme",
    "X-Varnish",
    "Surrogate-Capability",
)
PAGE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@asynccontextmanager
async def service(settings: Settings, **given: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A process of the service on this database, by the paths of the whole of it."""
    assert settings.database_url is not None
    app = create_app(Settings(**{**settings.model_dump(), **given}), settings.database_url)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client,
    ):
        yield client


@pytest.mark.fault("S9", "N7")
async def test_what_came_through_a_proxy_is_not_of_this_machine(
    client: httpx.AsyncClient,
) -> None:
    body = {"user_email": ADA, **event()}
    for header in ADDED:
        logged = await client.post("/log", json=body, headers={header: ""})
        error = error_of(logged, 403)
        assert error["code"] == "proxy_not_allowed", header
        assert "activity-events keys create" in error["message"]
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    for path in PATHS:
        response = await client.get(f"http://{HOST}{path}", headers=forwarded)
        assert error_of(response, 403)["code"] == "proxy_not_allowed"
    erased = await client.delete("/cleanup", params={"user_email": ADA}, headers=forwarded)
    assert error_of(erased, 403)["code"] == "proxy_not_allowed"
    health = await client.get(f"http://{HOST}/health/ready", headers=forwarded)
    assert health.json()["status"] == "ok"
    assert (await client.get("/")).json()["events"] == []


@pytest.mark.fault("S9", "N7")
async def test_with_keys_a_proxy_may_say_whom_it_speaks_for(settings: Settings) -> None:
    async with service(settings, read_keys="r" * 32) as client:
        headers = {**bearer("r" * 32), "X-Forwarded-For": "203.0.113.9", "Via": "1.1 proxy"}
        assert (await client.get("/api/events/", headers=headers)).status_code == 200


@pytest.mark.fault("S9", "N7")
async def test_two_hosts_are_none(client: httpx.AsyncClient) -> None:
    headers = [("Host", "localhost"), ("Host", "events.example.com")]
    response = await client.get("/", headers=headers)
    assert error_of(response, 400)["code"] == "malformed_request"


@pytest.mark.fault("S9")
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_page_reads_and_starts_nothing(client: httpx.AsyncClient, site: str) -> None:
    """An image, a script or a download that another page asks for comes without an `Origin`."""
    headers = {"Host": HOST, "Sec-Fetch-Site": site}
    for path in (*PATHS, "/health/ready"):
        for mode in ({}, {"Sec-Fetch-Mode": "no-cors"}, {**PAGE, "Sec-Fetch-Dest": "iframe"}):
            response = await client.get(f"http://{HOST}{path}", headers={**headers, **mode})
            assert error_of(response, 403)["code"] == "origin_not_allowed"
    # Followed as a link, data is not answered either.
    for path in ("/api/events/export", "/metrics", "/docs/../api/events/"):
        response = await client.get(f"http://{HOST}{path}", headers={**headers, **PAGE})
        assert error_of(response, 403)["code"] == "origin_not_allowed"


@pytest.mark.fault("S9")
async def test_own_pages_links_and_the_script_are_answered(client: httpx.AsyncClient) -> None:
    own = {"Host": HOST, "Sec-Fetch-Site": "same-origin", "Referer": f"http://{HOST}/dashboard"}
    typed = {"Host": HOST, "Sec-Fetch-Site": "none", **PAGE}
    for headers in (own, typed):
        assert (await client.get("/", headers=headers)).status_code == 200
    link = {"Host": HOST, "Sec-Fetch-Site": "cross-site", **PAGE, "Referer": "https://a.example/"}
    assert (await client.get(f"http://{HOST}/docs", headers=link)).status_code == 200
    script = {"Host": HOST, "Sec-Fetch-Site": "same-site", "Referer": "http://localhost:5173/"}
    response = await client.get(f"http://{HOST}/tracker.js", headers=script)
    assert response.status_code in {200, 404}  # 404 where it is not built


@pytest.mark.fault("S9", "N7")
async def test_a_page_behind_a_proxy_that_hides_is_known_by_its_referrer(
    client: httpx.AsyncClient,
) -> None:
    for referrer in ("https://events.example.com/dashboard", "http://localhost:5173/", "http://["):
        response = await client.get("/", headers={"Host": HOST, "Referer": referrer})
        assert error_of(response, 403)["code"] == "origin_not_allowed"


async def test_a_named_origin_may_do_it_all(settings: Settings) -> None:
    site = "http://localhost:5173"
    async with service(settings, allowed_origins=site) as client:
        headers = {"Origin": site, "Sec-Fetch-Site": "same-site", "Referer": f"{site}/"}
        assert (await client.get("/api/events/", headers=headers)).status_code == 200
        # A development server passes on what its own page asks for: without an `Origin`.
        passed_on = {"Sec-Fetch-Site": "same-origin", "Referer": f"{site}/page"}
        assert (await client.get("/api/events/", headers=passed_on)).status_code == 200


async def ask(client: httpx.AsyncClient) -> int:
    """The status of a request without credentials, as it is seconds after what was done before."""
    app = client._transport.app  # type: ignore[attr-defined]
    app.state.service.auth._keys._read_at = float("-inf")
    return (await client.get("/api/events/")).status_code


@pytest.mark.fault("S16")
async def test_local_mode_does_not_come_back_with_an_empty_table_of_keys(
    settings: Settings, database: Database
) -> None:
    assert settings.database_url is not None
    connection = await asyncpg.connect(settings.database_url)
    try:
        async with service(settings) as client:
            assert await ask(client) == 200
            _, text = await create_key(database, "ci", [Scope.READ], NOW)
            assert await ask(client) == 401
            assert (await client.get("/api/events/", headers=bearer(text))).status_code == 200
            await connection.execute("DELETE FROM api_key")
            assert await ask(client) == 401
            # Nor where all that is kept of it is lost: this process knows.
            await connection.execute("DELETE FROM local_mode_end")
            assert await ask(client) == 401
        await create_key(database, "ci", [Scope.READ], NOW)
        await connection.execute("DELETE FROM api_key")
        async with service(settings) as restarted:
            assert await ask(restarted) == 401
    finally:
        await connection.close()


@pytest.mark.fault("S16")
async def test_the_way_back_is_on_purpose(settings: Settings, database: Database) -> None:
    key, _ = await create_key(database, "ci", [Scope.READ], NOW)
    with pytest.raises(InvalidRequest, match="Revoke them first"):
        await return_to_local_mode(database, NOW)
    await revoke_key(database, key.prefix, NOW)
    async with service(settings) as client:
        assert await ask(client) == 401
    await return_to_local_mode(database, NOW)
    async with service(settings) as client:
        assert await ask(client) == 200


@pytest.mark.fault("S16")
async def test_an_environment_that_is_lost_opens_nothing(
    settings: Settings, database: Database
) -> None:
    """`serve` checks this at its start, with keys and then without."""
    assert settings.database_url is not None
    notice = await access_notice(settings, settings.database_url)
    assert "local mode: everyone on this machine has full access without a key;" in notice
    named = Settings(database_url=settings.database_url, write_keys="w" * 32)
    await require_settings(named, settings.database_url)
    notice = await access_notice(named, settings.database_url)
    assert notice == "keys or user tokens from the environment"
    assert (await access_notice(settings, settings.database_url)).startswith("keys (")
    async with service(settings) as client:
        assert await ask(client) == 401


@pytest.mark.fault("S16")
async def test_local_mode_can_be_off(settings: Settings, database: Database) -> None:
    async with service(settings, local_mode="off") as client:
        assert await ask(client) == 401
        foreign = {"Host": "events.example.com", "X-Forwarded-For": "203.0.113.9"}
        assert (await client.get("/api/events/", headers=foreign)).status_code == 401
        assert (await client.get("/health/live")).status_code == 200


@pytest.mark.fault("S9", "newcomer-63")
def test_the_banner_says_that_there_are_no_keys(live: LiveServer) -> None:
    access = "local mode: everyone on this machine has full access without a key;"
    assert f"Access     {access}" in live.greeting
