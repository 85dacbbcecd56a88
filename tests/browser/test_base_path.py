"""The service below a path of another host (`ACTIVITY_BASE_PATH`), behind a real nginx."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from app.routers import docs
from tests.api.credentials import ADMIN_KEY, bearer
from tests.conftest import LiveServer, fresh_database, running_service
from tests.nginx import needs_nginx, running_nginx

pytestmark = [needs_nginx, pytest.mark.fault("newcomer-61")]

BASE = "/events"
SLASH_USER = "a/b@example.com"
SETTLE_SECONDS = 20.0
# With a path in `proxy_pass`, nginx removes the prefix, and decodes what it passes on.
WAYS = {
    "removed": f"location {BASE}/ {{ proxy_pass %s/; }}",
    "kept": f"location {BASE}/ {{ proxy_pass %s; proxy_set_header Host $http_host; }}",
}
TRACKING_PAGE = """<!doctype html><title>A product</title>
<script src="{base}/tracker.js"></script>
<script>
  const tracker = activityEvents.createTracker({{ userEmail: 'plain@example.com', key: '{key}' }})
  tracker.track('invoice_paid', {{ immediate: true }})
</script>"""


@pytest.fixture(scope="module")
def service(server_url: str) -> Iterator[LiveServer]:
    with (
        fresh_database(server_url) as url,
        running_service(
            DATABASE_URL=url, ACTIVITY_BASE_PATH="events/", ACTIVITY_ADMIN_KEYS=ADMIN_KEY
        ) as server,
    ):
        events = [{"event_type": "project_created", "user_email": SLASH_USER}]
        answer = httpx.post(
            f"{server.url}/api/events/log/batch",
            json={"events": events},
            headers=bearer(ADMIN_KEY),
        )
        assert answer.status_code == 200, answer.text
        yield server


@pytest.fixture(scope="module")
def fronts(
    service: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    servers = {name: way % service.url for name, way in WAYS.items()}
    with running_nginx(tmp_path_factory.mktemp("nginx"), servers) as urls:
        yield {name: f"{url}{BASE}" for name, url in urls.items()}


@pytest.fixture(params=WAYS)
def front(fronts: dict[str, str], request: pytest.FixtureRequest) -> str:
    return fronts[request.param]


@pytest.fixture
async def page(browser: Browser, front: str) -> AsyncIterator[Page]:
    """A page on which nothing may fail, and no request may leave the base path."""
    context = await browser.new_context()
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    asked: list[str] = []
    yield page
    assert [text for text in problems if "401 (Unauthorized)" not in text] == []  # to be signed in
    assert [url for url in asked if not url.startswith((f"{front}/", "data:"))] == []
    await context.close()


async def sign_in(page: Page, url: str) -> None:
    await page.goto(url)
    await page.get_by_label("Key or token").fill(ADMIN_KEY)
    await page.get_by_role("button", name="Sign in").click()


async def test_the_dashboard(page: Page, front: str) -> None:
    await sign_in(page, f"{front}/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    assert page.url == f"{front}/dashboard"
    await page.get_by_role("link", name="Users", exact=True).click()
    await page.get_by_role("link", name=SLASH_USER).first.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(SLASH_USER)
    # A browser names the page's origin in a change.
    purpose = page.locator(".purposes").get_by_role("checkbox").last
    await purpose.uncheck()
    await expect(page.locator(".purposes:not([disabled])")).to_be_visible()
    # A reload has the server answer for a nested path.
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_have_text(SLASH_USER)
    await expect(purpose).not_to_be_checked()
    await page.get_by_role("link", name="Live").click()
    await expect(page.get_by_role("status").get_by_text("Live")).to_be_visible()
    await page.get_by_role("link", name="Documentation").click()
    await page.wait_for_url(f"{front}/docs/")


async def test_the_documentation(page: Page, front: str) -> None:
    await page.goto(f"{front}/docs")
    if docs.is_built():
        await page.wait_for_url(f"{front}/docs/")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await page.wait_for_load_state("networkidle")
    await page.goto(f"{front}/docs/api")
    await page.get_by_text("/health/live", exact=True).click()
    await page.get_by_role("button", name="Try it out").click()
    await page.get_by_role("button", name="Execute").click()
    await expect(page.locator(".live-responses-table .response-col_status").last).to_have_text(
        "200"
    )
    await expect(page.locator(".request-url")).to_contain_text(f"{front}/health/live")


async def test_the_demo(page: Page, front: str, service: LiveServer) -> None:
    await page.add_init_script(f"sessionStorage.setItem('workhub-write-key', '{ADMIN_KEY}')")
    await page.goto(f"{front}/demo/projects")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Projects")
    assert await stored(service, "page_viewed")


async def test_a_page_that_includes_the_tracker(
    page: Page, front: str, service: LiveServer
) -> None:
    body = TRACKING_PAGE.format(base=front, key=ADMIN_KEY)
    await page.route(
        f"{front}/product", lambda route: route.fulfill(body=body, content_type="text/html")
    )
    await page.goto(f"{front}/product")
    assert await stored(service, "invoice_paid")


async def stored(service: LiveServer, event_type: str) -> bool:
    """Wait until an event of this type is stored; whether it is."""
    async with httpx.AsyncClient(base_url=service.url, headers=bearer(ADMIN_KEY)) as client:
        for _ in range(int(SETTLE_SECONDS / 0.2)):
            answer = await client.get("/api/events/", params={"event_type": event_type})
            if answer.json()["events"]:
                return True
            await asyncio.sleep(0.2)
    return False


def test_clients_that_are_no_browsers(front: str) -> None:
    with httpx.Client(base_url=front, headers=bearer(ADMIN_KEY)) as client:
        assert client.get("/health/ready").status_code == 200
        assert client.get("/openapi.json").json()["servers"] == [{"url": BASE}]
        assert client.get("/api/events").status_code == 200
        assert client.get("/api/nothing").status_code == 404
        answer = client.get("/", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (307, f"{BASE}/dashboard")
        initialize = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        }
        accept = {"Accept": "application/json, text/event-stream"}
        answer = client.post("/mcp", json=initialize, headers=accept)
        assert answer.status_code == 200
        assert "serverInfo" in json.dumps(answer.text)


def test_where_it_says_that_it_is(service: LiveServer) -> None:
    assert f"{service.url}{BASE}/dashboard" in service.greeting
    # A name that only begins with the base path is another one.
    assert httpx.get(f"{service.url}{BASE}x/health/ready").status_code == 404
    assert httpx.get(f"{service.url}{BASE}").status_code in {200, 307}
