"""Origins that are not allowed: the page can read why, and the log says it once."""

import logging

import httpx
import pytest

from app.auth.keys import create_key
from app.auth.principal import Scope
from app.database.sessions import Database
from app.server.refused_origins import ORIGINS_LOGGED_MAX, RefusedOrigins
from app.settings import Settings
from tests.api.conftest import ADA, error_of, event
from tests.api.credentials import ADMIN_KEY, READ_KEY, WRITE_KEY, bearer
from tests.api.test_middleware import SITE, service
from tests.conftest import NOW

EVIL = "https://evil.test"
BATCH = "/api/events/log/batch"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-api-key,content-type,baggage",
}
OTHERS = [EVIL, "https://APP.example.com", "http://app.example.com", "null", f"{SITE}.evil.test"]


def is_readable(response: httpx.Response, origin: str) -> None:
    assert response.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-credentials" not in response.headers
    assert "Origin" in response.headers["vary"]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "ACTIVITY_ALLOWED_ORIGINS" in line]


@pytest.mark.fault("newcomer-36")
@pytest.mark.parametrize("origin", OTHERS)
async def test_a_page_reads_why_it_was_refused(
    settings: Settings, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "activity_events")
    page = {"Origin": origin}
    async with service(settings, write_keys=WRITE_KEY, allowed_origins=SITE) as client:
        # The browser asks first, and then sends the request.
        asked = await client.options(BATCH, headers={**PREFLIGHT, **page})
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-headers"] == "x-api-key,content-type,baggage"
        is_readable(asked, origin)
        body = {"user_email": ADA, "events": [event()]}
        for headers in (bearer(WRITE_KEY), {"X-API-Key": WRITE_KEY}, {}):
            response = await client.post(BATCH, json=body, headers={**page, **headers})
            error = error_of(response, 403)
            assert error["code"] == "origin_not_allowed"
            assert "ACTIVITY_ALLOWED_ORIGINS" in error["message"]
            assert error["details"] == {"origin": origin}
            is_readable(response, origin)
        (line,) = [line for line in caplog.messages if "refused (CORS)" in line]
        assert origin in line
        assert (f"--origin {origin}" in line) == (origin != "null")


async def test_nothing_is_done_for_a_refused_origin(settings: Settings) -> None:
    async with service(settings, write_keys=WRITE_KEY, read_keys=READ_KEY) as client:
        page = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", **bearer(READ_KEY)}
        for method, path in (
            ("GET", "/api/events/"),
            ("DELETE", "/api/privacy/user"),
            ("POST", "/mcp"),
        ):
            response = await client.request(method, path, headers=page)
            assert error_of(response, 403)["code"] == "origin_not_allowed", path


async def test_the_own_pages_need_no_allowance(settings: Settings) -> None:
    """Behind a proxy that replaces the host, too."""
    async with service(settings, read_keys=READ_KEY) as client:
        body = {"user_email": ADA}
        for own in (
            {"Host": "events.example.com", "Origin": "https://events.example.com"},
            {"Origin": "https://events.example.com", "Sec-Fetch-Site": "same-origin"},
        ):
            headers = {**own, **bearer(READ_KEY)}
            response = await client.post("/api/insights/standup", json=body, headers=headers)
            assert response.status_code == 200, response.text
            assert "access-control-allow-origin" not in response.headers


@pytest.mark.fault("newcomer-36")
async def test_local_mode_can_be_read_too(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "activity_events")
    page = {"Origin": "http://127.0.0.1:5173"}
    asked = await client.options("/log/batch", headers={**PREFLIGHT, **page})
    assert asked.status_code == 204
    is_readable(asked, page["Origin"])
    for content_type in ("application/json", "text/plain"):
        body = {"user_email": ADA, "events": [event()]}
        headers = {**page, "Content-Type": content_type}
        response = await client.post("/log/batch", json=body, headers=headers)
        assert error_of(response, 403)["code"] == "origin_not_allowed"
        is_readable(response, page["Origin"])
    assert len(lines(caplog)) == 1
    assert (await client.get("/")).json()["events"] == []


@pytest.mark.fault("newcomer-36")
async def test_a_beacon_reads_its_answer(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Sent without asking first: its key decides, and its page learns what became of it."""
    caplog.set_level(logging.WARNING, "activity_events")
    assert settings.database_url is not None
    database = Database(settings.database_url, settings)
    _, key = await create_key(database, "site", [Scope.WRITE], NOW, allowed_origins=[SITE])
    await database.dispose()
    async with service(settings, write_keys=WRITE_KEY) as client:
        page = {"Origin": EVIL, "Content-Type": "text/plain"}
        for given, status in ((key, 403), (WRITE_KEY, 200), ("wrong", 401)):
            body = {"user_email": ADA, "key": given, "events": [event()]}
            response = await client.post(BATCH, json=body, headers=page)
            assert response.status_code == status, response.text
            is_readable(response, EVIL)
    assert len(lines(caplog)) == 1


@pytest.mark.parametrize("path", ["/tracker.js", "/docs", "/health/live"])
async def test_public_files_are_for_everybody(settings: Settings, path: str) -> None:
    async with service(settings, write_keys=WRITE_KEY) as client:
        plain = await client.get(path)
        response = await client.get(path, headers={"Origin": EVIL})
        assert response.status_code == plain.status_code


@pytest.mark.parametrize("origin", ["null", "https://a.test; rm -rf ~", "$(id)", "https://a\nb"])
def test_the_log_has_no_command_with_a_stranger_s_text(
    origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "activity_events")
    RefusedOrigins().note(origin)
    (line,) = caplog.messages
    assert repr(origin) in line
    assert "keys create" not in line


def test_the_log_names_no_more_origins_than_it_can_bear(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "activity_events")
    origins = RefusedOrigins()
    for number in range(2 * ORIGINS_LOGGED_MAX):
        origins.note(f"https://{number}.test")
    origins.note("https://0.test")
    assert len(lines(caplog)) == ORIGINS_LOGGED_MAX
    assert len(caplog.messages) == ORIGINS_LOGGED_MAX + 1
    assert len(origins._logged) == ORIGINS_LOGGED_MAX + 1


@pytest.mark.parametrize(
    ("origin", "headers", "status"),
    [
        ("http://localhost:8080", {"Host": "localhost:8080"}, 200),
        ("http://front.test:8080", {"Host": "front.test"}, 200),
        ("https://front.test", {"X-Forwarded-Host": "front.test"}, 200),
        ("https://front.test", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("https://front.test", {}, 403),
        ("http://other.test", {"Host": "front.test"}, 403),
        ("http://front.test:5173", {"Host": "front.test:8080"}, 403),
        ("https://front.test", {"X-Forwarded-Host": "other.test"}, 403),
    ],
)
async def test_the_services_own_pages_behind_a_proxy(
    settings: Settings, origin: str, headers: dict[str, str], status: int
) -> None:
    """Browsers name the origin of their own pages, too, where they change something."""
    async with service(settings, admin_keys=ADMIN_KEY) as client:
        response = await client.put(
            "http://service.test:8000/api/privacy/opt-out",
            params={"user_email": ADA},
            json={"learning": True},
            headers={"Origin": origin, **bearer(ADMIN_KEY), **headers},
        )
        assert response.status_code == status, response.text
        if status != 200:
            assert "Host header" in error_of(response, status)["message"]
