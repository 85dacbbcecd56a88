"""A page of ours in a real browser: what it says, and whether anything went wrong on it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.conftest import ROOT, LiveServer

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = Path(os.environ.get("ACTIVITY_SCREENSHOTS", ROOT / ".screenshots"))
WIDE, NARROW = (1440, 900), (375, 800)
ZONE = "Europe/Berlin"
SHIFT_MAX = 0.1  # what web.dev calls good

# Before anything is drawn: how far things move while the page loads.
WATCH_SHIFTS = """
window.shift = 0
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value
}).observe({ type: 'layout-shift', buffered: true })
"""
RUN_AXE = """
async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter((each) => ['serious', 'critical'].includes(each.impact))
  .map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.html).join(' | ')}`)
"""


@dataclass
class Look:
    """One page, and the complaints about it."""

    page: Page
    server: LiveServer
    complaints: list[str] = field(default_factory=list)

    async def at(self, path: str) -> None:
        """Goes there, and waits until all of it is drawn."""
        await self.page.goto(f"{self.server.url}{path}")
        await self.drawn()

    async def drawn(self) -> None:
        await self.page.locator("h1").first.wait_for()
        await expect(self.page.locator(".loading, [aria-busy=true]")).to_have_count(0)
        # Charts come with a script of their own.
        await expect(self.page.locator(".chart:not(:has(svg))")).to_have_count(0)

    async def value(self, title: str) -> str:
        """The number below a title."""
        return await self.page.get_by_label(title, exact=True).locator(".stat-value").inner_text()

    async def get(self, path: str, **params: Any) -> Any:
        """What the API says to the same question."""
        response = await self.page.request.get(f"{self.server.url}{path}", params=params)
        assert response.status == 200, await response.text()
        return await response.json()

    async def log(self, *events: dict[str, Any], **envelope: Any) -> None:
        """Through the API, as the tracker does."""
        url = f"{self.server.url}/api/events/log/batch"
        response = await self.page.request.post(url, data={"events": list(events), **envelope})
        assert response.status == 200, await response.text()

    async def download(self, button: str) -> str:
        """The file that a button gives."""
        async with self.page.expect_download() as downloading:
            await self.page.get_by_role("button", name=button).click()
        return text_of(await (await downloading.value).path())

    async def check(self) -> None:
        """Nothing failed, nobody is shut out, nothing moves, nothing sticks out."""
        page = self.page
        assert self.complaints == []
        assert await page.locator(".failure").count() == 0
        assert await page.title() != ""
        assert await page.locator("h1").count() == 1
        assert await problems(page) == []
        shift: float = await page.evaluate("window.shift")
        assert shift <= SHIFT_MAX
        width: int = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert width <= 0

    async def screenshot(self, name: str) -> None:
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


async def problems(page: Page) -> list[str]:
    """What axe finds that is serious, or worse."""
    await page.evaluate(text_of(AXE))
    found: list[str] = await page.evaluate(RUN_AXE)
    return found


def text_of(path: Path) -> str:
    return path.read_text()


@asynccontextmanager
async def looking(
    browser: Browser,
    server: LiveServer,
    size: tuple[int, int] = WIDE,
    *,
    scheme: Any = "light",
    zone: str = ZONE,
    expected: tuple[str, ...] = (),
) -> AsyncIterator[Look]:
    """A new visitor.

    Args:
        expected: complaints that hold one of these are none.
    """
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id=zone
    )
    page = await context.new_page()
    await page.add_init_script(WATCH_SHIFTS)
    look = Look(page, server)

    def complain(text: str) -> None:
        if not any(each in text for each in expected):
            look.complaints.append(text)

    page.on(
        "console",
        lambda message: complain(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: complain(str(error)))
    yield look
    await context.close()
    assert look.complaints == []
