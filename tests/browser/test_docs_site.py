"""The documentation in a browser: under its policy, with its search, in light and dark."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Request, expect

from app.routers import docs
from tests.conftest import ROOT, LiveServer, fresh_database, running_service

IS_SEARCHING = "document.activeElement.shadowRoot?.activeElement?.tagName === 'INPUT'"


@pytest.fixture(scope="module")
def service(server_url: str) -> Iterator[LiveServer]:
    if not docs.is_built():
        zensical = Path(sys.executable).parent / "zensical"
        subprocess.run([zensical, "build"], cwd=ROOT, check=True, capture_output=True)
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as server:
        yield server


@pytest.mark.parametrize(("scheme", "shown"), [("light", "default"), ("dark", "slate")])
async def test_it_works_without_any_other_host(
    browser: Browser, service: LiveServer, scheme: str, shown: str
) -> None:
    context = await browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = await context.new_page()
    problems: list[str] = []
    asked: list[Request] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.append(request))

    await page.goto(f"{service.url}/docs")
    await page.wait_for_url(f"{service.url}/docs/")
    await expect(page.locator("body")).to_have_attribute("data-md-color-scheme", shown)
    await page.wait_for_load_state("networkidle")  # the search has its index
    await page.keyboard.press("/")
    await page.wait_for_function(IS_SEARCHING)
    await page.keyboard.type("conversion window")
    results = page.locator("[role=listbox] a")
    await expect(results.filter(has_text="Glossary").first).to_be_visible()
    await page.goto(f"{service.url}/docs/quickstart.html")
    await expect(page.get_by_role("heading", name="Ask questions")).to_be_visible()
    await page.goto(f"{service.url}/docs/http-api.html")
    await page.get_by_role("link", name="API reference").first.click()
    await expect(page.locator(".opblock").first).to_be_visible()

    assert problems == []
    assert {request.url.partition("/docs")[0] for request in asked} <= {
        service.url,
        f"{service.url}/openapi.json",
    }
    await context.close()
