"""Fixtures: a real browser on a real service; missing parts are reported in the skip reason."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright

from app.routers.tracker import SCRIPT
from benchmarks.tracker_faults import ROWS, Result, try_all
from benchmarks.tracker_lab import Lab, find_chromium
from tests.conftest import LiveServer, fresh_database, running_service

pytest.register_assert_rewrite("tests.browser.pages")


@pytest.fixture(scope="session", autouse=True)
def can_run() -> None:
    """Skip the tests if the browser or the build is missing; in CI, fail instead."""
    missing = []
    if find_chromium() is None:
        missing.append("Chromium is not installed (Debian: apt-get install chromium)")
    if not SCRIPT.is_file():
        missing.append("the tracker is not built (make frontend; needs Node.js 20 or later)")
    if missing and os.environ.get("CI"):
        pytest.fail("; ".join(missing))
    if missing:
        pytest.skip(f"LEFT OUT: {'; '.join(missing)}")


@pytest.fixture(scope="session")
def trial_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture(scope="session")
def service(trial_url: str) -> Iterator[LiveServer]:
    with running_service(DATABASE_URL=trial_url) as server:
        yield server


@pytest.fixture(scope="session")
async def lab(service: LiveServer, trial_url: str) -> AsyncIterator[Lab]:
    async with (
        async_playwright() as playwright,
        Lab.opened(playwright, service.url, trial_url) as lab,
    ):
        yield lab


@pytest.fixture(scope="session")
async def matrix(lab: Lab) -> dict[str, Result]:
    """Run every fault once; they run concurrently, because they mostly wait."""
    return {result.name: result for result in await try_all(lab, ROWS)}


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        yield browser
        await browser.close()
