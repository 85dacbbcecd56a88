"""A page on an origin that is not allowed, in a real browser: it can read why."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.conftest import fresh_database, running_service

WRITE_KEY = "w" * 40
# What the page's script was told, or the browser's own error.
SEND = """
async ([url, headers, credentials]) => {
  const body = JSON.stringify({ user_email: 'ada@example.com', event_type: 'project_created' })
  try {
    const response = await fetch(url, { method: 'POST', headers, body, credentials })
    return [response.status, (await response.json()).error]
  } catch (error) {
    return [0, String(error)]
  }
}
"""


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def database_url(server_url: str) -> Iterator[str]:
    """A database of the test's own: keys end local mode for good."""
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The origin of somebody's page."""
    (tmp_path / "index.html").write_text("<!doctype html><title>A product</title>")
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.fault("newcomer-36")
@pytest.mark.parametrize("keys", [{}, {"ACTIVITY_WRITE_KEYS": WRITE_KEY}], ids=["local", "keys"])
async def test_the_page_reads_why(
    browser: Browser, database_url: str, site: str, keys: dict[str, str]
) -> None:
    settings = {"ACTIVITY_ALLOWED_ORIGINS": "https://other.test", **keys}
    with running_service(DATABASE_URL=database_url, **settings) as service:
        page = await browser.new_page()
        await page.goto(site)
        headers = {
            "Content-Type": "application/json",
            "X-API-Key": WRITE_KEY,
            "baggage": "a=b",  # of a tracing tool
        }
        url = f"{service.url}/api/events/log"
        status, error = await page.evaluate(SEND, [url, headers, "same-origin"])
        told: dict[str, Any] = error
        assert (status, told["code"]) == (403, "origin_not_allowed"), error
        assert "ACTIVITY_ALLOWED_ORIGINS" in told["message"]
        assert told["details"] == {"origin": site}
        # With what the browser adds by itself, nothing is sent at all.
        status, error = await page.evaluate(SEND, [url, headers, "include"])
        assert (status, error) == (0, "TypeError: Failed to fetch")
        await page.close()
