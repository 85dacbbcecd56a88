"""`GET /tracker.js`."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.routers import static_files, tracker


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Puts a script where the build would."""
    path = tmp_path / "tracker.js"
    monkeypatch.setattr(tracker, "SCRIPT", path)
    static_files._content.cache_clear()
    return path.write_text


async def test_the_script_is_for_every_page(
    client: httpx.AsyncClient, build: Callable[[str], object]
) -> None:
    build("let a = 1")
    answer = await client.get("http://localhost/tracker.js")
    assert (answer.status_code, answer.text) == (200, "let a = 1")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    head = await client.head("http://localhost/tracker.js")
    assert (head.status_code, head.headers["etag"]) == (200, answer.headers["etag"])
    known = {"If-None-Match": answer.headers["etag"]}
    again = await client.get("http://localhost/tracker.js", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    build("let b = 2; // built again")
    changed = await client.get("http://localhost/tracker.js", headers=known)
    assert (changed.status_code, changed.text) == (200, "let b = 2; // built again")


@pytest.mark.usefixtures("build")
async def test_what_is_not_built_says_how(client: httpx.AsyncClient) -> None:
    answer = await client.get("http://localhost/tracker.js")
    assert answer.status_code == 404
    assert "make frontend" in answer.json()["error"]["message"]
