"""Requests of the tracker: content, timing and handling of responses."""

import asyncio
from datetime import datetime

import pytest

from benchmarks.tracker_faults import SENT, UNAVAILABLE
from benchmarks.tracker_lab import Lab, Reply, Request, crash, hang

STATUS = "tracker.status()"
NO_TRACKING = {"enable_do_not_track": True}


async def test_all_fields_are_stored(lab: Lab) -> None:
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


async def test_batch_size_flush_interval_and_immediate(lab: Lab) -> None:
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


async def test_a_lost_response_causes_no_duplicates(lab: Lab) -> None:
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


async def test_only_a_valid_response_acknowledges_events(lab: Lab) -> None:
    """A captive portal also returns status 200."""
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


async def test_a_rejection_keeps_the_events_and_is_reported(lab: Lab) -> None:
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


async def test_clearing_local_storage_loses_no_events(lab: Lab) -> None:
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


async def test_dropped_events_are_counted_and_reported(lab: Lab) -> None:
    async with lab.trial("too-many") as trial:
        trial.gateway.fault = UNAVAILABLE
        page = await trial.open(maxQueueBytes=20_000)
        await page.evaluate("record(0, 10)")
        # Events in flight are not dropped.
        await trial.until(page, "s.lastError !== null && s.inFlight === 0")
        await page.evaluate("record(10, 90, pad(1000))")
        await trial.until(page, "s.dropped > 0")
        status = await page.evaluate(STATUS)
        trial.gateway.fault = None
        await trial.until(page, SENT)
        assert await page.evaluate("tracker.flush()") is True
        rows = await trial.rows()
        numbers = [row["n"] for row in rows if row["event_type"] == "trial_event"]
        assert numbers == list(range(status["dropped"], 100)), "the oldest events are dropped"
        (report,) = [row for row in rows if row["event_type"] == "tracker_events_dropped"]
        assert report["event_metadata"] == f'{{"count": {status["dropped"]}}}'
        # Gaps in the sequence numbers also prove it.
        assert rows[0]["session_seq"] == status["dropped"] + 1


async def test_a_closed_page_sends_up_to_the_keepalive_limit(lab: Lab) -> None:
    async with lab.trial("left") as trial:
        trial.gateway.fault = hang
        page = await trial.open()
        await trial.until(page, "s.isSender")
        await page.evaluate("record(0, 100, pad(1000)); location.href = '/page?elsewhere'")
        await page.wait_for_url("**/page?elsewhere")
        await page.wait_for_timeout(500)
        # All requests were in flight at the same time; beyond the limit, the browser sends none.
        sent_bytes = sum(len(request.body) for request in trial.gateway.ingests)
        assert 50_000 < sent_bytes <= 64 * 1024
        numbers = [number for request in trial.gateway.ingests for number in request.numbers]
        assert numbers == list(range(len(numbers))), "oldest first"
        trial.gateway.fault = None
        page = await trial.open()
        await trial.until(page, SENT)
        assert sorted(await trial.numbers()) == list(range(100))


@pytest.mark.fault("T9")
async def test_events_past_the_maximum_age_are_dropped(lab: Lab) -> None:
    async with lab.trial("too-old") as trial:
        trial.gateway.fault = UNAVAILABLE
        page = await trial.open()
        await page.evaluate("record(0, 5)")
        await page.close()
        # Until the server has confirmed the clock, nothing is too old.
        page = await trial.open(maxAgeDays=1e-9)
        await page.evaluate("record(5, 1)")
        await trial.until(page, "s.lastError !== null")
        assert (await page.evaluate(STATUS))["queueSize"] == 6
        trial.gateway.fault = None
        await trial.until(page, SENT)
        assert await trial.numbers() == [0, 1, 2, 3, 4, 5]
        trial.gateway.fault = UNAVAILABLE
        await page.evaluate("record(6, 3)")
        await trial.until(page, "s.dropped >= 3 && s.queueSize === 0")
        assert await trial.numbers() == [0, 1, 2, 3, 4, 5]


async def test_fetch_later_sends_events_of_a_crashed_page(lab: Lab) -> None:
    """fetchLater: the page is never opened again."""
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
        # The service is unreachable; the next page reports the opt-out.
        trial.gateway.refuse_all = True
        assert await page.evaluate("tracker.optOut()") is False
        trial.gateway.refuse_all = False
        page = await trial.open()
        assert (await page.evaluate(STATUS))["enabled"] is False
        await page.wait_for_function("localStorage[`activity<${origin}>.o`] === 'out'")
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
