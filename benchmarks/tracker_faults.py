"""The fault matrix: what a tracker must survive, each fault a trial of its own in a real browser.

A trial returns how many events the page tracked; it asserts what else must hold. That all of them
are stored, and none twice, is read from the database by the caller.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from benchmarks.tracker_lab import (
    FRONTEND,
    REACT_PAGE,
    Fault,
    Lab,
    Reply,
    Request,
    Trial,
    bundle,
    crash,
    hang,
    status,
)

OUTAGE_SECONDS = 45
OFFLINE_SECONDS = 8
RETRY_AFTER_SECONDS = 8
RECOVERY_MAX_SECONDS = 15
ATTEMPTS_MAX = 12
ROW_MAX_SECONDS = 150
ROWS_AT_ONCE = 4
SENT = "s.queueSize === 0"
UNAVAILABLE = status(503)

Run = Callable[[Trial], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. Some events must not be stored: `stored` says how many of the tracked are."""

    name: str
    run: Run
    missing: int = 0
    preferences: dict[str, Any] | None = None


async def crash_while_the_server_hangs(trial: Trial) -> int:
    trial.gateway.fault = hang
    page = await trial.open()
    await page.evaluate("record(0, 25)")
    await asyncio.sleep(0.15)
    await crash(page)
    trial.gateway.fault = None
    await trial.open()
    return 25


async def crash_in_the_task_of_track(trial: Trial) -> int:
    """The page never gets out of the task: its process is killed while a request blocks it."""

    def kill(_: Request) -> Reply | None:
        for process in trial.window.renderers():
            process.kill()
        return None

    page = await trial.open()
    trial.gateway.on_page = kill
    dying = asyncio.ensure_future(
        page.evaluate(
            "record(0, 25); const x = new XMLHttpRequest();"
            "x.open('GET', '/page?die', false); x.send()"
        )
    )
    await asyncio.wait([dying], timeout=10)
    dying.cancel()
    trial.gateway.on_page = None
    assert trial.gateway.ingests == []
    await page.close()
    try:
        await trial.open()
    except PlaywrightError:  # in a spare process, which was killed with the others
        await trial.open()
    return 25


async def kill_the_browser(trial: Trial) -> int:
    """All processes at once, 50 ms after: what localStorage has was not yet written to its file."""
    trial.gateway.fault = hang
    page = await trial.open()
    await trial.until(page, "s.isSender")
    await page.wait_for_function("indexedDB.databases().then((all) => all.length)")
    await page.evaluate("record(0, 25)")
    await asyncio.sleep(0.05)
    await trial.window.kill()
    trial.gateway.fault = None
    await trial.open()
    return 25


async def offline_then_crash(trial: Trial) -> int:
    page = await trial.open()
    await page.context.set_offline(True)
    await page.evaluate("record(0, 20)")
    await asyncio.sleep(OFFLINE_SECONDS)
    assert trial.gateway.ingests == []
    await crash(page)
    await trial.window.kill()
    await trial.open()
    return 20


async def refused_then_up(trial: Trial) -> int:
    page = await trial.open()
    await trial.gateway.stop()
    await page.evaluate("record(0, 20)")
    await asyncio.sleep(OUTAGE_SECONDS)
    await trial.gateway.start()
    assert await trial.until_stored(20) <= RECOVERY_MAX_SECONDS
    return 20


async def unavailable_then_up(trial: Trial) -> int:
    trial.gateway.fault = UNAVAILABLE
    page = await trial.open()
    for number in range(20):
        await page.evaluate(f"record({number}, 1)")
        await asyncio.sleep(OUTAGE_SECONDS / 20)
    trial.gateway.fault = None
    attempts = len(trial.gateway.ingests)
    assert 1 < attempts <= ATTEMPTS_MAX, attempts
    assert await trial.until_stored(20) <= RECOVERY_MAX_SECONDS
    return 20


async def told_to_wait(trial: Trial) -> int:
    trial.gateway.fault = status(429, Retry_After=str(RETRY_AFTER_SECONDS))
    page = await trial.open()
    await page.evaluate("record(0, 10)")
    await trial.until(page, "s.lastError?.status === 429")
    first = trial.gateway.ingests[0].at
    trial.gateway.fault = None
    # Nothing makes it impatient: more events, an urgent one, flush, another page, going offline.
    await page.evaluate("record(10, 20); record(30, 1, {}, { immediate: true }); tracker.flush()")
    await page.context.set_offline(True)
    await page.context.set_offline(False)
    await page.reload()
    await page.evaluate("record(31, 9)")
    await trial.until_stored(40)
    second = trial.gateway.ingests[1].at
    assert second - first >= RETRY_AFTER_SECONDS, second - first
    return 40


async def offline_then_unavailable(trial: Trial) -> int:
    page = await trial.open()
    await page.context.set_offline(True)
    await page.evaluate("record(0, 20)")
    await trial.until(page, "s.lastError !== null && !s.online")
    trial.gateway.fault = UNAVAILABLE
    await page.context.set_offline(False)
    await trial.until(page, "s.lastError.status === 503 && s.online")
    trial.gateway.fault = None
    return 20


async def two_tabs_crash(trial: Trial) -> int:
    trial.gateway.fault = UNAVAILABLE
    first, second = await trial.open(), await trial.open()
    await asyncio.gather(first.evaluate("record(0, 10)"), second.evaluate("record(10, 10)"))
    await trial.until(first, "s.queueSize === 20")
    status = "tracker.status()"
    senders = [(await page.evaluate(status))["isSender"] for page in (first, second)]
    assert sorted(senders) == [False, True]
    await crash(first)
    await crash(second)
    trial.gateway.fault = None
    await trial.open()
    return 20


async def navigate_at_once(trial: Trial) -> int:
    page = await trial.open()
    await page.evaluate(
        "record(0, 20, pad(300)); record(20, 60, pad(2000)); location.href = '/page?elsewhere'"
    )
    await page.wait_for_url("**/page?elsewhere")
    await trial.until_stored(20)
    await trial.open()
    return 80


def too_large(limit: int) -> Fault:
    return lambda request: Reply(413) if len(request.body) > limit else None


async def small_requests_only(trial: Trial) -> int:
    trial.gateway.fault = too_large(20_000)
    page = await trial.open()
    await page.evaluate("record(0, 40, pad(1000))")
    await trial.until_stored(40)
    trial.gateway.fault = None
    # Small batches, one after the other; then a large one goes out as one again.
    for start in range(40, 140, 10):
        await page.evaluate(f"record({start}, 10)")
        await trial.until(page, SENT)
    await page.evaluate("record(140, 60)")
    await trial.until_stored(200)
    assert max(len(request.numbers) for request in trial.gateway.ingests[-2:]) >= 40
    return 200


async def one_poison_event(trial: Trial) -> int:
    """The gateway refuses whatever holds it; the service would have told it apart itself."""
    trial.gateway.fault = lambda request: Reply(400) if 17 in request.numbers else None
    page = await trial.open()
    await page.evaluate("record(0, 40)")
    await trial.until_stored(39)
    await trial.until(page, SENT)
    (letter,) = await page.evaluate("tracker.status().deadLetters")
    assert letter["status"] == 400
    assert json.loads(letter["event"])["metadata"] == {"n": 17}
    return 40


async def one_invalid_event(trial: Trial) -> int:
    """The service says which, and why."""
    page = await trial.open()
    await page.evaluate("record(0, 39); tracker.track('a'.repeat(129), { metadata: { n: 39 } })")
    await trial.until(page, SENT)
    (letter,) = await page.evaluate("tracker.status().deadLetters")
    assert letter["code"] == "too_long"
    assert "at most 128 characters" in letter["message"]
    # The next request reports the loss.
    await trial.until_reported(1)
    assert len(trial.gateway.ingests) <= 2
    return 40


async def burst(trial: Trial) -> int:
    page = await trial.open()
    await page.evaluate("record(0, 1000)")
    await trial.until_stored(1000)
    return 1000


async def hidden_and_shown(trial: Trial) -> int:
    page = await trial.open()
    other = await page.context.new_page()
    for number in range(20):
        await page.bring_to_front()
        await page.wait_for_function("document.visibilityState === 'visible'")
        await page.evaluate(f"record({number}, 1)")
        await other.bring_to_front()
        await page.wait_for_function("document.visibilityState === 'hidden'", polling=50)
    await trial.until_stored(20)
    await trial.until(page, SENT)
    sent = [number for request in trial.gateway.ingests for number in request.numbers]
    assert sorted(sent) == list(range(20)), "each is sent once"
    return 20


async def storage_full(trial: Trial) -> int:
    page = await trial.open()
    await trial.until(page, "s.isSender")
    await page.evaluate(
        "for (let size = 1 << 22; size >= 1; size >>= 1) for (let n = 0; n < 3; n++)"
        "  try { localStorage.setItem(`x${size}${n}`, 'x'.repeat(size)) } catch {}"
    )
    trial.gateway.fault = UNAVAILABLE
    await page.evaluate("record(0, 20)")
    await trial.until(page, "s.storage === 'indexeddb' && s.lastError?.status === 503")
    trial.gateway.fault = None
    return 20


async def storage_forbidden(trial: Trial) -> int:
    page = await trial.open()
    trial.gateway.fault = UNAVAILABLE
    await page.evaluate("record(0, 20)")
    await trial.until(page, "s.storage === 'memory' && s.lastError?.status === 503")
    assert await page.evaluate("try { localStorage.length } catch (error) { error.name }") == (
        "SecurityError"
    )
    trial.gateway.fault = None
    return 20


async def clock_moved(trial: Trial) -> int:
    """Somebody sets the computer's clock an hour ahead, between events and between pages."""
    page = await trial.open()
    await page.evaluate("record(0, 5)")
    await trial.until(page, SENT)
    started_at = time.monotonic()
    await page.evaluate("record(5, 5)")
    await asyncio.sleep(1)
    forward = "{ const now = Date.now.bind(Date); Date.now = () => now() + 3600e3 }"
    await page.evaluate(forward)
    await page.evaluate("record(10, 5)")
    await asyncio.sleep(1)
    await page.evaluate("record(15, 5); tracker.flush()")
    await trial.until(page, SENT)
    await page.context.add_init_script(forward)
    await page.reload()
    await page.evaluate("record(20, 5)")
    await trial.until(page, SENT)
    took = time.monotonic() - started_at
    rows = await trial.rows()
    assert [row["n"] for row in rows] == list(range(25)), "in the order of their happening"
    at = {row["n"]: row["event_timestamp"] for row in rows}
    assert timedelta(seconds=0.9) < at[10] - at[9] < timedelta(seconds=2)
    assert timedelta(seconds=0.9) < at[15] - at[14] < timedelta(seconds=2)
    assert at[24] - at[5] < timedelta(seconds=took + 1)
    return 25


async def strict_mode(trial: Trial) -> int:
    """React mounts everything twice; what its effects record happened once, as did the click."""
    script = await bundle(FRONTEND / "tracker" / "test" / "strict.tsx")
    trial.gateway.files["/app.js"] = ("text/javascript", script)
    trial.gateway.files["/page"] = ("text/html; charset=utf-8", REACT_PAGE.encode())
    page = await trial.open()
    await page.get_by_role("button", name="Create 3").click()
    await page.get_by_role("button", name="Create 0").wait_for()
    rows = await trial.rows()
    assert [row["event_type"] for row in rows] == [
        "page_viewed",
        "trial_event",
        "trial_event",
        "trial_event",
        "project_created",
    ]
    assert [row["session_seq"] for row in rows] == [1, 2, 3, 4, 5]
    return 3


async def page_with_a_privacy_signal(trial: Trial) -> int:
    context = await trial.window.context()
    await context.add_init_script(
        "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })"
    )
    page = await trial.open()
    await page.evaluate("record(0, 20); tracker.flush()")
    await asyncio.sleep(1)
    assert not await page.evaluate("tracker.status().enabled")
    await nothing_left(page)
    assert trial.gateway.ingests == []
    return 20


async def opted_out_in_another_tab(trial: Trial) -> int:
    trial.gateway.fault = UNAVAILABLE
    first, second = await trial.open(), await trial.open()
    await first.evaluate("record(0, 10)")
    await second.evaluate("record(10, 10)")
    await trial.until(second, "s.queueSize === 20")
    assert await first.evaluate("tracker.optOut()") is True
    await trial.until(second, "!s.enabled && s.queueSize === 0")
    trial.gateway.fault = None
    sent = len(trial.gateway.ingests)
    await second.evaluate("record(20, 10); tracker.flush()")
    await second.reload()
    await second.evaluate("record(30, 10)")
    await asyncio.sleep(1)
    assert len(trial.gateway.ingests) == sent
    for page in (first, second):
        # What is left is the wish itself, in both storages.
        await nothing_left(page, f"activity<{trial.gateway.origin}>.o", databases=1)
    assert [request.method for request in trial.gateway.requests].count("PUT") == 1
    return 40


async def nothing_left(page: Page, *keys: str, databases: int = 0) -> None:
    assert await page.evaluate("Object.keys(localStorage)") == list(keys)
    left = "indexedDB.databases().then((all) => all.length)"
    assert await page.evaluate(left) == databases


NO_STORAGE = {"profile": {"default_content_setting_values": {"cookies": 2}}}

ROWS = [
    Row("crash 150 ms later while the server hangs", crash_while_the_server_hangs),
    Row("crash in the task of track", crash_in_the_task_of_track),
    Row("SIGKILL of the browser 50 ms later", kill_the_browser),
    Row("offline 8 s, then a crash", offline_then_crash),
    Row("connection refused 45 s, then up", refused_then_up),
    Row("503 for 45 s, then up", unavailable_then_up),
    Row("429 with Retry-After: 8", told_to_wait),
    Row("offline, then online into a 503", offline_then_unavailable),
    Row("two tabs during 503, both crash", two_tabs_crash),
    Row("navigate at once, and return", navigate_at_once),
    Row("413 above 20 kB", small_requests_only),
    Row("one poison event among 40", one_poison_event, missing=1),
    Row("one invalid event among 40", one_invalid_event, missing=1),
    Row("burst of 1,000 in one task", burst),
    Row("hidden and shown 20 times", hidden_and_shown),
    Row("storage full", storage_full),
    Row("storage forbidden", storage_forbidden, preferences=NO_STORAGE),
    Row("clock moved an hour", clock_moved),
    Row("StrictMode double mount", strict_mode),
    Row("Global Privacy Control", page_with_a_privacy_signal, missing=20),
    Row("opted out in another tab", opted_out_in_another_tab, missing=40),
]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one row; `failure` says what did not hold."""

    name: str
    tracked: int
    expected: int
    stored: int
    stored_twice: int
    seconds: float
    page_errors: int
    failure: str | None

    @property
    def is_good(self) -> bool:
        return self.failure is None and self.stored == self.expected and self.stored_twice == 0


async def try_row(lab: Lab, row: Row) -> Result:
    """Runs one row, waits until all it expects is stored, and counts."""
    started_at = time.monotonic()
    failure = None
    tracked = 0
    async with lab.trial(row.run.__name__, preferences=row.preferences) as trial:
        try:
            tracked = await asyncio.wait_for(row.run(trial), ROW_MAX_SECONDS)
            await trial.until_stored(tracked - row.missing)
            # What would be stored twice, or against the user's wish, has its chance.
            await asyncio.sleep(1)
        except (AssertionError, TimeoutError, PlaywrightError) as error:
            failure = f"{type(error).__name__}: {error}"
        numbers = await trial.numbers()
        errors = trial.errors
    return Result(
        name=row.name,
        tracked=tracked,
        expected=tracked - row.missing,
        stored=len(set(numbers)),
        stored_twice=len(numbers) - len(set(numbers)),
        seconds=time.monotonic() - started_at,
        page_errors=len(errors),
        failure=failure,
    )


async def try_all(
    lab: Lab, rows: list[Row], done: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """All rows, a few at a time: most of them wait most of their time."""
    room = asyncio.Semaphore(ROWS_AT_ONCE)

    async def one(row: Row) -> Result:
        async with room:
            result = await try_row(lab, row)
        done(result)
        return result

    return await asyncio.gather(*(one(row) for row in rows))
