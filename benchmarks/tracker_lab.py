"""What the tracker is put through: a real Chromium, and a gateway with faults before the service.

Each trial has a gateway of its own, which is an origin of its own with storage of its own, so that
trials run side by side on one service. What was stored is read from the database, by SQL.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import asyncpg
import httpx
import psutil
from playwright.async_api import Browser, BrowserContext, Page, Playwright

INGEST_PATHS = ("/api/events/log/batch", "/api/events/log")
SETTLE_SECONDS = 60
START_SECONDS = 30
POLL_SECONDS = 0.1
HEAD_MAX_BYTES = 64 * 1024
PORT_FILE = "DevToolsActivePort"
FLAGS = [
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# With these a page's clock ticks every 5 microseconds; without, every 100.
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-store",
}
FRONTEND = Path(__file__).parent.parent / "frontend"
REACT_PAGE = """<!doctype html><meta charset="utf-8"><title>trial</title>
<link rel="icon" href="data:,"><div id="root"></div><script src="/app.js"></script>"""
PAGE = """<!doctype html><meta charset="utf-8"><title>trial</title><link rel="icon" href="data:,">
<script src="/tracker.js"></script>
<script>
  const given = JSON.parse(decodeURIComponent(location.hash.slice(1)) || '{}')
  if (given.userEmail) window.tracker = activityEvents.createTracker({ endpoint: '', ...given })
  function record(from, count, extra, options) {
    for (let n = from; n < from + count; n++)
      tracker.track('trial_event', { metadata: { n, ...extra }, ...options })
  }
  function pad(bytes) { return { pad: 'x'.repeat(bytes) } }
</script>"""


def find_chromium() -> str | None:
    """Debian's Chromium, or what stands in for it."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    return None


@dataclass(frozen=True, slots=True)
class Request:
    """What came to the gateway."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_ingest(self) -> bool:
        return self.path.partition("?")[0] in INGEST_PATHS

    @property
    def envelope(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.body)
        return body

    @property
    def numbers(self) -> list[int]:
        """The events in it, by the number that the page gave them."""
        given = (event.get("metadata", {}).get("n") for event in self.envelope["events"])
        return [number for number in given if number is not None]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Hang(Exception):
    """A fault: nothing is answered, and the connection stays open."""


# Looks at a request for ingest; a reply of its own instead of the service's, or none.
Fault = Callable[[Request], Reply | None]


def status(code: int, **headers: str) -> Fault:
    """Answers everything with this."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(code, named, b'{"error":{"code":"fault","message":"a fault"}}')


def hang(_: Request) -> Reply | None:
    raise Hang


@dataclass
class Gateway:
    """Serves the page, and passes on to the service what no fault takes."""

    api_url: str
    client: httpx.AsyncClient
    fault: Fault | None = None
    on_page: Fault | None = None
    on_answer: Fault | None = None
    refuse_all: bool = False
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    # By its path, with its media type; /page has what a test page needs.
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ingests(self) -> list[Request]:
        return [request for request in self.requests if request.is_ingest]

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, limit=HEAD_MAX_BYTES
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Connections are refused from now on."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            request = await _read_request(reader)
            self.requests.append(request)
            reply = await self._answer(request)
            headers = {**reply.headers, "Content-Length": str(len(reply.body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            status_line = f"HTTP/1.1 {reply.status} -\r\nConnection: close\r\n{head}\r\n"
            writer.write(status_line.encode() + reply.body)
            await writer.drain()
        except Hang:
            with suppress(ConnectionError):
                await reader.read()  # until the client goes
        except (ConnectionError, asyncio.IncompleteReadError, httpx.HTTPError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        if path in self.files:
            if self.on_page is not None:
                self.on_page(request)
            media_type, file = self.files[path]
            return Reply(200, {**ISOLATED, "Content-Type": media_type}, file)
        if request.is_ingest and self.fault is not None:
            reply = self.fault(request)
            if reply is not None:
                return reply
        if self.refuse_all:
            raise ConnectionError
        answer = await self.client.request(
            request.method,
            self.api_url + request.path,
            content=request.body,
            headers={k: v for k, v in request.headers.items() if k != "connection"},
        )
        if self.on_answer is not None:
            self.on_answer(request)
        skipped = {"content-length", "connection", "transfer-encoding", "content-encoding"}
        headers = {k: v for k, v in answer.headers.items() if k not in skipped}
        return Reply(answer.status_code, headers, answer.content)


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.split(": ", 1) for line in lines if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(time.monotonic(), method, path, headers, body)


@dataclass
class Trial:
    """One user, on an origin of their own, and what became of their events."""

    lab: "Lab"
    email: str
    gateway: Gateway
    window: "Window"
    # What the code of a page did not catch.
    errors: list[str] = field(default_factory=list)

    def url(self, **options: Any) -> str:
        given = json.dumps({"userEmail": self.email, **options})
        return f"{self.gateway.origin}/page#{given}"

    async def open(self, **options: Any) -> Page:
        """A new tab, with the tracker in it."""
        page = await (await self.window.context()).new_page()
        page.set_default_timeout(SETTLE_SECONDS * 1000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        await page.goto(self.url(**options))
        return page

    async def rows(self) -> list[asyncpg.Record]:
        """What is stored of the user, in the order of its times."""
        rows: list[asyncpg.Record] = await self.lab.database.fetch(
            "SELECT (event_metadata->>'n')::int AS n, event_timestamp, session_id, session_seq,"
            " event_type, device_type, event_metadata FROM activity_event"
            " WHERE user_id = (SELECT id FROM app_user WHERE email = $1)"
            " ORDER BY event_timestamp, session_seq",
            self.email,
        )
        return rows

    async def numbers(self) -> list[int]:
        return [row["n"] for row in await self.rows() if row["n"] is not None]

    async def until_stored(self, count: int, seconds: float = SETTLE_SECONDS) -> float:
        """Waits until so many different events are stored; how long that took."""
        started_at = time.monotonic()
        while time.monotonic() < started_at + seconds:
            if len(set(await self.numbers())) >= count:
                break
            await asyncio.sleep(POLL_SECONDS)
        return time.monotonic() - started_at

    async def until_reported(self, count: int, seconds: float = SETTLE_SECONDS) -> None:
        """Waits until the tracker has reported so many events as dropped."""
        reported = 0
        async with asyncio.timeout(seconds):
            while reported < count:
                await asyncio.sleep(POLL_SECONDS)
                rows = await self.rows()
                reports = [row for row in rows if row["event_type"] == "tracker_events_dropped"]
                reported = sum(json.loads(row["event_metadata"])["count"] for row in reports)
        assert reported == count

    async def until(self, page: Page, condition: str, seconds: float = SETTLE_SECONDS) -> None:
        """Waits until a condition on the tracker's status (`s`) holds in the page."""
        await page.wait_for_function(
            f"() => {{ const s = tracker.status(); return {condition} }}",
            timeout=seconds * 1000,
            polling=50,  # a hidden page draws no frames
        )


@dataclass
class Lab:
    """A running service and its database."""

    playwright: Playwright
    chromium: str
    api_url: str
    database: "asyncpg.Pool[asyncpg.Record]"
    client: httpx.AsyncClient

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, playwright: Playwright, api_url: str, database_url: str
    ) -> AsyncIterator[Self]:
        chromium = find_chromium()
        assert chromium is not None, "Chromium is not installed: apt-get install chromium"
        async with (
            httpx.AsyncClient(timeout=30) as client,
            asyncpg.create_pool(database_url, min_size=1, max_size=4) as database,
        ):
            yield cls(playwright, chromium, api_url, database, client)

    @asynccontextmanager
    async def trial(
        self, name: str, *, preferences: dict[str, Any] | None = None
    ) -> AsyncIterator[Trial]:
        """A gateway, a browser that was never used, and a user who never was, of this name."""
        files = {"/page": ("text/html; charset=utf-8", PAGE.encode())}
        gateway = Gateway(self.api_url, self.client, files=files)
        await gateway.start()
        with tempfile.TemporaryDirectory(
            prefix="activity-profile-", ignore_cleanup_errors=True
        ) as folder:
            window = Window(self, Path(folder))
            window.prefer(preferences or {})
            try:
                email = f"{name}-{secrets.token_hex(8)}@example.com"
                yield Trial(self, email, gateway, window)
            finally:
                await window.close()
                await gateway.stop()


@dataclass
class Window:
    """A browser as a person has it: on a folder that outlives it, hidden tabs really hidden."""

    lab: Lab
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    browser: Browser | None = None

    def prefer(self, preferences: dict[str, Any]) -> None:
        (self.folder / "Default").mkdir()
        (self.folder / "Default" / "Preferences").write_text(json.dumps(preferences))

    async def context(self) -> BrowserContext:
        """Starts the browser where it doesn't run."""
        if self.browser is None:
            self._start()
            port = await _debugging_port(self.folder)
            # Playwright's own settings keep hidden pages as awake as shown ones.
            self.browser = await self.lab.playwright.chromium.connect_over_cdp(
                f"http://127.0.0.1:{port}", no_defaults=True
            )
        return self.browser.contexts[0]

    def _start(self) -> None:
        (self.folder / PORT_FILE).unlink(missing_ok=True)
        folder = f"--user-data-dir={self.folder}"
        self.process = subprocess.Popen(
            [self.lab.chromium, *FLAGS, folder, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def renderers(self) -> list[psutil.Process]:
        assert self.process is not None
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if "--type=renderer" in process.cmdline():
                    found.append(process)
        return found

    async def kill(self) -> None:
        """SIGKILL of the whole browser, all its processes at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        await asyncio.to_thread(self.process.wait)
        self.process = self.browser = None
        (self.folder / "SingletonLock").unlink(missing_ok=True)

    async def close(self) -> None:
        if self.process is not None:
            await self.kill()


async def _debugging_port(folder: Path) -> str:
    """Chromium writes it into a file once it listens."""
    for _ in range(int(START_SECONDS / POLL_SECONDS)):
        with suppress(FileNotFoundError, IndexError):
            return (folder / PORT_FILE).read_text().split()[0]
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError("Chromium did not start")


async def bundle(source: Path) -> bytes:
    """A page's script with React in it, as a developer has it."""
    process = await asyncio.create_subprocess_exec(
        FRONTEND / "node_modules" / ".bin" / "esbuild",
        source,
        "--bundle",
        "--jsx=automatic",
        '--define:process.env.NODE_ENV="development"',
        cwd=FRONTEND / "tracker",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    script, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return script


async def crash(page: Page) -> None:
    """The renderer dies, as by a fault of the browser; the page with it."""
    session = await page.context.new_cdp_session(page)
    crashed = asyncio.get_running_loop().create_future()
    page.once("crash", lambda _: crashed.set_result(None))
    sent = asyncio.ensure_future(session.send("Page.crash"))
    await asyncio.wait_for(crashed, 10)
    sent.cancel()
    with suppress(Exception, asyncio.CancelledError):
        await sent
    await page.close()
