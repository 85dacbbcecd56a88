"""`GET /api/events/analytics`: sums, ties, empty answers, and the days of time zones."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import ADA, BOB, Json, Log, event, events_at

NO_HOURS = [0] * 24


async def summary(client: httpx.AsyncClient, **params: Any) -> Json:
    response = await client.get("/analytics", params=params)
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body


def hours(**counts: int) -> list[int]:
    """`hours(h0=1, h23=2)`: the events of those hours of the day, and none in the others."""
    return [counts.get(f"h{hour}", 0) for hour in range(24)]


async def test_the_whole_answer(client: httpx.AsyncClient, log: Log) -> None:
    """The first five keys are promised in this order; more may follow them."""
    await log(
        event(event_timestamp="2026-11-18T09:00:00Z", session_id="s-1", duration_ms=100),
        event(event_timestamp="2026-11-18T09:30:00Z", session_id="s-1", duration_ms=201),
        event(event_type="email_opened", event_timestamp="2026-11-18T23:59:59Z", session_id="s-2"),
        event(event_type="email_opened", event_timestamp="2026-11-19T00:00:00Z", device_type=None),
        event(event_type="page_viewed", event_timestamp="2026-11-20T11:00:00Z", duration_ms=0),
        device_type="desktop",
    )
    await log(event(), user_email=BOB)
    body = await summary(client, user_email=ADA, start="2026-11-17")
    assert list(body)[:5] == [
        "total_events",
        "events_by_category",
        "events_by_type",
        "most_active_day",
        "most_common_action",
    ]
    assert body == {
        "total_events": 5,
        "events_by_category": {"email": 2, "project": 2, "navigation": 1},
        "events_by_type": {"email_opened": 2, "project_created": 2, "page_viewed": 1},
        "most_active_day": "2026-11-18",
        "most_common_action": "created",
        "events_by_day": {"2026-11-17": 0, "2026-11-18": 3, "2026-11-19": 1, "2026-11-20": 1},
        "events_by_hour": hours(h0=1, h9=2, h11=1, h23=1),
        "events_by_device": {"desktop": 4, "unknown": 1},
        "unique_sessions": 2,
        "avg_duration_ms_by_type": {"page_viewed": 0.0, "project_created": 150.5},
        "other_events": {"device_type": 0, "event_category": 0, "event_type": 0},
        "start": "2026-11-17T00:00:00Z",
        "end": "2026-11-20T12:00:00Z",
        "timezone": "UTC",
        "generated_at": "2026-11-20T12:00:00Z",
        "source": "user_days",
        "rows_read": 5,
        "truncated": False,
    }


async def test_counts_descend_and_equal_ones_go_by_name(
    client: httpx.AsyncClient, log: Log
) -> None:
    types = ["b_x", "a_y", "C_z", "ä_x", "b_x", "a_y", "d_z", "d_z", "d_z"]
    await log(*(event(event_type=type_) for type_ in types))
    body = await summary(client)
    assert list(body["events_by_type"].items()) == [
        ("d_z", 3),
        ("a_y", 2),
        ("b_x", 2),
        ("C_z", 1),
        ("ä_x", 1),
    ]
    assert list(body["events_by_category"].items()) == [
        ("d", 3),
        ("a", 2),
        ("b", 2),
        ("c", 1),
        ("ä", 1),
    ]


async def test_of_equal_days_the_latest_and_of_equal_actions_the_first_by_name(
    client: httpx.AsyncClient, log: Log
) -> None:
    days = ("2026-11-15T10:00:00Z", "2026-11-17T10:00:00Z", "2026-11-16T10:00:00Z")
    await log(
        *(event(event_type="task_opened", event_timestamp=day) for day in days),
        *(event(event_type="task_closed", event_timestamp=day) for day in days),
    )
    body = await summary(client)
    assert (body["most_active_day"], body["most_common_action"]) == ("2026-11-17", "closed")


async def test_nothing_happened(client: httpx.AsyncClient) -> None:
    assert await summary(client, user_email=ADA, start="2026-11-19T23:00:00Z") == {
        "total_events": 0,
        "events_by_category": {},
        "events_by_type": {},
        "most_active_day": None,
        "most_common_action": None,
        "events_by_day": {"2026-11-19": 0, "2026-11-20": 0},
        "events_by_hour": NO_HOURS,
        "events_by_device": {},
        "unique_sessions": 0,
        "avg_duration_ms_by_type": {},
        "other_events": {"device_type": 0, "event_category": 0, "event_type": 0},
        "start": "2026-11-19T23:00:00Z",
        "end": "2026-11-20T12:00:00Z",
        "timezone": "UTC",
        "generated_at": "2026-11-20T12:00:00Z",
        "source": "user_days",
        "rows_read": 0,
        "truncated": False,
    }


async def test_an_empty_window(client: httpx.AsyncClient, log: Log) -> None:
    await log(event(event_timestamp="2026-11-19T00:00:00Z"))
    body = await summary(client, start="2026-11-19", end="2026-11-19")
    assert (body["total_events"], body["events_by_day"]) == (0, {})
    assert (body["most_active_day"], body["most_common_action"]) == (None, None)


async def test_one_user_or_several_or_all(client: httpx.AsyncClient, log: Log) -> None:
    for user, count in ((ADA, 1), (BOB, 2), ("eve@example.com", 4)):
        await log(*(event() for _ in range(count)), user_email=user)
    assert (await summary(client))["total_events"] == 7
    assert (await summary(client, user_email=" Bob@Example.com"))["total_events"] == 2
    assert (await summary(client, user_email=[ADA, BOB]))["total_events"] == 3
    assert (await summary(client, user_email=[ADA, "nobody@example.com"]))["total_events"] == 1
    assert (await summary(client, user_email="nobody@example.com"))["total_events"] == 0


async def test_an_acknowledged_event_counts_at_once_and_a_duplicate_never(
    client: httpx.AsyncClient, log: Log
) -> None:
    same = event()
    for count in (1, 2, 3):
        await log(event())
        await client.post("/log", json={"user_email": ADA, **same})
        assert (await summary(client))["total_events"] == count + 1


# A zone, a local day, the UTC times of events, what of them the day holds, and its local hours.
ZONES = {
    "no daylight saving, half an hour off": (
        "Asia/Kolkata",
        ("2026-11-19", "2026-11-20"),
        ("2026-11-18T18:30:00Z", "2026-11-19T18:30:00Z"),
        ["2026-11-18T18:29:59.999999Z", "2026-11-19T18:30:00Z"],
        ["2026-11-18T18:30:00Z", "2026-11-19T11:00:00Z", "2026-11-19T18:29:59.999999Z"],
        hours(h0=1, h16=1, h23=1),
    ),
    # At 15:00 UTC the clocks go from 02:00 (+11:00) back to 01:30 (+10:30).
    "a day of 24.5 hours": (
        "Australia/Lord_Howe",
        ("2026-04-05", "2026-04-06"),
        ("2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z"),
        ["2026-04-04T12:59:59Z", "2026-04-05T13:30:00Z"],
        [
            "2026-04-04T13:00:00Z",
            "2026-04-04T14:45:00Z",
            "2026-04-04T15:15:00Z",
            "2026-04-04T15:30:00Z",
            "2026-04-05T13:29:59Z",
        ],
        hours(h0=1, h1=2, h2=1, h23=1),
    ),
    # At 05:30 UTC the clocks go from 02:00 (-03:30) to 03:00 (-02:30).
    "a day of 23 hours, half an hour off": (
        "America/St_Johns",
        ("2026-03-08", "2026-03-09"),
        ("2026-03-08T03:30:00Z", "2026-03-09T02:30:00Z"),
        ["2026-03-08T03:29:59Z", "2026-03-09T02:30:00Z"],
        [
            "2026-03-08T03:30:00Z",
            "2026-03-08T05:29:59Z",
            "2026-03-08T05:30:00Z",
            "2026-03-09T02:29:59Z",
        ],
        hours(h0=1, h1=1, h3=1, h23=1),
    ),
    # At 01:00 UTC the clocks go from 01:00 (GMT) to 02:00 (BST).
    "a day of 23 hours": (
        "Europe/London",
        ("2026-03-29", "2026-03-30"),
        ("2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z"),
        ["2026-03-28T23:59:59Z", "2026-03-29T23:00:00Z"],
        [
            "2026-03-29T00:00:00Z",
            "2026-03-29T00:59:59Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T22:59:59Z",
        ],
        hours(h0=2, h2=1, h23=1),
    ),
    # At 01:00 UTC the clocks go from 02:00 (BST) back to 01:00 (GMT).
    "a day of 25 hours": (
        "Europe/London",
        ("2026-10-25", "2026-10-26"),
        ("2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"),
        ["2026-10-24T22:59:59Z", "2026-10-26T00:00:00Z"],
        [
            "2026-10-24T23:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:30:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-25T23:59:59Z",
        ],
        hours(h0=1, h1=2, h2=1, h23=1),
    ),
}


@pytest.mark.parametrize("name", ZONES)
async def test_days_of_a_time_zone(client: httpx.AsyncClient, log: Log, name: str) -> None:
    zone, (day, next_day), (start, end), outside, inside, by_hour = ZONES[name]
    await log(*events_at(*outside, *inside))
    body = await summary(client, start=day, end=next_day, tz=zone)
    assert (body["start"], body["end"], body["timezone"]) == (start, end, zone)
    assert body["total_events"] == len(inside)
    assert body["events_by_day"] == {day: len(inside)}
    assert body["most_active_day"] == day
    assert body["events_by_hour"] == by_hour


async def test_one_moment_belongs_to_another_day_in_another_zone(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(event(event_timestamp="2026-11-18T23:30:00Z"))
    days = {
        zone: (await summary(client, tz=zone, days=3))["most_active_day"]
        for zone in ("Pacific/Kiritimati", "Asia/Kolkata", "Europe/London", "America/St_Johns")
    }
    assert days == {
        "Pacific/Kiritimati": "2026-11-19",
        "Asia/Kolkata": "2026-11-19",
        "Europe/London": "2026-11-18",
        "America/St_Johns": "2026-11-18",
    }


async def test_a_series_over_two_changes_of_clocks_has_each_day_once(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(*events_at("2026-03-29T22:59:59Z", "2026-03-29T23:00:00Z", "2026-10-25T00:59:59Z"))
    body = await summary(client, start="2026-03-28", end="2026-10-27", tz="Europe/London")
    # 4 days of March, 30, 31, 30, 31, 31 and 30 of the months between, 26 of October.
    assert len(body["events_by_day"]) == 213
    assert list(body["events_by_day"])[:3] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    assert {day: count for day, count in body["events_by_day"].items() if count} == {
        "2026-03-29": 1,
        "2026-03-30": 1,
        "2026-10-25": 1,
    }
