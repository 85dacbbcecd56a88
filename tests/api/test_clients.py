"""`GET /clients/`: the packages that were built with the service."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.routers import clients, static_files
from app.settings import Settings
from tests.api.conftest import error_of
from tests.api.test_middleware import service

WHEEL = "activity_events-1.2.3-py3-none-any.whl"
TARBALL = "activity-events-tracker-1.2.3.tgz"
CONTENT = b"\x1f\x8b a package" * 1000  # long enough to be compressed, if it were text

Build = Callable[..., None]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Put packages where the build would."""
    folder = tmp_path / "clients"
    monkeypatch.setattr(clients, "PACKAGES", folder)
    static_files._content.cache_clear()

    def put(*names: str, content: bytes = CONTENT) -> None:
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_bytes(content)

    return put


@pytest.mark.parametrize(
    ("name", "media_type"), [(WHEEL, "application/zip"), (TARBALL, "application/gzip")]
)
async def test_a_package_arrives_as_it_was_built(
    name: str, media_type: str, client: httpx.AsyncClient, build: Build
) -> None:
    build(name)
    url = f"http://localhost/clients/{name}"
    compressing = {"Accept-Encoding": "gzip"}
    answer = await client.get(url, headers=compressing)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert "content-encoding" not in answer.headers
    assert answer.headers["etag"].strip('"') == hashlib.sha256(CONTENT).hexdigest()[:16]
    head = await client.head(url, headers=compressing)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(CONTENT))
    assert head.headers["etag"] == answer.headers["etag"]
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await client.get(url, headers=known)).status_code == 304
    build(name, content=b"built again")
    assert (await client.get(url, headers=known)).content == b"built again"


async def test_the_page_has_the_commands(client: httpx.AsyncClient, build: Build) -> None:
    build(WHEEL, TARBALL)
    for path in ("/clients/", "/clients"):
        page = await client.get(f"http://localhost:8123{path}")
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert f"pip install http://localhost:8123/clients/{WHEEL}" in page.text
        assert f"npm install http://localhost:8123/clients/{TARBALL}" in page.text
        assert "Not every package" not in page.text


async def test_the_page_knows_the_base_path(settings: Settings, build: Build) -> None:
    build(WHEEL)
    async with service(settings, "http://localhost", base_path="/events") as client:
        page = await client.get("/events/clients/")
    assert f"pip install http://localhost/events/clients/{WHEEL}" in page.text


async def test_only_packages_are_served(client: httpx.AsyncClient, build: Build) -> None:
    build(WHEEL, "notes.txt", "activity_events-1.2.3.tar.gz")
    page = (await client.get("http://localhost/clients/")).text
    assert "notes.txt" not in page
    assert "Not every package is built." in page
    for name in ("..%2fclients.py", "%2e%2e%2ftracker.js", "%2e%2e/tracker.js"):
        error_of(await client.get(f"http://localhost/clients/{name}"), 404)
    for name in ("notes.txt", TARBALL, f"{WHEEL}.sig", "%2e%2e%5ctracker.js"):
        error = error_of(await client.get(f"http://localhost/clients/{name}"), 404)
        assert WHEEL in error["message"]


@pytest.mark.usefixtures("build")
async def test_what_is_not_built_says_how(client: httpx.AsyncClient) -> None:
    page = await client.get("http://localhost/clients/")
    assert page.status_code == 200
    assert "make install" in page.text
    error = error_of(await client.get(f"http://localhost/clients/{WHEEL}"), 404)
    assert "make install" in error["message"]


async def test_the_page_quotes_the_host(client: httpx.AsyncClient, build: Build) -> None:
    """The host is the caller's word."""
    build(WHEEL)
    page = clients.page('http://<script>alert(1)</script>"/', [WHEEL])
    assert "<script>" not in page
    assert '"/clients' not in page
