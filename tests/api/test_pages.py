"""`GET /dashboard`, `GET /demo`, and what they load."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Mount

from app.routers import pages, static_files


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app: FastAPI) -> Path:
    """Where the build would put its files: empty yet."""
    monkeypatch.setattr(pages, "WEB", tmp_path)
    static_files._content.cache_clear()
    for route in app.routes:
        if isinstance(route, Mount) and route.path == "/assets":
            assert isinstance(route.app, pages.Assets)
            monkeypatch.setattr(route.app, "all_directories", [tmp_path / "assets"])
    return tmp_path


@pytest.fixture
def build(web: Path) -> Callable[[str], None]:
    def put(text: str) -> None:
        (web / "dashboard.html").write_text(text)
        (web / "demo.html").write_text(text)
        (web / "assets").mkdir(exist_ok=True)
        (web / "assets" / "app-3f2a.js").write_text("let a = 1")

    return put


@pytest.mark.parametrize("name", ["dashboard", "demo"])
async def test_a_page_runs_its_own_scripts_alone(
    name: str, client: httpx.AsyncClient, build: Callable[[str], None]
) -> None:
    build("<!doctype html><title>a</title>")
    answer = await client.get(f"http://localhost/{name}")
    assert (answer.status_code, answer.text) == (200, "<!doctype html><title>a</title>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self';" in policy
    assert "script-src" not in policy  # as the default: no inline ones
    assert "frame-ancestors 'none'" in policy
    known = {"If-None-Match": answer.headers["etag"]}
    again = await client.get(f"http://localhost/{name}", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    build("<!doctype html><title>b, built again</title>")
    assert "built again" in (await client.get(f"http://localhost/{name}", headers=known)).text


async def test_below_a_page_is_the_page(
    client: httpx.AsyncClient, build: Callable[[str], None]
) -> None:
    build("<!doctype html>")
    answer = await client.get("http://localhost/dashboard/users/ada@example.com?days=7")
    assert (answer.status_code, answer.text) == (200, "<!doctype html>")


async def test_what_pages_load_is_kept_for_good(
    client: httpx.AsyncClient, build: Callable[[str], None]
) -> None:
    build("<!doctype html>")
    answer = await client.get("http://localhost/assets/app-3f2a.js")
    assert (answer.status_code, answer.text) == (200, "let a = 1")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await client.get("http://localhost/assets/app-other.js")).status_code == 404
    assert (await client.get("http://localhost/assets/..%2fdashboard.html")).status_code == 404


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("path", ["/dashboard", "/demo", "/assets/app-3f2a.js"])
async def test_what_is_not_built_says_how(path: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"http://localhost{path}")
    assert answer.status_code == 404
    assert "make frontend" in answer.json()["error"]["message"]


async def test_the_root_leads_to_the_dashboard_or_the_documentation(
    client: httpx.AsyncClient, web: Path, build: Callable[[str], None]
) -> None:
    root = "http://localhost/"
    assert (await client.get(root)).headers["location"] == "/docs"
    build("<!doctype html>")
    assert (web / "dashboard.html").is_file()
    assert (await client.get(root)).headers["location"] == "/dashboard"
