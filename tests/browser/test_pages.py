"""Pages and workers as applications have them: prerendered, without APIs, with inlined scripts."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page

from benchmarks.tracker_faults import SENT
from benchmarks.tracker_lab import FLAGS, Lab, Reply, Trial

STATUS = "tracker.status()"
HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript"


def serve(trial: Trial, path: str, text: str, media_type: str = HTML) -> None:
    trial.gateway.files[path] = (media_type, text.encode())


async def opened(trial: Trial, path: str) -> Page:
    page = await (await trial.window.context()).new_page()
    page.on("pageerror", lambda error: trial.errors.append(str(error)))
    await page.goto(f"{trial.gateway.origin}{path}")
    return page


async def script_of(trial: Trial) -> str:
    return (await trial.lab.client.get(f"{trial.lab.api_url}/tracker.js")).text


def started(trial: Trial, **options: Any) -> str:
    given = json.dumps({"userEmail": trial.email, **options})
    return f"self.tracker = activityEvents.createTracker({given});"


def tracked(number: int) -> str:
    return f"tracker.track('trial_event', {{ metadata: {{ n: {number} }}, immediate: true }});"


@pytest.mark.fault("newcomer-38")
async def test_urgency_survives_until_the_tab_may_send(lab: Lab) -> None:
    async with lab.trial("urgent-at-load") as trial:
        call = started(trial, flushIntervalMs=3_600_000)
        serve(
            trial, "/p", f"<script src='/tracker.js'></script><script>{call}{tracked(0)}</script>"
        )
        page = await opened(trial, "/p")
        assert await trial.until_stored(1, 10) < 3
        # Also one that is recorded while a request is in flight.
        answering = asyncio.Event()

        def slowly(_: object) -> None:
            trial.gateway.fault = None
            answering.set()

        trial.gateway.fault = slowly
        await page.evaluate(f"{tracked(1)} setTimeout(() => {{ {tracked(2)} }}, 1)")
        await trial.until_stored(3, 10)
        assert await trial.numbers() == [0, 1, 2]
        flushed = f"<script>{call} tracker.track('trial_event'); tracker.flush()</script>"
        serve(trial, "/q", f"<script src='/tracker.js'></script>{flushed}")
        page = await opened(trial, "/q")
        await trial.until(page, SENT, 5)


@asynccontextmanager
async def undriven_browser(lab: Lab, url: str) -> AsyncIterator[None]:
    """A browser that nobody drives: one that is driven uses no prerendered page."""
    flags = [flag for flag in FLAGS if not flag.startswith("--remote-debugging")]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            lab.chromium,
            *flags,
            f"--user-data-dir={folder}",
            url,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


@pytest.mark.fault("C6")
async def test_a_prerendered_page_counts_when_it_is_seen(lab: Lab) -> None:
    async with lab.trial("prerendered") as trial:
        tell = "fetch(`/told?${document.prerendering}&${Object.keys(localStorage)}`)"
        serve(trial, "/told", "")
        serve(
            trial,
            "/b",
            f"<script src='/tracker.js'></script><script>{started(trial)}{tracked(0)}"
            f"setTimeout(() => {tell}, 500)</script>",
        )
        rules = '{"prerender": [{"urls": ["/b"], "eagerness": "immediate"}]}'
        serve(
            trial,
            "/a",
            f"<script type='speculationrules'>{rules}</script>"
            "<script>setTimeout(() => { location.href = '/b' }, 5000)</script>",
        )

        async def told() -> str:
            while True:
                for request in trial.gateway.requests:
                    if request.path.startswith("/told"):
                        return request.path
                await asyncio.sleep(0.1)

        async with undriven_browser(lab, f"{trial.gateway.origin}/a"):
            assert await asyncio.wait_for(told(), 20) == "/told?true&"
            prerendered_at = datetime.now(UTC)
            assert trial.gateway.ingests == []
            await trial.until_stored(1, 20)
        (row,) = await trial.rows()
        assert row["event_timestamp"] > prerendered_at + timedelta(seconds=1)


@pytest.mark.fault("C6")
async def test_activation_is_the_time_of_what_a_prerendered_page_records(lab: Lab) -> None:
    """The same with a page that says of itself that it is prerendered."""
    async with lab.trial("activated") as trial:
        fake = (
            "Object.defineProperty(Document.prototype, 'prerendering',"
            " { get: () => window.hidden !== false })"
        )
        serve(
            trial,
            "/b",
            f"<script>{fake}</script><script src='/tracker.js'></script>"
            f"<script>{started(trial)}{tracked(0)}{tracked(1)}</script>",
        )
        page = await opened(trial, "/b")
        await page.evaluate("tracker.identify('other-' + tracker.x)")
        await page.evaluate(f"tracker.identify('{trial.email}')")
        await asyncio.sleep(1)
        assert await page.evaluate(
            "[Object.keys(localStorage).length, tracker.status().enabled]"
        ) == [
            0,
            False,
        ]
        assert trial.gateway.ingests == []
        at = await page.evaluate(
            "() => { window.hidden = false;"
            " document.dispatchEvent(new Event('prerenderingchange'));"
            " tracker.track('trial_event', { metadata: { n: 2 } }); return Date.now() }"
        )
        await trial.until(page, SENT)
        rows = await trial.rows()
        assert [row["n"] for row in rows] == [0, 1, 2]
        assert rows[0]["event_timestamp"].timestamp() * 1000 >= at - 100
        assert trial.errors == []


@pytest.mark.fault("C7")
@pytest.mark.parametrize("how", ["inlined", "appended", "data", "twice"])
async def test_the_script_works_however_it_is_loaded(lab: Lab, how: str) -> None:
    async with lab.trial(how) as trial:
        text = await script_of(trial)
        serve(trial, "/text", text, "text/plain")
        encoded = "".join(f"%{byte:02x}" for byte in text.encode())
        tags = {
            "inlined": f"<script>{text}</script>",
            "appended": "<script>const tag = document.createElement('script');"
            "const ask = new XMLHttpRequest(); ask.open('GET', '/text', false); ask.send();"
            "tag.text = ask.responseText; document.head.append(tag)</script>",
            "data": f"<script src='data:text/javascript,{encoded}'></script>",
            "twice": "<script src='/tracker.js'></script><script src='/tracker.js'></script>",
        }
        serve(trial, "/p", f"<meta charset='utf-8'>{tags[how]}<script>{started(trial)}</script>")
        page = await opened(trial, "/p")
        await page.evaluate(tracked(0))
        await trial.until_stored(1, 10)
        assert await trial.numbers() == [0]
        assert trial.errors == []


@pytest.mark.fault("C9")
@pytest.mark.parametrize(
    ("script", "path"),
    [
        ("/js/app.js", "/api/events/log/batch"),
        ("/events/tracker.js", "/events/api/events/log/batch"),
        ("/events/tracker.js?v=1", "/events/api/events/log/batch"),
    ],
)
async def test_the_script_may_have_another_path(lab: Lab, script: str, path: str) -> None:
    async with lab.trial("renamed") as trial:
        serve(trial, script.partition("?")[0], await script_of(trial), SCRIPT)
        serve(trial, "/p", f"<script src='{script}'></script><script>{started(trial)}</script>")
        page = await opened(trial, "/p")
        await page.evaluate(tracked(0))
        await trial.until(page, "s.lastAckAt || s.lastError")
        posted = {request.path for request in trial.gateway.requests if request.method == "POST"}
        assert posted == {path}


@pytest.mark.fault("C7")
async def test_a_page_without_an_origin_asks_for_the_endpoint(lab: Lab) -> None:
    async with lab.trial("no-origin") as trial:
        text = (await script_of(trial)).replace("</script", "<\\/script")
        call = f"{started(trial)} parent.postMessage([tracker.status(), tracker.track('x')], '*')"
        frame = json.dumps(f"<script>{text}</script><script>{call}</script>")
        frame = frame.replace("</", "<\\/")
        serve(
            trial,
            "/p",
            "<meta charset='utf-8'><script>onmessage = (event) => window.told = event.data;"
            "const frame = document.createElement('iframe'); frame.sandbox = 'allow-scripts';"
            f"frame.srcdoc = {frame}; document.documentElement.append(frame)</script>",
        )
        page = await opened(trial, "/p")
        await page.wait_for_function("window.told")
        status, event = await page.evaluate("told")
        assert (status["enabled"], status["lastError"]["code"]) == (False, "no_endpoint")
        assert "endpoint" in status["lastError"]["message"]
        assert event is None
        assert trial.errors == []


@pytest.mark.fault("newcomer-39")
async def test_a_queue_records_until_an_async_script_is_loaded(lab: Lab) -> None:
    async with lab.trial("async") as trial:
        serve(
            trial,
            "/p",
            "<script>activityEvents = { q: [] }; activityEvents.q.push(() => { throw Error('x') });"
            f"activityEvents.q.push(() => {{ {started(trial)}{tracked(0)} }})</script>"
            "<script async src='/tracker.js'></script>",
        )
        page = await opened(trial, "/p")
        await page.wait_for_function("window.tracker")
        await page.evaluate(f"activityEvents.q.push(() => {{ {tracked(1)} }})")
        await trial.until_stored(2, 10)
        assert await trial.numbers() == [0, 1]
        assert trial.errors == ["x"]


@pytest.mark.fault("C11")
@pytest.mark.parametrize("kind", ["classic", "module", "shared", "service"])
async def test_a_worker_sends(lab: Lab, kind: str) -> None:
    async with lab.trial(f"worker-{kind}") as trial:
        load = "import '/tracker.js';" if kind == "module" else "importScripts('/tracker.js');"
        serve(trial, "/worker.js", load + started(trial) + tracked(0), SCRIPT)
        serve(trial, "/page", "<title>x</title>")
        page = await opened(trial, "/page")
        start = {
            "classic": "window.worker = new Worker('/worker.js')",
            "module": "window.worker = new Worker('/worker.js', { type: 'module' })",
            "shared": "window.worker = new SharedWorker('/worker.js')",
            "service": "navigator.serviceWorker.register('/worker.js').then(() => 0)",
        }
        await page.evaluate(start[kind] + "; 0" if kind != "service" else start[kind])
        await trial.until_stored(1, 15)
        assert await trial.numbers() == [0]


@pytest.mark.fault("T29")
@pytest.mark.parametrize(
    "missing",
    [
        "delete globalThis.crypto; delete Window.prototype.crypto",
        "delete globalThis.TextEncoder",
        "Performance.prototype.now = undefined",
        "delete globalThis.Request",
        "delete globalThis.indexedDB; delete Window.prototype.indexedDB",
        "delete Navigator.prototype.locks",
    ],
)
async def test_it_works_without(lab: Lab, missing: str) -> None:
    async with lab.trial("without") as trial:
        serve(
            trial,
            "/p",
            f"<script>{missing}</script><script src='/tracker.js'></script>"
            f"<script>{started(trial)}{tracked(0)}</script>",
        )
        page = await opened(trial, "/p")
        await trial.until_stored(1, 10)
        await page.evaluate("tracker.track('trial_event', { metadata: { n: 1 } })")
        await page.goto(f"{trial.gateway.origin}/page?elsewhere")
        await trial.until_stored(2, 10)
        assert await trial.numbers() == [0, 1]
        assert trial.errors == []


@pytest.mark.fault("C9", "newcomer-32")
async def test_the_error_names_what_does_not_answer_as_the_service_does(lab: Lab) -> None:
    async with lab.trial("answers") as trial:
        trial.gateway.fault = lambda _: Reply(404, {"Content-Type": "text/html"}, b"<h1>Vite</h1>")
        page = await trial.open(path="/api/events/log")
        warnings: list[str] = []
        page.on("console", lambda message: warnings.append(message.text))
        await page.evaluate("record(0, 10)")
        await trial.until(page, "s.lastError !== null")
        error = (await page.evaluate(STATUS))["lastError"]
        url = f"{trial.gateway.origin}/api/events/log"
        assert error == {
            "status": 404,
            "code": "not_the_service",
            "message": f"What answers at {url} is not the service",
        }
        assert trial.gateway.ingests[0].path == "/api/events/log"
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        await session.send("Network.setBlockedURLs", {"urls": ["*api/events*"]})
        await page.evaluate("tracker.configure({ key: 'x' })")
        await trial.until(page, "s.lastError.code === 'no_response'")
        message = (await page.evaluate(STATUS))["lastError"]["message"]
        assert url in message
        assert "ad blocker" in message
        assert sum("[activity-events]" in text for text in warnings) == 2


@pytest.mark.fault("C10")
async def test_credentials_of_the_page_s_own_origin_are_sent(lab: Lab) -> None:
    """A proxy with Basic authentication before the page and the service."""
    async with lab.trial("basic") as trial:
        page = await trial.open()
        await page.evaluate("document.cookie = 'proxy=1'; record(0, 10)")
        await trial.until(page, SENT)
        assert trial.gateway.ingests[0].headers["cookie"] == "proxy=1"
