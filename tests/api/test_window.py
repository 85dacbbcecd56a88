"""The half-open window of a question: `days`, `start` and `end`, and the zone of dates."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import Log, error_of, events_at, refused

PATHS = ("/", "/analytics")


async def times(client: httpx.AsyncClient, **params: Any) -> list[str]:
    """The times of the events in the window; analytics must count as many."""
    listed = await client.get("/", params={"order": "asc", **params})
    assert listed.status_code == 200, listed.text
    found = [each["event_timestamp"] for each in listed.json()["events"]]
    summed = await client.get("/analytics", params=params)
    assert summed.json()["total_events"] == len(found)
    return found


async def test_days_are_times_24_hours_and_end_now(client: httpx.AsyncClient, log: Log) -> None:
    """An event of this very moment is in; one of exactly 24 hours ago is not any more."""
    at = ["2026-11-19T12:00:00Z", "2026-11-19T12:00:00.000001Z", "2026-11-20T12:00:00Z"]
    await log(*events_at("2026-11-18T12:00:00.000001Z", *at))
    assert await times(client, days=1) == at[1:]
    assert await times(client, days=2) == ["2026-11-18T12:00:00.000001Z", *at]


async def test_a_start_is_in_and_an_end_is_out(client: httpx.AsyncClient, log: Log) -> None:
    at = ["2026-11-10T00:00:00Z", "2026-11-10T23:59:59.999999Z", "2026-11-11T00:00:00Z"]
    await log(*events_at("2026-11-09T23:59:59.999999Z", *at))
    assert await times(client, start="2026-11-10", end="2026-11-11") == at[:2]
    assert await times(client, start="2026-11-10T23:59:59.999999Z", end="2026-11-11") == at[1:2]
    assert await times(client, start="2026-11-11") == at[2:]
    assert await times(client, start="2026-11-10", end="2026-11-10") == []


async def test_without_a_window_all_events_are_listed_and_a_week_is_summed(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(*events_at("2025-12-01T00:00:00Z", "2026-11-13T12:00:00Z", "2026-11-13T12:00:01Z"))
    assert len((await client.get("/")).json()["events"]) == 3
    summed = (await client.get("/analytics")).json()
    assert summed["total_events"] == 1
    assert summed["start"] == "2026-11-13T12:00:00.000001Z"
    assert summed["end"] == "2026-11-20T12:00:00.000001Z"
    assert summed["timezone"] == "UTC"


@pytest.mark.parametrize(
    ("start", "tz", "first"),
    [
        ("2026-11-20", "Asia/Kolkata", "2026-11-19T18:30:00Z"),
        ("2026-11-20T00:00:00", "Asia/Kolkata", "2026-11-19T18:30:00Z"),
        ("2026-11-20T00:00:00Z", "Asia/Kolkata", "2026-11-20T00:00:00Z"),
        ("2026-11-20", "America/St_Johns", "2026-11-20T03:30:00Z"),
        ("2026-06-20", "America/St_Johns", "2026-06-20T02:30:00Z"),
        ("2026-11-20", "Australia/Lord_Howe", "2026-11-19T13:00:00Z"),
        ("2026-06-20", "Australia/Lord_Howe", "2026-06-19T13:30:00Z"),
        ("2026-06-20", "Europe/London", "2026-06-19T23:00:00Z"),
        ("2026-11-20 09:30", "Europe/London", "2026-11-20T09:30:00Z"),
        (" 2026-11-20T02:00:00+02:00 ", "UTC", "2026-11-20T00:00:00Z"),
    ],
)
async def test_dates_and_times_without_offset_are_local(
    client: httpx.AsyncClient, start: str, tz: str, first: str
) -> None:
    response = await client.get("/analytics", params={"start": start, "tz": tz})
    body = response.json()
    assert (body["start"], body["end"], body["timezone"]) == (first, "2026-11-20T12:00:00Z", tz)


async def test_a_plus_sign_that_became_a_space(client: httpx.AsyncClient) -> None:
    """In a query string `+` is a space, and hardly anybody writes `%2B`."""
    for offset in ("+02:00", "%2B02:00", "%2b0200", "+0200"):
        response = await client.get(f"/analytics?start=2026-11-20T02:00:00{offset}")
        assert response.json()["start"] == "2026-11-20T00:00:00Z"


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"days": "0"}, "days"),
    ({"days": "-1"}, "days"),
    ({"days": "3661"}, "days"),
    ({"days": str(10**9)}, "days"),
    ({"days": "9" * 5000}, "days"),
    ({"days": "seven"}, "days"),
    ({"days": "7.5"}, "days"),
    ({"days": "NaN"}, "days"),
    ({"days": ""}, "days"),
    ({"days": "7", "start": "2026-11-01"}, "days"),
    ({"days": "7", "end": "2026-11-01"}, "days"),
    ({"end": "2026-11-01"}, "start"),
    ({"start": "2026-11-02", "end": "2026-11-01"}, "end"),
    ({"start": "2026-11-21"}, "end"),  # after now, which is where it would end
    ({"start": "2015-01-01", "end": "2026-01-01"}, "start"),
    ({"start": "yesterday"}, "start"),
    ({"start": ""}, "start"),
    ({"start": "2026-02-30"}, "start"),
    ({"start": "2026-11-20T25:00"}, "start"),
    ({"start": "2026-11-20T00:00:00+99:00"}, "start"),
    ({"start": "1795174200"}, "start"),
    ({"start": "0001-01-01T00:00:00+14:00"}, "start"),
    ({"start": "1969-12-31T23:59:59Z"}, "start"),
    ({"start": "2026-01-01", "end": "9999-12-31T23:59:59-14:00"}, "end"),
    ({"start": "2026-01-01\0"}, "start"),
    ({"start": "2" * 41}, "start"),
    ({"tz": "London"}, "tz"),
    ({"tz": ""}, "tz"),
    ({"tz": "+02:00"}, "tz"),
    ({"tz": "../../etc/passwd"}, "tz"),
    ({"tz": "/etc/localtime"}, "tz"),
    ({"tz": "localtime"}, "tz"),
    ({"tz": "UTC\0"}, "tz"),
    ({"tz": "UTC'; DROP TABLE activity_event --"}, "tz"),
    ({"tz": "x" * 65}, "tz"),
]


async def test_windows_that_are_refused(client: httpx.AsyncClient) -> None:
    for params, field in REFUSED:
        for path in PATHS:
            response = await client.get(path, params=params)
            refused(response, 422, "invalid_request", field)


async def test_the_widest_window_is_answered(client: httpx.AsyncClient) -> None:
    body = (await client.get("/analytics", params={"days": 3660})).json()
    assert len(body["events_by_day"]) == 3661
    response = await client.get("/analytics", params={"start": "2016-11-12", "end": "2026-11-20"})
    assert len(response.json()["events_by_day"]) == 3660
    response = await client.get("/analytics", params={"start": "2016-11-11", "end": "2026-11-20"})
    assert "3660 days" in error_of(response, 422)["message"]
