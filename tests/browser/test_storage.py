"""What the tracker leaves in the browser's storage: its share, opt-outs, earlier pages."""

import json

import pytest

from benchmarks.tracker_faults import SENT, UNAVAILABLE
from benchmarks.tracker_lab import Lab, Trial

STATUS = "tracker.status()"
LOCAL_CHARS = "Object.entries(localStorage).reduce((sum, [k, v]) => sum + k.length + v.length, 0)"


async def make_page_blank(trial: Trial) -> None:
    trial.gateway.files["/blank"] = ("text/html; charset=utf-8", b"<title>blank</title>")


@pytest.mark.fault("T10")
async def test_ten_thousand_events_wait_and_leave_room_for_the_application(lab: Lab) -> None:
    async with lab.trial("offline") as trial:
        trial.gateway.fault = UNAVAILABLE
        page = await trial.open()
        for start in range(0, 10_000, 1000):
            await page.evaluate(f"record({start}, 1000, pad(200))")
        await trial.until(page, "s.queueSize === 10000")
        status = await page.evaluate(STATUS)
        assert (status["dropped"], status["storage"]) == (0, "indexeddb")
        assert await page.evaluate(LOCAL_CHARS) < 2_000_000
        await page.evaluate("localStorage.setItem('own', 'x'.repeat(2_000_000))")
        await page.wait_for_timeout(500)
        await page.close()
        trial.gateway.fault = None
        page = await trial.open()
        await trial.until(page, f"s.lastAckAt && {SENT}")
        numbers = await trial.numbers()
        assert (len(numbers), len(set(numbers))) == (10_000, 10_000)


@pytest.mark.fault("T25")
@pytest.mark.parametrize("key", [None, "k" * 40])
async def test_an_opt_out_survives_what_clears_local_storage(lab: Lab, key: str | None) -> None:
    async with lab.trial("cleared-out") as trial:
        page = await trial.open(key=key)
        await page.evaluate("tracker.optOut()")
        other = await trial.open(key=key)
        await page.wait_for_timeout(200)
        await page.evaluate("localStorage.clear()")
        await other.close()
        trial.gateway.requests.clear()
        await page.bring_to_front()
        await page.reload()
        await page.evaluate("record(0, 20)")
        await trial.until(page, "!s.enabled && s.queueSize === 0", 10)
        assert trial.gateway.ingests == []
        assert await page.evaluate("Object.keys(localStorage)") == [
            f"activity<{trial.gateway.origin}>.o"
        ]
        # Neither do workers send.
        trial.gateway.files["/worker.js"] = (
            "text/javascript",
            f"importScripts('/tracker.js'); const tracker = activityEvents.createTracker("
            f"{json.dumps({'userEmail': trial.email, 'key': key})});"
            f"for (let n = 0; n < 20; n++) tracker.track('trial_event', {{ immediate: true }});"
            f"setTimeout(() => postMessage(tracker.status().enabled), 1000)".encode(),
        )
        enabled = await page.evaluate(
            "new Promise((done) => { new Worker('/worker.js').onmessage = (e) => done(e.data) })"
        )
        assert enabled is False
        assert trial.gateway.ingests == []
        # Until the user opts in again.
        await page.evaluate("tracker.optIn()")
        await page.evaluate("localStorage.clear()")
        await page.reload()
        await page.evaluate("record(0, 1)")
        await page.wait_for_timeout(500)
        assert (await page.evaluate(STATUS))["enabled"] is True


@pytest.mark.fault("T28")
async def test_each_page_sends_its_own_events_when_it_is_left(lab: Lab) -> None:
    async with lab.trial("many-pages") as trial:
        page = await trial.open()
        for number in range(0, 24, 2):
            await trial.until(page, "s.isSender")
            await page.evaluate(f"record({number}, 2)")
            await page.wait_for_timeout(300)
            await page.reload()
        await trial.until(page, f"s.lastAckAt && {SENT}")
        numbers = await trial.numbers()
        assert sorted(numbers) == list(range(24))
        sent = [number for request in trial.gateway.ingests for number in request.numbers]
        # Once when the page is left, and once for the response, which that page never got.
        assert len(sent) <= 2 * 24
        assert len(trial.gateway.ingests) <= 12 + 2 + 12


async def test_events_of_version_0_2_0_are_sent_to_the_service_of_their_user(lab: Lab) -> None:
    """It had one storage for all services."""
    async with lab.trial("upgrade") as trial:
        await make_page_blank(trial)
        page = await (await trial.window.context()).new_page()
        await page.goto(f"{trial.gateway.origin}/blank")
        await page.evaluate(
            """async ([email, other]) => {
              const at = Date.now()
              const hex = at.toString(16).padStart(12, '0')
              const text = (n, user) => {
                const id = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-00000000000${n}`
                const time = new Date(at).toISOString()
                return [id, '', `"user_email":"${user}","session_id":"old","device_type":"desktop"`,
                  `{"session_seq":${n + 1},"event_id":"${id}","event_type":"trial_event",` +
                  `"event_timestamp":"${time}","metadata":{"n":${n}}}`].join('\\n')
              }
              localStorage['activity.s'] = `old 3 ${at} ${email}`
              for (const [n, user] of [[0, email], [1, other]]) {
                localStorage[`activity.e.${text(n, user).slice(0, 36)}`] = text(n, user)
              }
              const request = indexedDB.open('activity.journal', 1)
              request.onupgradeneeded = () => request.result.createObjectStore('e')
              await new Promise((done) => { request.onsuccess = done })
              const written = request.result.transaction('e', 'readwrite')
              written.objectStore('e').put(text(2, email), text(2, email).slice(0, 36))
              await new Promise((done) => { written.oncomplete = done })
              request.result.close()
            }""",
            [trial.email, f"other-{trial.email}"],
        )
        page = await trial.open()
        await trial.until_stored(2, 15)
        assert await trial.numbers() == [0, 2]
        left = "Object.keys(localStorage).filter((key) => key.startsWith('activity.e.')).length"
        await page.wait_for_function(f"{left} === 1")
        # The other user's are sent when they are signed in.
        page = await trial.open(userEmail=f"other-{trial.email}")
        await page.wait_for_function(
            "Object.keys(localStorage).every((key) => !key.startsWith('activity.'))", timeout=10_000
        )
        await page.evaluate("tracker.flush()")
        numbers = [number for request in trial.gateway.ingests for number in request.numbers]
        assert sorted(numbers) == [0, 1, 2]


async def test_an_opt_out_of_version_0_2_0_holds(lab: Lab) -> None:
    async with lab.trial("upgrade-out") as trial:
        await make_page_blank(trial)
        page = await (await trial.window.context()).new_page()
        await page.goto(f"{trial.gateway.origin}/blank")
        await page.evaluate("localStorage['activity.o'] = 'out'")
        page = await trial.open()
        await page.evaluate("record(0, 10); tracker.flush()")
        assert (await page.evaluate(STATUS))["enabled"] is False
        assert await page.evaluate("tracker.optIn()") is True
        await page.reload()
        assert (await page.evaluate(STATUS))["enabled"] is True
