"""One session and one sending tab across all tabs and pages."""

import pytest

from benchmarks.tracker_faults import SENT, UNAVAILABLE
from benchmarks.tracker_lab import Lab

STATUS = "tracker.status()"


async def test_another_tab_takes_over_from_the_one_that_closes(lab: Lab) -> None:
    async with lab.trial("take-over") as trial:
        first = await trial.open()
        await trial.until(first, "s.isSender")
        second = await trial.open()
        assert not (await second.evaluate(STATUS))["isSender"]
        trial.gateway.fault = UNAVAILABLE
        await first.evaluate("record(0, 10)")
        await second.evaluate("record(10, 10)")
        await trial.until(second, "s.queueSize === 20")
        trial.gateway.fault = None
        await first.close()
        await trial.until(second, f"s.isSender && {SENT}")
        assert sorted(await trial.numbers()) == list(range(20))


async def test_the_visible_tab_takes_over_from_a_hidden_one(lab: Lab) -> None:
    async with lab.trial("in-front") as trial:
        hidden = await trial.open()
        await trial.until(hidden, "s.isSender")
        shown = await trial.open()
        await shown.bring_to_front()
        await hidden.wait_for_function("document.visibilityState === 'hidden'", polling=50)
        await shown.evaluate("record(0, 1)")
        await trial.until(shown, "s.isSender")
        assert await shown.evaluate("tracker.flush()") is True
        assert await trial.numbers() == [0]


async def test_a_tab_that_does_not_send_can_request_a_flush(lab: Lab) -> None:
    async with lab.trial("urgent") as trial:
        other = await trial.open(flushIntervalMs=3_600_000)
        page = await trial.open(flushIntervalMs=3_600_000)
        await other.bring_to_front()
        await trial.until(other, "s.isSender")
        await page.evaluate("record(0, 1, {}, { immediate: true })")
        await trial.until_stored(1)
        await page.evaluate("record(1, 1)")
        assert await page.evaluate("tracker.flush()") is True
        assert await trial.numbers() == [0, 1]


async def test_a_session_spans_pages_and_tabs_until_the_timeout(lab: Lab) -> None:
    async with lab.trial("session") as trial:
        page = await trial.open()
        await page.evaluate("record(0, 2)")
        await page.reload()
        await page.evaluate("record(2, 2)")
        other = await trial.open()
        await other.evaluate("record(4, 2)")
        await trial.until(other, SENT)
        # A session timeout of 6 milliseconds.
        short = await trial.open(sessionTimeoutMinutes=1e-4)
        await short.evaluate("record(6, 2)")
        await short.wait_for_timeout(50)
        await short.evaluate("record(8, 1)")
        await trial.until_stored(9, 15)
        rows = sorted(await trial.rows(), key=lambda row: row["n"])
        sessions = [row["session_id"] for row in rows]
        assert len(set(sessions[:6])) == 1
        assert len(set(sessions)) == 3
        assert sessions[6] == sessions[7]
        assert [row["session_seq"] for row in rows] == [1, 2, 3, 4, 5, 6, 1, 2, 1]
        assert {row["device_type"] for row in rows} == {"desktop"}


async def test_a_page_is_restored_from_the_back_forward_cache(lab: Lab) -> None:
    async with lab.trial("bfcache") as trial:
        page = await trial.open()
        await trial.until(page, "s.isSender")
        await page.evaluate(
            "window.mark = 1; addEventListener('pageshow', (e) => persisted = e.persisted)"
        )
        trial.gateway.fault = UNAVAILABLE
        await page.evaluate("record(0, 5)")
        await page.goto(f"{trial.gateway.origin}/page?elsewhere")
        trial.gateway.fault = None
        await page.go_back(wait_until="commit")
        await page.wait_for_function("window.mark === 1")
        assert await page.evaluate("[window.mark, window.persisted]") == [1, True]
        await page.evaluate("record(5, 5)")
        await trial.until(page, f"s.isSender && {SENT}")
        assert sorted(await trial.numbers()) == list(range(10))


async def test_a_new_user_starts_a_new_session(lab: Lab) -> None:
    async with lab.trial("users") as trial:
        page = await trial.open()
        await page.evaluate(
            "record(0, 1); tracker.identify(null); record(1, 1);"
            "tracker.identify('other-' + given.userEmail); record(2, 1)"
        )
        await trial.until(page, SENT)
        (own,) = await trial.rows()
        (others,) = await lab.database.fetch(
            "SELECT session_id, session_seq FROM activity_event"
            " WHERE user_id = (SELECT id FROM app_user WHERE email = $1)",
            f"other-{trial.email}",
        )
        assert own["n"] == 0
        assert others["session_id"] != own["session_id"]
        assert (own["session_seq"], others["session_seq"]) == (1, 1)


@pytest.mark.fault("C12")
async def test_events_wait_until_the_user_is_known(lab: Lab) -> None:
    async with lab.trial("unknown") as trial:
        page = await (await trial.window.context()).new_page()
        await page.goto(f"{trial.gateway.origin}/page")
        create = "window.tracker = activityEvents.createTracker()"
        await page.evaluate(f"{create}; record(0, 3)")
        assert await page.evaluate("tracker.flush()") is False
        assert (await page.evaluate(STATUS))["queueSize"] == 3
        # Signing in loads another page.
        await page.reload()
        await page.evaluate(
            f"{create}; record(3, 1); tracker.identify('{trial.email}'); record(4, 1)"
        )
        await trial.until(page, SENT)
        rows = await trial.rows()
        assert [row["n"] for row in rows] == [0, 1, 2, 3, 4]
        assert sorted(row["session_seq"] for row in rows) == [1, 2, 3, 4, 5]
        assert len({row["session_id"] for row in rows}) == 1
        assert (await page.evaluate(STATUS))["dropped"] == 0
