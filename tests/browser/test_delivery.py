"""What is sent, when, and what an answer changes."""

import asyncio
from datetime import datetime

from benchmarks.tracker_faults import SENT, UNAVAILABLE
from benchmarks.tracker_lab import Lab, Reply, Request, crash, hang

STATUS = "tracker.status()"
NO_TRACKING = {"enable_do_not_track": True}


async def test_everything_of_an_event_arrives(lab: Lab) -> None:
    async with lab.trial("whole") as trial:
        page = await trial.open()
        before = await page.evaluate("Date.now()")
        await page.evaluate(
            """async () => {
              tracker.track(activityEvents.EVENT_TYPES.PROJECT_CREATED, {
                entityType: 'project', entityId: 42, metadata: { title: 'Größe 中' },
                durationMs: 1200, contextSnapshot: { route: '/projects' } })
              tracker.trackPageView('/inbox', { from: 'menu' })
              const timed = tracker.trackTimed('ai_wizard_completed', { metadata: { steps: 3 } })
              const cancelled = tracker.trackTimed('never')
              await new Promise((done) => setTimeout(done, 50))
              timed.complete({ ok: true })
              timed.complete()
              cancelled.cancel()
              cancelled.complete()
              tracker.trackBatch([{ type: 'a' }, { type: 'b', options: { entityId: 'x' } }])
            }"""
        )
        assert await page.evaluate("tracker.flush()") is True
        rows = await lab.database.fetch(
            "SELECT event_type, event_category, event_action, entity_type, entity_id,"
            " event_metadata::text, duration_ms, context_snapshot::text, session_seq,"
            " event_timestamp, device_type FROM activity_event"
            " WHERE user_id = (SELECT id FROM app_user WHERE email = $1) ORDER BY session_seq",
            trial.email,
        )
        created, viewed, timed, a, b = (dict(row) for row in rows)
        at: datetime = created.pop("event_timestamp")
        assert -2 < at.timestamp() - before / 1000 < 2
        assert created == {
            "event_type": "project_created",
            "event_category": "project",
            "event_action": "created",
            "entity_type": "project",
            "entity_id": "42",
            "event_metadata": '{"title": "Größe 中"}',
            "duration_ms": 1200,
            "context_snapshot": '{"route": "/projects"}',
            "session_seq": 1,
            "device_type": "desktop",
        }
        assert (viewed["event_type"], viewed["event_category"]) == ("page_viewed", "navigation")
        assert viewed["event_metadata"] == '{"from": "menu", "page": "/inbox"}'
        assert timed["event_metadata"] == '{"ok": true, "steps": 3}'
        assert 50 <= timed["duration_ms"] < 5000
        assert (a["event_type"], b["event_type"], b["entity_id"]) == ("a", "b", "x")
        assert await page.evaluate("document.cookie") == ""


async def test_ten_events_or_five_seconds_or_at_once(lab: Lab) -> None:
    async with lab.trial("batches") as trial:
        page = await trial.open()
        await trial.until(page, "s.isSender")
        start = asyncio.get_running_loop().time()
        await page.evaluate("record(0, 9)")
        await trial.until_stored(9, 10)
        assert 4 < asyncio.get_running_loop().time() - start < 8
        await page.evaluate("record(9, 10)")
        await trial.until_stored(19, 3)
        await page.evaluate("record(19, 1, {}, { immediate: true })")
        await trial.until_stored(20, 3)
        assert [len(request.numbers) for request in trial.gateway.ingests] == [9, 10, 1]
        sent_at = [request.envelope["sent_at"] for request in trial.gateway.ingests]
        assert sent_at == sorted(set(sent_at))


async def test_an_answer_that_got_lost_doubles_nothing(lab: Lab) -> None:
    async with lab.trial("lost-answer") as trial:
        page = await trial.open()

        def cut(_: Request) -> Reply | None:
            trial.gateway.on_answer = None
            raise ConnectionError

        trial.gateway.on_answer = cut
        await page.evaluate("record(0, 10)")
        await trial.until(page, SENT)
        assert len(trial.gateway.ingests) == 2
        assert await trial.numbers() == list(range(10))


async def test_only_the_server_s_verdict_counts(lab: Lab) -> None:
    """A hotel's login page says 200 as well."""
    answers = [
        Reply(200, {"Content-Type": "text/html"}, b"<h1>Welcome to our Wi-Fi</h1>"),
        Reply(200, {"Content-Type": "application/json"}, b"{}"),
        Reply(200, {"Content-Type": "application/json"}, b'{"received": 3, "results": []}'),
    ]
    async with lab.trial("portal") as trial:
        trial.gateway.fault = lambda _: answers.pop(0) if answers else None
        page = await trial.open()
        await page.evaluate("record(0, 10)")
        await trial.until(page, SENT)
        assert await trial.numbers() == list(range(10))
        assert len(trial.gateway.ingests) == 4


async def test_a_refusal_keeps_the_events_and_is_shown(lab: Lab) -> None:
    refusal = Reply(401, {}, b'{"error":{"code":"invalid_key","message":"no such key"}}')
    async with lab.trial("refused") as trial:
        trial.gateway.fault = lambda _: refusal
        page = await trial.open()
        await page.evaluate("record(0, 10)")
        await trial.until(page, "s.lastError !== null")
        status = await page.evaluate(STATUS)
        assert status["lastError"] == {
            "status": 401,
            "code": "invalid_key",
            "message": "no such key",
        }
        assert (status["queueSize"], status["dropped"]) == (10, 0)


async def test_a_page_that_clears_the_storage_loses_nothing(lab: Lab) -> None:
    async with lab.trial("cleared") as trial:
        trial.gateway.fault = UNAVAILABLE
        page = await trial.open()
        await page.evaluate("record(0, 10)")
        await trial.until(page, "s.lastError !== null")
        await page.evaluate("localStorage.clear(); record(10, 10)")
        await page.wait_for_timeout(100)
        await page.evaluate("localStorage.clear()")
        await crash(page)
        trial.gateway.fault = None
        await trial.open()
        await trial.until_stored(20)
        assert sorted(await trial.numbers()) == list(range(20))


async def test_what_had_to_be_given_up_is_counted_and_told(lab: Lab) -> None:
    async with lab.trial("too-many") as trial:
        trial.gateway.fault = UNAVAILABLE
        page = await trial.open(maxQueueBytes=20_000)
        await page.evaluate("record(0, 10)")
        # What is under way is not given up.
        await trial.until(page, "s.lastError !== null && s.inFlight === 0")
        await page.evaluate("record(10, 90, pad(1000))")
        await trial.until(page, "s.dropped > 0")
        status = await page.evaluate(STATUS)
        trial.gateway.fault = None
        await trial.until(page, SENT)
        assert await page.evaluate("tracker.flush()") is True
        rows = await trial.rows()
        numbers = [row["n"] for row in rows if row["event_type"] == "trial_event"]
        assert numbers == list(range(status["dropped"], 100)), "the oldest went"
        (told,) = [row for row in rows if row["event_type"] == "tracker_events_dropped"]
        assert told["event_metadata"] == f'{{"count": {status["dropped"]}}}'
        # The numbers of the session prove it, too.
        assert rows[0]["session_seq"] == status["dropped"] + 1


async def test_a_page_that_is_left_takes_along_what_the_browser_allows(lab: Lab) -> None:
    async with lab.trial("left") as trial:
        trial.gateway.fault = hang
        page = await trial.open()
        await trial.until(page, "s.isSender")
        await page.evaluate("record(0, 100, pad(1000)); location.href = '/page?elsewhere'")
        await page.wait_for_url("**/page?elsewhere")
        await page.wait_for_timeout(500)
        # All of it was under way at the same time; more, and the browser would have sent none.
        taken = sum(len(request.body) for request in trial.gateway.ingests)
        assert 50_000 < taken <= 64 * 1024
        numbers = [number for request in trial.gateway.ingests for number in request.numbers]
        assert numbers == list(range(len(numbers))), "the oldest first"
        trial.gateway.fault = None
        page = await trial.open()
        await trial.until(page, SENT)
        assert sorted(await trial.numbers()) == list(range(100))


async def test_events_that_are_too_old_are_given_up(lab: Lab) -> None:
    async with lab.trial("too-old") as trial:
        trial.gateway.fault = UNAVAILABLE
        page = await trial.open()
        await page.evaluate("record(0, 5)")
        await page.close()
        trial.gateway.fault = None
        page = await trial.open(maxAgeDays=1e-9)
        await trial.until(page, "s.dropped === 6 && s.queueSize === 0")
        assert await trial.numbers() == []


async def test_the_browser_sends_for_a_page_that_crashed_for_good(lab: Lab) -> None:
    """fetchLater: nobody comes back to this page."""
    async with lab.trial("crash-net") as trial:
        page = await trial.open()
        await page.evaluate("record(0, 5)")
        await page.wait_for_timeout(2000)
        assert trial.gateway.ingests == []
        await crash(page)
        await trial.until_stored(5, 10)
        assert await trial.numbers() == list(range(5))
        await trial.open()
        await page.context.pages[-1].wait_for_timeout(1000)
        assert await trial.numbers() == list(range(5))


async def test_a_beacon_where_a_request_can_not_outlive_the_page(lab: Lab) -> None:
    async with lab.trial("beacon") as trial:
        context = await trial.window.context()
        await context.add_init_script("delete Request.prototype.keepalive")
        page = await trial.open(flushIntervalMs=3_600_000)
        await trial.until(page, "s.isSender")
        await page.evaluate("record(0, 5)")
        await page.close(run_before_unload=True)
        await trial.until_stored(5, 10)
        # Its `true` was no ack: the next page sends them again, and the service knows them.
        again = await trial.open()
        await trial.until(again, f"s.lastAckAt !== null && {SENT}")
        assert len(trial.gateway.ingests) == 2
        assert await trial.numbers() == list(range(5))


async def test_bad_input_throws_nothing_and_spoils_nothing(lab: Lab) -> None:
    async with lab.trial("bad-input") as trial:
        page = await trial.open()
        await page.evaluate(
            """() => {
              const circle = {}; circle.self = circle
              record(0, 1)
              tracker.track('circle', { metadata: circle })
              tracker.track('big', { metadata: { n: 10n } })
              tracker.track()
              tracker.track('', { metadata: { n: 99 } })
              tracker.track('lone', { metadata: { n: 98, text: '\\ud800' } })
              tracker.track('huge', { metadata: { n: 97, text: 'x'.repeat(100_000) } })
              record(1, 1)
            }"""
        )
        assert await page.evaluate("tracker.flush()") is True
        status = await page.evaluate(STATUS)
        assert status["dropped"] == 5
        codes = {letter["code"] for letter in status["deadLetters"]}
        assert "event_too_large" in codes
        # Half a character is kept as U+FFFD.
        assert await trial.numbers() == [0, 98, 1]
        assert trial.errors == []


async def test_do_not_track(lab: Lab) -> None:
    async with lab.trial("dnt", preferences=NO_TRACKING) as trial:
        page = await trial.open()
        assert await page.evaluate("navigator.doNotTrack") == "1"
        await page.evaluate("record(0, 10); tracker.flush()")
        assert (await page.evaluate(STATUS))["enabled"] is False
        unless = await trial.open(respectPrivacySignals=False)
        await unless.evaluate("record(10, 10)")
        await trial.until(unless, SENT)
        assert await trial.numbers() == list(range(10, 20))


async def test_opted_out_until_opted_in(lab: Lab) -> None:
    async with lab.trial("opt") as trial:
        page = await trial.open()
        await page.evaluate("record(0, 10)")
        await trial.until(page, SENT)
        # Nobody hears it yet; the next page tells.
        trial.gateway.refuse_all = True
        assert await page.evaluate("tracker.optOut()") is False
        trial.gateway.refuse_all = False
        page = await trial.open()
        assert (await page.evaluate(STATUS))["enabled"] is False
        await page.wait_for_function("localStorage['activity.o'] === 'out'")
        opted_out = "SELECT analytics_opt_out FROM app_user WHERE email = $1"
        assert await lab.database.fetchval(opted_out, trial.email) is True
        assert await page.evaluate("tracker.optIn()") is True
        assert await lab.database.fetchval(opted_out, trial.email) is False
        await page.evaluate("record(10, 10)")
        await trial.until(page, SENT)
        assert await trial.numbers() == list(range(20))


async def test_shut_down(lab: Lab) -> None:
    async with lab.trial("shutdown") as trial:
        page = await trial.open()
        await trial.until(page, "s.isSender")
        await page.evaluate("record(0, 5); tracker.shutdown(); record(5, 5)")
        await trial.until_stored(5, 10)
        await page.evaluate("tracker.flush()")
        assert await trial.numbers() == list(range(5))
        trial.gateway.fault = hang
        other = await trial.open()
        await trial.until(other, "s.isSender")
