"""Applications that are set up by the guide alone (docs/tracker.md), in a real browser or runner.

The package is installed from the running service, and each example logs events that arrive there.
"""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import pytest
from playwright.async_api import Page

from tests.packages.conftest import Service, static_site
from tests.packages.projects import fresh_project, run, write_examples

START_SECONDS = 30


async def test_a_plain_page(service: Service, page: Page, tmp_path: Path) -> None:
    write_examples(tmp_path, service.as_user("plain@example.com"), "index.html")
    head = '<!doctype html><meta charset="utf-8"><title>Page</title><link rel="icon" href="data:,">'
    page_file = tmp_path / "index.html"
    page_file.write_text(head + page_file.read_text())
    with static_site(tmp_path, service.ports["plain"]) as url:
        await page.goto(url)
        assert await service.types_of("plain@example.com", 1) == ["project_opened"]


@pytest.fixture(scope="module")
def vite_site(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Vite and React application, type-checked and built."""
    project = fresh_project("vite", tmp_path_factory.mktemp("apps"), service.url)
    write_examples(project, service.as_user("vite@example.com"), "src/main.tsx", "src/app.tsx")
    write_examples(project, service.as_user("worker@example.com"), "src/worker.ts")
    rows = project / "src" / "rows.tsx"
    rows.write_text(service.as_user("rows@example.com")(rows.read_text()))
    run(project, "npm", "run", "build")
    with static_site(project / "dist", service.ports["vite"]) as url:
        yield url


@pytest.mark.fault("newcomer-28", "newcomer-32")
async def test_a_vite_application(service: Service, vite_site: str, page: Page) -> None:
    await click_and_leave(page, vite_site)
    types = await service.types_of("vite@example.com", 2)
    assert types == ["page_viewed", "project_created"]


@pytest.mark.fault("T32")
async def test_a_vite_development_server(service: Service, page: Page, tmp_path: Path) -> None:
    """StrictMode runs effects twice there, and their events count once."""
    project = fresh_project("vite", tmp_path, service.url)
    change = service.as_user("vite-dev@example.com")
    write_examples(project, change, "src/main.tsx", "src/app.tsx")
    port = service.ports["vite-dev"]
    with server(project, port, "vite", "--host", "127.0.0.1", "--port", str(port)) as url:
        await click_and_leave(page, url)
        types = await service.types_of("vite-dev@example.com", 2)
        assert types == ["page_viewed", "project_created"]


@pytest.mark.fault("C1")
async def test_events_render_nothing_in_a_production_build(
    vite_site: str, service: Service, page: Page
) -> None:
    """500 rows with the hook; effects with the hook's object, and without dependencies."""
    await page.goto(f"{vite_site}/rows.html")
    types = ["mounted", "rendered", "row_clicked"]
    await page.get_by_role("button", name="Row 499").click()
    await page.get_by_text("0 wait").wait_for()
    assert sorted(await service.types_of("rows@example.com", 3)) == types
    # A loop would go on from task to task.
    await page.wait_for_timeout(500)
    renders = await page.evaluate("({ ...window.renders })")
    assert renders == {"rows": 500, "pages": 1}
    assert sorted(await service.types_of("rows@example.com", 3)) == types


@pytest.mark.fault("C11")
async def test_a_web_worker(service: Service, vite_site: str, page: Page) -> None:
    await page.goto(f"{vite_site}/worker.html")
    assert await service.types_of("worker@example.com", 1) == ["report_rendered"]


@pytest.mark.fault("C2", "newcomer-33")
async def test_a_next_application(service: Service, page: Page, tmp_path: Path) -> None:
    """The layout renders the provider, as the guide shows."""
    project = fresh_project("next", tmp_path, service.url)
    write_examples(project, service.as_user("next@example.com"), "app/layout.tsx", "app/page.tsx")
    run(project, "npm", "run", "build")
    port = service.ports["next"]
    with server(project, port, "next", "start", "-H", "127.0.0.1", "-p", str(port)) as url:
        await click_and_leave(page, url)
        assert await service.types_of("next@example.com", 1) == ["project_created"]
        names = await (await page.request.get(f"{url}/types")).json()
        assert names["PAGE_VIEWED"] == "page_viewed"


async def test_a_react_router_application(service: Service, page: Page, tmp_path: Path) -> None:
    """Rendered on the server, and hydrated."""
    project = fresh_project("react-router", tmp_path, service.url)
    change = service.as_user("router@example.com")
    write_examples(project, change, "app/root.tsx", "app/routes/home.tsx")
    run(project, "npm", "run", "build")
    port = service.ports["react-router"]
    with server(project, port, "react-router-serve", "build/server/index.js") as url:
        await click_and_leave(page, url)
        assert await service.types_of("router@example.com", 1) == ["project_created"]


async def click_and_leave(page: Page, url: str) -> None:
    """Record an event and leave the page at once: the tracker sends it even so."""
    await page.goto(url)
    await page.wait_for_load_state("networkidle")
    await page.get_by_role("button", name="New project").click()
    await page.goto("about:blank")


@contextmanager
def server(project: Path, port: int, program: str, *arguments: str) -> Iterator[str]:
    """A project's own server on a port, stopped at the end."""
    url = f"http://127.0.0.1:{port}"
    log = (project / "server.log").open("w")
    process = subprocess.Popen(
        [project / "node_modules" / ".bin" / program, *arguments],
        cwd=project,
        env={**os.environ, "HOST": "127.0.0.1", "PORT": str(port)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(url):
            assert process.poll() is None, (project / "server.log").read_text()
            assert time.monotonic() < deadline, f"{program} does not answer"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=START_SECONDS):  # noqa: S310
            return True
    except URLError:
        return False


@pytest.mark.fault("C3", "C5", "newcomer-34")
async def test_jest(service: Service, tmp_path: Path) -> None:
    """Without any configuration, and with React 18."""
    project = fresh_project("jest", tmp_path, service.url)
    write_examples(project, service.as_user("jest@example.com"), "recorded.test.js", "sent.test.js")
    output = run(project, "npm", "test")
    assert "Tests:       6 passed, 6 total" in output
    assert await service.types_of("jest@example.com", 1) == ["project_created"]
