"""A page of the service in a real browser: its values and its errors."""

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
SHIFT_MAX = 0.1  # "good" by web.dev

# Installed before the first paint: measures the layout shift while the page loads.
WATCH_SHIFTS = """
window.shift = 0
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value
}).observe({ type: 'layout-shift', buffered: true })
"""
RUN_AXE = """
async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter((issue) => ['serious', 'critical'].includes(issue.impact))
  .map((issue) => `${issue.id}: ${issue.nodes.slice(0, 3).map((node) => node.html).join(' | ')}`)
"""


@dataclass
class Look:
    """One page, and its console errors."""

    page: Page
    server: LiveServer
    console_errors: list[str] = field(default_factory=list)

    async def at(self, path: str) -> None:
        """Open the path, and wait until it is rendered."""
        await self.page.goto(f"{self.server.url}{path}")
        await self.drawn()

    async def drawn(self) -> None:
        await self.page.locator("h1").first.wait_for()
        await expect(self.page.locator(".loading, [aria-busy=true]")).to_have_count(0)
        # Charts are loaded with a separate script.
        await expect(self.page.locator(".chart:not(:has(svg))")).to_have_count(0)

    async def value(self, title: str) -> str:
        """Return the value of the metric with this title."""
        return await self.page.get_by_label(title, exact=True).locator(".stat-value").inner_text()

    async def get(self, path: str, **params: Any) -> Any:
        """Return the API's response to the same question."""
        response = await self.page.request.get(f"{self.server.url}{path}", params=params)
        assert response.status == 200, await response.text()
        return await response.json()

    async def log(self, *events: dict[str, Any], **envelope: Any) -> None:
        """Log events through the API, as the tracker does."""
        url = f"{self.server.url}/api/events/log/batch"
        response = await self.page.request.post(url, data={"events": list(events), **envelope})
        assert response.status == 200, await response.text()

    async def download(self, button: str) -> str:
        """Return the text of the file that a button downloads."""
        async with self.page.expect_download() as downloading:
            await self.page.get_by_role("button", name=button).click()
        return text_of(await (await downloading.value).path())

    async def check(self) -> None:
        """Check for errors, accessibility issues, layout shift and overflow."""
        page = self.page
        assert self.console_errors == []
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
    """Return axe's violations of serious or critical impact."""
    await page.evaluate(text_of(AXE))
    violations: list[str] = await page.evaluate(RUN_AXE)
    return violations


def text_of(path: Path) -> str:
    return path.read_text()


@asynccontextmanager
async def looking(
    browser: Browser,
    server: LiveServer,
    size: tuple[int, int] = WIDE,
    *,
    scheme: Any = "light",
    zone: str | None = ZONE,
    expected: tuple[str, ...] = (),
) -> AsyncIterator[Look]:
    """Open a page in a new browser context.

    Args:
        zone: None is that of the machine.
        expected: console messages that contain one of these texts are ignored.
    """
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id=zone
    )
    page = await context.new_page()
    await page.add_init_script(WATCH_SHIFTS)
    look = Look(page, server)

    def complain(text: str) -> None:
        if not any(part in text for part in expected):
            look.console_errors.append(text)

    page.on(
        "console",
        lambda message: complain(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: complain(str(error)))
    yield look
    await context.close()
    assert look.console_errors == []
