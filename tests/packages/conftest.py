"""Fixtures: a service with keys, whose packages are installed from itself, and a browser."""

import asyncio
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser, Page

from app.routers.clients import PACKAGES
from benchmarks.soak import free_port
from benchmarks.tracker_lab import find_chromium
from tests.browser.conftest import browser
from tests.commands import printed_by
from tests.conftest import ROOT, fresh_database, running_service
from tests.packages.projects import Change, at

__all__ = ["browser"]
ARRIVAL_SECONDS = 30
COMMAND = Path(sys.executable).with_name("activity-events")


@pytest.fixture(scope="session", autouse=True)
def can_run() -> None:
    """Skip the tests if a program or the package is missing; in CI, fail instead."""
    missing = []
    if find_chromium() is None:
        missing.append("Chromium is not installed (Debian: apt-get install chromium)")
    if shutil.which("npm") is None or not list(PACKAGES.glob("activity-events-tracker-*.tgz")):
        missing.append("the npm package is not built (make frontend; needs Node.js)")
    if missing and os.environ.get("CI"):
        pytest.fail("; ".join(missing))
    if missing:
        pytest.skip(f"LEFT OUT: {'; '.join(missing)}")


@dataclass(frozen=True)
class Service:
    url: str
    key: str
    database_url: str
    # Of the pages that the key allows, by project.
    ports: dict[str, int]

    def as_user(self, email: str) -> Change:
        """Fills an example in: this service, its key, and a user of the test's own."""
        address = at(self.url)
        return lambda text: (
            address(text).replace("ae_write_...", self.key).replace("ada@example.com", email)
        )

    async def types_of(self, email: str, count: int) -> list[str]:
        """The types of the user's events in their order, once there are so many."""
        connection = await asyncpg.connect(self.database_url)
        try:
            deadline = time.monotonic() + ARRIVAL_SECONDS
            while True:
                rows = await connection.fetch(
                    "SELECT event_type FROM activity_event"
                    " WHERE user_id = (SELECT id FROM app_user WHERE email = $1)"
                    " ORDER BY event_timestamp, session_seq",
                    email,
                )
                if len(rows) >= count or time.monotonic() > deadline:
                    return [row["event_type"] for row in rows]
                await asyncio.sleep(0.1)
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def service(server_url: str) -> Iterator[Service]:
    """A service, and a write key that was made as the guide says."""
    ports = {name: free_port() for name in ("vite", "vite-dev", "next", "react-router", "plain")}
    origins = [f"http://127.0.0.1:{port}" for port in ports.values()]
    options = [word for origin in (*origins, "http://localhost") for word in ("--origin", origin)]
    with fresh_database(server_url) as url:
        output = printed_by(
            COMMAND,
            *("keys", "create", "website", "--scope", "write"),
            *options,
            cwd=ROOT,
            environment={"DATABASE_URL": url},
        )
        (key,) = set(re.findall(r"ae_write_[\w-]{20,}", output))
        with running_service(DATABASE_URL=url) as server:
            yield Service(server.url, key, url, ports)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def static_site(folder: Path, port: int) -> Iterator[str]:
    """Serve the files of a folder, as any web server does."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page of a fresh browser profile; its console and its scripts have no errors."""
    errors: list[str] = []
    page = await browser.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield page
    await page.close()
    assert errors == []
