"""Untrusted text stays text on every page: it becomes neither an element nor code."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.async_api import Browser, Page, Request, expect

from tests.browser.pages import Look, looking
from tests.conftest import LiveServer, fresh_database, running_service

pytestmark = pytest.mark.fault("S8", "S23")

# One payload per context to escape from: HTML, an attribute, a URL, a template of the charting
# library, a style.
MARK = "stranger"
PAYLOADS = (
    f"<img src=/{MARK}-1 onerror=pwn()>",
    f"\"'><svg/onload=pwn()><a href=/{MARK}-2>",
    f"<meta http-equiv=refresh content=0;url=/{MARK}-3>",
    f"<iframe srcdoc='<script>parent.pwn()</script>'></iframe>{MARK}",
    f"javascript:pwn()//{MARK}",
    "{a|<b>stranger}{b}{@[0]}%{c0}",
    f"image:///{MARK}-4",
)
USER = f"<img/src='/{MARK}-5'/onerror='pwn()'>@example.com"
SESSIONS = ("..", ".", "../../demo", f"<img src=/{MARK}-6 onerror=pwn()>", "//example.com/")
# The elements that a successful injection would create.
ELEMENTS = (
    f"[src*={MARK}], [href*='/{MARK}'], iframe, meta[http-equiv=refresh], base, object, embed, "
    "[onerror], [onload], a[href^='javascript:' i], foreignObject, svg image, svg a"
)
PAGES = (
    "",
    "/trends?split_by=event_type&shape=lines",
    "/trends?split_by=device_type&shape=bars",
    f"/top?{urlencode({'key': PAYLOADS[0]})}",
    "/users",
    f"/users/{quote(USER, safe='')}",
    "/retention",
    f"/funnel?{urlencode([('step', PAYLOADS[0]), ('step', PAYLOADS[1])])}",
    f"/paths?{urlencode({'anchor': PAYLOADS[0]})}",
    f"/paths?{urlencode({'anchor': PAYLOADS[1], 'direction': 'before'})}",
    "/durations",
    "/sessions",
    "/live",
)  # fmt: skip
HOVER_ATTEMPTS = 3
STEPS = 4


@pytest.fixture(scope="module")
def service(server_url: str) -> Iterator[LiveServer]:
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, ACTIVITY_PII_MODE="off") as server,
    ):
        yield server


def hostile_events() -> Iterator[dict[str, Any]]:
    """Events with payloads in every field and every key of their JSON."""
    now = datetime.now(UTC) - timedelta(hours=2)
    for number in range(3 * len(PAYLOADS)):
        text = PAYLOADS[number % len(PAYLOADS)]
        yield {
            "event_id": str(uuid.uuid4()),
            "event_type": text,
            "event_category": text,
            "event_action": text,
            "entity_type": text,
            "entity_id": text,
            "device_type": text,
            "session_id": SESSIONS[number % len(SESSIONS)],
            "event_timestamp": (now + timedelta(seconds=number)).isoformat(),
            "duration_ms": 1000 * (number + 1),
            "metadata": dict.fromkeys((*PAYLOADS, "page", "title", "subject"), text),
            "context_snapshot": {text: text},
        }


class Watched:
    """The actions of a page that only a successful injection can cause."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.wrong: list[str] = []
        page.on("request", self._request)
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog {dialog.message}"))
        page.on("popup", lambda popup: self.wrong.append(f"popup {popup.url}"))

    def _request(self, request: Request) -> None:
        path = request.url.removeprefix(self.base)
        is_own = path.startswith(("/dashboard", "/assets/", "/api/", "data:"))
        if not is_own or path.startswith(f"/{MARK}"):
            self.wrong.append(f"request {request.url}")

    async def check(self, where: str) -> None:
        assert self.wrong == [], where
        assert await self.page.locator(ELEMENTS).count() == 0, where
        assert await self.page.evaluate("window.pwned") is None, where


async def watched(look: Look) -> Watched:
    await look.page.add_init_script("window.pwn = () => { window.pwned = 'ran' }")
    return Watched(look.page, look.server.url)


async def hover(look: Look, check: Watched, where: str) -> list[str]:
    """Hover over every chart, and return the texts of the tooltips."""
    texts = []
    for chart in await look.page.locator(".chart").all():
        await chart.scroll_into_view_if_needed()
        box = await chart.bounding_box()
        assert box is not None
        for x in range(STEPS):
            for y in range(STEPS):
                await look.page.mouse.move(
                    box["x"] + box["width"] * (x + 0.5) / STEPS,
                    box["y"] + box["height"] * (y + 0.5) / STEPS,
                )
                tooltip = chart.locator(".tooltip")
                if await tooltip.count():
                    texts.append(await tooltip.inner_text())
        await check.check(where)
        await look.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    return texts


async def test_event_fields_stay_text(browser: Browser, service: LiveServer) -> None:
    async with looking(browser, service) as look:
        check = await watched(look)
        events = list(hostile_events())
        for user in (USER, "ada@example.com"):
            await look.log(
                *({**event, "event_id": str(uuid.uuid4())} for event in events), user_email=user
            )
        tooltips: dict[str, list[str]] = {}
        for page in PAGES:
            await look.at(f"/dashboard{page}")
            tooltips[page.partition("?")[0]] = await hover(look, check, page)
            await check.check(page)
            assert await look.page.locator(".failure").count() == 0, page
            name = re.sub(r"\W+", "-", page)[:40]
            await look.screenshot(f"hostile{name}")
        # The payload is displayed as text.
        for page in ("/trends", "/funnel", "/paths", "/durations"):
            page_tooltips = tooltips[page]
            for _ in range(HOVER_ATTEMPTS):  # a busy browser draws a tooltip late
                if any(MARK in text for text in page_tooltips):
                    break
                await look.at(f"/dashboard{next(p for p in PAGES if p.startswith(page))}")
                page_tooltips = await hover(look, check, page)
            assert any(MARK in text for text in page_tooltips), page


async def test_sessions_with_hostile_ids_can_be_opened(
    browser: Browser, service: LiveServer
) -> None:
    async with looking(browser, service) as look:
        check = await watched(look)
        user = f"{uuid.uuid4().hex[:8]}@example.com"
        for session in SESSIONS:
            event = {"event_type": "page_viewed", "event_id": str(uuid.uuid4())}
            await look.log(event, user_email=user, session_id=session)
        for number in range(len(SESSIONS)):
            await look.at(f"/dashboard/sessions?user_email={quote(user)}")
            await look.page.locator("tbody tr").nth(number).locator("a").first.click()
            await look.drawn()
            await expect(look.page.locator(".event")).to_have_count(1)
            await check.check(str(number))
            title = await look.page.get_by_role("heading", level=1).inner_text()
            assert title.removeprefix("Session ") in SESSIONS


async def test_url_parameters_stay_text(browser: Browser, service: LiveServer) -> None:
    """Payloads in every URL parameter of every page."""
    names = (
        "user_email", "event_type", "event_category", "device_type", "entity_type", "tz", "start",
        "end", "days", "compare", "anchor", "direction", "steps", "gap_minutes", "key", "bucket",
        "split_by", "shape", "period", "periods", "as", "purpose", "of", "id", "step", "step",
    )  # fmt: skip
    pages = (
        "",
        "/trends",
        "/top",
        "/users",
        "/funnel",
        "/paths",
        "/session",
        "/nowhere",
        "/users/",
    )
    # The API rejects most of these, and the page shows the error.
    async with looking(browser, service, expected=("status of 4",)) as look:
        check = await watched(look)
        for turn, page in enumerate(2 * pages):
            payloads = [PAYLOADS[(turn + place) % len(PAYLOADS)] for place in range(len(names))]
            search = urlencode(list(zip(names, payloads, strict=True)))
            path = page + quote(payloads[0], safe="") if page.endswith("/") else page
            await look.page.goto(f"{service.url}/dashboard{path}?{search}")
            await look.page.locator("h1, .failure").first.wait_for()
            await expect(look.page.locator(".loading, [aria-busy=true]")).to_have_count(0)
            await check.check(page)


async def test_the_policy_blocks_html_injection(browser: Browser, service: LiveServer) -> None:
    """The content security policy blocks other injection paths."""
    blocked = (
        "TrustedHTML",
        "TrustedScript",
        "Content Security Policy",
        "eval",
        "inline",
        "TrustedTypePolicy",
    )
    for path in ("/dashboard", "/demo"):
        async with looking(browser, service, expected=blocked) as look:
            await look.page.goto(f"{service.url}{path}")
            await look.page.locator("#root > *").first.wait_for()
            for attempt in (
                "document.body.innerHTML = '<b>x</b>'",
                "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
                "document.createElement('iframe').srcdoc = '<b>x</b>'",
                "document.createElement('script').src = '/x.js'",
                "document.createElement('script').text = 'pwn()'",
                "trustedTypes.createPolicy('other', { createHTML: (text) => text })",
                "trustedTypes.createPolicy('default', { createHTML: (text) => text })",
            ):
                outcome = await look.page.evaluate(
                    f"(() => {{ try {{ {attempt} }} catch {{ return 'blocked' }} }})()"
                )
                assert outcome == "blocked", (path, attempt)
            await look.page.evaluate("document.body.firstElementChild.innerHTML = ''")


async def test_the_api_docs_render_with_local_scripts(
    browser: Browser, service: LiveServer
) -> None:
    async with looking(browser, service) as look:
        await look.page.goto(f"{service.url}/docs/api?url=/{MARK}.json&configUrl=/{MARK}.json")
        await expect(look.page.locator(".opblock").first).to_be_visible()
        assert await look.page.locator(".opblock").count() > 20
        await look.page.locator(".opblock-summary").first.click()
        await expect(look.page.locator(".opblock-body").first).to_be_visible()
