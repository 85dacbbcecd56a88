"""The documentation's site: built from docs/, and served without any other host."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.routers import docs
from app.settings import Settings
from tests.conftest import ROOT

BIN = Path(sys.executable).parent
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
LINK_KINDS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch"}


class Page(HTMLParser):
    """What a page loads, and what it has inline."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(LOADED.get(tag, ""))
        if address and (tag != "link" or given.get("rel") in LINK_KINDS):
            self.loaded.append(address)
        self.handlers += [name for name in given if name.startswith("on")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, elsewhere."""
    folder = tmp_path_factory.mktemp("documentation")
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    command = [str(BIN / "zensical"), "build", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "app" / "static" / "docs"


@pytest.fixture
def client(site: Path, monkeypatch: pytest.MonkeyPatch) -> httpx.AsyncClient:
    monkeypatch.setattr(docs, "SITE", site)
    return client_with("dashboard,docs,demo")


def client_with(pages: str) -> httpx.AsyncClient:
    app = create_app(Settings.model_validate({"pages": pages}), "postgresql://unused")
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def test_every_page_is_in_the_navigation() -> None:
    configuration = (ROOT / "zensical.toml").read_text()
    for path in (ROOT / "docs").glob("*.md"):
        assert f'"{path.name}"' in configuration


def test_pages_load_nothing_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for path in pages:
        page = Page()
        page.feed(path.read_text())
        assert page.loaded
        assert [each for each in page.loaded if "//" in each] == [], path
        assert page.handlers == [], path  # the policy would stop them
    for path in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", path.read_text()), path


def test_the_search_index_holds_every_page(site: Path) -> None:
    index = json.loads((site / "search.json").read_text())
    places = {item["location"].partition("#")[0] for item in index["items"]}
    for path in (ROOT / "docs").glob("*.md"):
        assert f"{path.stem}.html" in places or path.stem == "index"


async def test_it_is_served_with_a_policy_that_its_scripts_pass(
    client: httpx.AsyncClient, site: Path
) -> None:
    answer = await client.get("/docs/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, docs.HTML)
    assert answer.text == (site / "index.html").read_text()
    assert answer.headers["cache-control"] == "no-cache"
    for name in ("quickstart.html", "decisions/0012-stream.html"):
        answer = await client.get(f"/docs/{name}")
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; script-src 'self' 'sha256-")
        assert "'unsafe-inline'" not in policy.partition("style-src")[0]
        assert policy.count("'sha256-") == len(
            set(re.findall(r"<script>(.*?)</script>", answer.text))
        )
    again = await client.get(
        "/docs/", headers={"If-None-Match": (await client.get("/docs/")).headers["etag"]}
    )
    assert again.status_code == 304


async def test_files_are_what_they_are_and_nothing_else_is_there(client: httpx.AsyncClient) -> None:
    index = await client.get("/docs/search.json")
    assert (index.status_code, index.headers["content-type"]) == (200, "application/json")
    image = await client.get("/docs/images/overview.jpg")
    assert (image.status_code, image.headers["content-type"]) == (200, "image/jpeg")
    nothing = ("none.html", "images", "..%2f..%2fmain.py", "%2e%2e/x", "%00", "%ff", "a" * 5000)
    for path in (f"/docs/{name}" for name in (*nothing, "a/" * 3000)):
        answer = await client.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]["code"] == "not_found"


async def test_the_api_reference_is_beside_it(client: httpx.AsyncClient) -> None:
    assert "url=/docs/" in (await client.get("/docs")).text
    for path in ("/docs/api", "/docs/api/"):
        assert "swagger" in (await client.get(path)).text
    page = await client.get("/docs/")
    assert 'href="/docs/api"' in page.text


async def test_without_the_site_the_api_reference_is_the_documentation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "SITE", tmp_path)
    client = client_with("docs")
    for path in ("/docs", "/docs/", "/docs/api"):
        assert "swagger" in (await client.get(path)).text
    answer = await client.get("/docs/quickstart.html")
    assert answer.status_code == 404
    assert "make docs" in answer.json()["error"]["message"]


async def test_it_can_be_left_out(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "SITE", site)
    client = client_with("dashboard")
    for path in ("/docs", "/docs/", "/docs/api", "/docs/quickstart.html", "/docs/search.json"):
        assert (await client.get(path)).status_code == 404
