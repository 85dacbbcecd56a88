"""What comes after an erasure: an event of before it never brings its person back."""

from datetime import timedelta

import httpx
import pytest

from tests.api.conftest import ADA, Clock, Json, event
from tests.api.test_privacy import ADAS, USER
from tests.conftest import NOW

pytestmark = pytest.mark.fault("N8")

UNDATED = "0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c10"
# The erasure is at NOW, 12:00:00; the events arrive three seconds later.
LATER = NOW + timedelta(seconds=3)


def body(**fields: object) -> Json:
    return {**ADAS, "event_type": "project_created", "event_id": UNDATED, **fields}


@pytest.mark.parametrize(
    ("event_timestamp", "sent_at"),
    [
        # Ten minutes under way: sent before the erasure, and received after it.
        ("2026-11-20T11:50:00Z", "2026-11-20T11:50:00Z"),
        ("2026-11-20T11:50:00Z", None),
        ("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z"),
        # A clock that is 40 seconds ahead: within the tolerance, so that nothing proves it.
        ("2026-11-20T12:00:30Z", "2026-11-20T12:00:43Z"),
        ("2026-11-20T12:00:30Z", None),
        # A clock that is two hours ahead, under way for ten minutes: it seems to be 110 minutes
        # ahead, so that the time is corrected to that of the receipt.
        ("2026-11-20T13:50:03Z", "2026-11-20T13:50:03Z"),
        # In the future: the receipt is kept, and says nothing of when it was.
        ("2026-11-20T12:10:00Z", None),
        # No time at all.
        (None, None),
    ],
)
async def test_what_is_not_surely_later_is_suppressed(
    client: httpx.AsyncClient, clock: Clock, event_timestamp: str | None, sent_at: str | None
) -> None:
    await client.post("/log", json=body(event_id=None))
    assert (await client.delete(USER, params=ADAS)).status_code == 200
    clock.now = LATER
    given = body(event_timestamp=event_timestamp, sent_at=sent_at)
    answer = (await client.post("/log", json=given)).json()
    assert answer["status"] == "suppressed"
    batch = {**ADAS, "sent_at": sent_at, "events": [event(event_timestamp=event_timestamp)]}
    answer = (await client.post("/log/batch", json=batch)).json()
    assert (answer["accepted"], answer["suppressed"]) == (0, 1)
    assert (await client.delete(USER, params=ADAS)).json()["deleted"]["app_user"] == 0


@pytest.mark.parametrize(
    ("after", "event_timestamp", "sent_at", "status"),
    [
        # A minute on, by a clock that may be a minute ahead.
        (timedelta(seconds=60), "2026-11-20T12:01:00Z", None, "suppressed"),
        (timedelta(seconds=61), "2026-11-20T12:01:00.001Z", None, "accepted"),
        # Without a time, nothing says when it was: for a day the receipt is no proof.
        (timedelta(minutes=2), None, None, "suppressed"),
        (timedelta(hours=25), None, None, "accepted"),
        # A time after its receipt: the clock is ahead, by so much or more.
        (timedelta(minutes=5), "2026-11-20T12:05:56Z", "2026-11-20T12:05:56Z", "suppressed"),
        (timedelta(minutes=5), "2026-11-20T12:05:01Z", None, "accepted"),
        # A clock that is known to be wrong is believed after a day.
        (timedelta(hours=23), "2026-11-21T13:00:00Z", "2026-11-21T13:00:00Z", "suppressed"),
        (timedelta(hours=25), "2026-11-21T15:00:00Z", "2026-11-21T15:00:00Z", "accepted"),
    ],
)
async def test_from_when_on_the_person_may_come_back(
    client: httpx.AsyncClient,
    clock: Clock,
    after: timedelta,
    event_timestamp: str | None,
    sent_at: str | None,
    status: str,
) -> None:
    assert (await client.delete(USER, params=ADAS)).status_code == 200
    clock.now = NOW + after
    given = body(event_timestamp=event_timestamp, sent_at=sent_at)
    assert (await client.post("/log", json=given)).json()["status"] == status
    # Once the person is back, the border is where it was.
    new = body(event_id=None, event_timestamp=clock.now.isoformat())
    assert (await client.post("/log", json=new)).json()["status"] == (
        "accepted" if after > timedelta(minutes=1) else "suppressed"
    )
    old = body(event_id=None, event_timestamp="2026-11-20T12:00:59Z")
    assert (await client.post("/log", json=old)).json()["status"] == "suppressed"


@pytest.mark.fault("A2")
@pytest.mark.parametrize("event_ids", ["v4", "none"])
@pytest.mark.parametrize("under_way_seconds", [90, 7200])
async def test_a_slow_request_does_not_overtake_the_next_one(
    client: httpx.AsyncClient, clock: Clock, under_way_seconds: int, event_ids: str
) -> None:
    """`a`, and 31 seconds later `b`; the request with `a` takes long."""
    at = NOW - timedelta(seconds=under_way_seconds + 1)
    b_at = at + timedelta(seconds=31)

    async def log(event_type: str, sent_at: str, event_timestamp: str) -> None:
        given = event(event_type=event_type, event_timestamp=event_timestamp)
        if event_ids == "none":
            del given["event_id"]
        batch = {"user_email": ADA, "sent_at": sent_at, "events": [given]}
        answer = (await client.post("/log/batch", json=batch)).json()
        assert answer["accepted"] == 1
        codes = [warning["code"] for each in answer["results"] for warning in each["warnings"]]
        assert "clock_corrected" not in codes

    await log("a", (at + timedelta(seconds=1)).isoformat(), at.isoformat())
    await log("b", NOW.isoformat(), b_at.isoformat())
    found = await client.get("/analytics/funnel", params={"step": ["a", "b"], "days": 1})
    assert [step["users"] for step in found.json()["steps"]] == [1, 1]
