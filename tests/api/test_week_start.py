"""Weeks may begin on another day, in each question that cuts them, and in an empty one."""

import httpx
import pytest

from tests.api.conftest import ADA, BOB, Log, events_at, refused

pytestmark = pytest.mark.fault("B5")

# Saturday 14, Sunday 15, Monday 16, Friday 20 November 2026.
AT = tuple(f"2026-11-{day}T10:00:00Z" for day in (14, 15, 16, 20))


@pytest.mark.parametrize(
    ("week_start", "weeks"),
    [
        (None, {"2026-11-09": 2, "2026-11-16": 2}),
        ("monday", {"2026-11-09": 2, "2026-11-16": 2}),
        ("sunday", {"2026-11-08": 1, "2026-11-15": 3}),
        ("saturday", {"2026-11-07": 0, "2026-11-14": 4}),
    ],
)
async def test_weeks(
    client: httpx.AsyncClient, log: Log, week_start: str | None, weeks: dict[str, int]
) -> None:
    await log(*events_at(*AT))
    await log(*events_at(AT[2]), user_email=BOB)
    params = {"bucket": "week", "start": "2026-11-13", "end": "2026-11-21", "user_email": ADA}
    if week_start:
        params["week_start"] = week_start
    body = (await client.get("/analytics/timeseries", params=params)).json()
    assert (
        dict(zip([day[:10] for day in body["buckets"]], body["series"][0]["events"], strict=False))
        == weeks
    )
    for zone in ("America/New_York", "Asia/Kolkata"):
        local = (await client.get("/analytics/timeseries", params={**params, "tz": zone})).json()
        assert [day[:10] for day in local["buckets"]] == list(weeks)
        assert local["series"][0]["events"] == list(weeks.values())
    asked = {**params, "period": "week"}
    del asked["bucket"], asked["user_email"]
    body = (await client.get("/analytics/retention", params=asked)).json()
    sizes = {row["cohort"]: row["size"] for row in body["rows"]}
    assert list(sizes) == list(weeks)
    # Ada came in the first week that has an event, Bob on the Monday.
    first = next(day for day, events in weeks.items() if events)
    second = list(weeks)[-1]
    assert sizes[first] == (2 if first == second else 1)
    heatmap = {name: value for name, value in asked.items() if name != "period"}
    body = (await client.get("/analytics/heatmap", params=heatmap)).json()
    assert body["weekdays"][0] == (week_start or "monday")
    by_day = dict(zip(body["weekdays"], map(sum, body["events"]), strict=False))
    assert by_day == {
        "monday": 2, "tuesday": 0, "wednesday": 0, "thursday": 0, "friday": 1, "saturday": 1,
        "sunday": 1,
    }  # fmt: skip


async def test_weeks_begin_on_no_other_day(client: httpx.AsyncClient) -> None:
    for path in ("timeseries", "retention", "heatmap"):
        answer = await client.get(f"/analytics/{path}", params={"week_start": "Friday"})
        refused(answer, 422, "invalid_request", "week_start")
    # Where no weeks are cut, it is no parameter, and is not passed over.
    answer = await client.get("/analytics/top", params={"week_start": "monday"})
    refused(answer, 422, "invalid_request", "week_start")
