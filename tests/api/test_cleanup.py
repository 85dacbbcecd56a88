"""`DELETE /api/events/cleanup`: what goes, and what a typo must not take."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import ADA, BOB, Json, Log, event, events_at, refused, stored


async def clean(client: httpx.AsyncClient, **params: Any) -> Json:
    response = await client.delete("/cleanup", params=params)
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body


async def times(client: httpx.AsyncClient, **filters: Any) -> list[str]:
    return [each["event_timestamp"] for each in await stored(client, order="asc", **filters)]


DAYS_10 = "2026-11-10T12:00:00Z"
JUST_BEFORE = "2026-11-10T11:59:59.999999Z"
RECENT = "2026-11-19T12:00:00Z"


async def test_older_events_of_all_users_go(client: httpx.AsyncClient, log: Log) -> None:
    for user in (ADA, BOB):
        await log(*events_at(JUST_BEFORE, DAYS_10, RECENT), user_email=user)
    assert await clean(client, days=10) == {
        "events_deleted": 2,
        "before": "2026-11-10T12:00:00Z",
        "dry_run": False,
        "user_email": None,
        "partitions_dropped": [],
        "receipt": None,
    }
    assert await times(client, user_email=ADA) == [DAYS_10, RECENT]
    assert await times(client, user_email=BOB) == [DAYS_10, RECENT]
    assert (await clean(client, days=10))["events_deleted"] == 0


async def test_a_dry_run_counts_and_deletes_nothing(client: httpx.AsyncClient, log: Log) -> None:
    await log(*events_at(JUST_BEFORE, DAYS_10, RECENT))
    for value in ("true", "1"):
        body = await clean(client, days=10, dry_run=value)
        assert (body["events_deleted"], body["dry_run"]) == (1, True)
    assert await times(client) == [JUST_BEFORE, DAYS_10, RECENT]
    assert (await clean(client, days=10, dry_run="false"))["events_deleted"] == 1
    assert await times(client) == [DAYS_10, RECENT]


async def test_by_default_what_is_past_its_retention_goes(
    client: httpx.AsyncClient, log: Log
) -> None:
    """365 days; nothing older is taken in, so that there is nothing to delete yet."""
    oldest = "2025-11-20T12:00:00Z"
    await log(*events_at(oldest, RECENT))
    body = await clean(client)
    assert (body["events_deleted"], body["before"]) == (0, oldest)
    assert await times(client) == [oldest, RECENT]
    assert (await clean(client, days=364))["events_deleted"] == 1


async def test_one_user(client: httpx.AsyncClient, log: Log) -> None:
    for user in (ADA, BOB):
        await log(*events_at(JUST_BEFORE, RECENT), user_email=user)
    body = await clean(client, days=10, user_email=" ADA@Example.com")
    assert body == {
        "events_deleted": 1,
        "before": "2026-11-10T12:00:00Z",
        "dry_run": False,
        "user_email": ADA,
        "partitions_dropped": [],
        "receipt": None,
    }
    assert await times(client, user_email=ADA) == [RECENT]
    assert await times(client, user_email=BOB) == [JUST_BEFORE, RECENT]


@pytest.mark.parametrize("params", [{}, {"days": 0}])
async def test_all_of_one_user(client: httpx.AsyncClient, log: Log, params: Json) -> None:
    for user in (ADA, BOB):
        await log(*events_at(JUST_BEFORE, RECENT, "2026-11-20T12:00:00Z"), user_email=user)
    dry = await clean(client, user_email=ADA, dry_run=True, **params)
    assert (dry["events_deleted"], dry["before"]) == (3, None)
    assert len(await times(client)) == 6
    assert (await clean(client, user_email=ADA, **params))["events_deleted"] == 3
    assert await times(client, user_email=ADA) == []
    assert len(await times(client, user_email=BOB)) == 3


async def test_a_user_who_is_not_known_has_nothing(client: httpx.AsyncClient, log: Log) -> None:
    await log(event())
    body = await clean(client, user_email="nobody@example.com", days=0)
    assert (body["events_deleted"], body["user_email"]) == (0, "nobody@example.com")
    assert len(await times(client)) == 1


async def test_a_user_whose_events_went_goes_on_logging(
    client: httpx.AsyncClient, log: Log
) -> None:
    same = event()
    await log(same)
    assert (await clean(client, user_email=ADA, days=0))["receipt"] is None
    await log(same)  # it was deleted, so it is new
    assert len(await times(client, user_email=ADA)) == 1


async def test_a_user_without_days_is_erased(client: httpx.AsyncClient, log: Log) -> None:
    same = event()
    await log(same)
    receipt = (await clean(client, user_email=ADA))["receipt"]
    assert receipt["deleted"] == {
        "activity_event": 1,
        "activity_session": 0,
        "activity_user_day": 1,
        "stray_event": 0,
        "served_prediction": 0,
        "prediction_score": 0,
        "app_user": 1,
    }
    late = await client.post("/log", json={"user_email": ADA, **same})
    assert late.json()["status"] == "suppressed"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ([("days", "0")], "days"),
        ([("days", "-1")], "days"),
        ([("days", "3661")], "days"),
        ([("days", str(10**9))], "days"),
        ([("days", "9" * 5000)], "days"),
        ([("days", "abc")], "days"),
        ([("days", "")], "days"),
        ([("days", "1"), ("days", "300")], "days"),
        ([("day", "30")], "day"),
        ([("days", "1"), ("email", "bob@example.com")], "email"),
        ([("days", "1"), ("before", "2026-01-01")], "before"),
        ([("days", "1"), ("dry_run", "perhaps")], "dry_run"),
        ([("days", "1"), ("dryrun", "true")], "dryrun"),
        ([("days", "1"), ("dry_run", "true"), ("dry_run", "false")], "dry_run"),
        ([("days", "1"), ("user_email", "")], "user_email.0"),
        ([("days", "1"), ("user_email", "bob")], "user_email.0"),
        ([("user_email", "bob@example.com"), ("user_email", "ada@example.com")], "user_email"),
    ],
)
async def test_a_typo_deletes_nothing(
    client: httpx.AsyncClient, log: Log, params: list[tuple[str, str]], field: str
) -> None:
    await log(event(event_timestamp=JUST_BEFORE), event(user_email=BOB))
    response = await client.delete("/cleanup", params=tuple(params))
    refused(response, 422, "invalid_request", field)
    assert len(await times(client)) == 2
