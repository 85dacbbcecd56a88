"""Opting out and being erased, as a user meets it."""

from datetime import timedelta

import httpx

from app.database.sessions import Database
from app.database.verify_rollups import verify_rollups
from app.settings import Settings
from tests.api.conftest import ADA, BOB, HOUR_AGO, Clock, Json, Log, event

OPT_OUT = "http://localhost/api/privacy/opt-out"
USER = "http://localhost/api/privacy/user"
ADAS = {"user_email": ADA}
NOTHING = {"analytics": False, "ai_context": False, "learning": False}


def batch(*events: Json) -> Json:
    return {**ADAS, "events": list(events)}


async def put(client: httpx.AsyncClient, **changes: bool) -> Json:
    response = await client.put(OPT_OUT, params=ADAS, json=changes)
    assert response.status_code == 200
    answer: Json = response.json()
    return answer


async def totals(client: httpx.AsyncClient) -> tuple[int, int]:
    """Ada's events and everybody's, as analytics has them."""
    alone = (await client.get("/analytics", params=ADAS)).json()["total_events"]
    return alone, (await client.get("/analytics")).json()["total_events"]


async def rollups_are_exact(settings: Settings) -> bool:
    assert settings.database_url is not None
    database = Database(settings.database_url, settings)
    try:
        async with database.transaction() as session:
            return all(check.ok for check in await verify_rollups(await session.connection()))
    finally:
        await database.dispose()


async def test_nobody_has_opted_out_at_first(client: httpx.AsyncClient, log: Log) -> None:
    assert (await client.get(OPT_OUT, params=ADAS)).json() == NOTHING
    await log(event())
    assert (await client.get(OPT_OUT, params=ADAS)).json() == NOTHING


async def test_opted_out_of_analytics_nothing_is_recorded_and_all_is_hidden(
    client: httpx.AsyncClient, log: Log, settings: Settings
) -> None:
    await log(event(session_id="s"), event(user_email=BOB))
    assert await totals(client) == (1, 2)
    assert await put(client, analytics=True) == {**NOTHING, "analytics": True}

    answer = (await client.post("/log/batch", json=batch(event(), event(user_email=BOB)))).json()
    assert (answer["accepted"], answer["suppressed"], answer["duplicates"]) == (1, 1, 0)
    (only,) = answer["results"]
    assert (only["index"], only["status"], only["code"]) == (0, "suppressed", "opted_out")
    single = await client.post("/log", json={**ADAS, **event()})
    assert (single.status_code, single.json()["status"]) == (200, "suppressed")

    assert await totals(client) == (0, 2)
    assert (await client.get("/", params=ADAS)).json()["events"] == []
    assert {each["user_email"] for each in (await client.get("/")).json()["events"]} == {BOB}
    assert (await client.get("/session/s")).status_code == 404
    assert await rollups_are_exact(settings)

    assert await put(client, analytics=False) == NOTHING
    assert await totals(client) == (1, 3)
    assert (await client.get("/session/s")).status_code == 200
    await log(event())
    assert await totals(client) == (2, 4)
    assert await rollups_are_exact(settings)


async def test_the_other_purposes_go_on_recording(client: httpx.AsyncClient, log: Log) -> None:
    assert await put(client, ai_context=True, learning=True) == {
        "analytics": False,
        "ai_context": True,
        "learning": True,
    }
    await log(event())
    assert await totals(client) == (1, 1)
    assert (await put(client, learning=False))["ai_context"] is True


async def test_clean_up_of_one_who_opted_out_leaves_the_totals_right(
    client: httpx.AsyncClient, log: Log, settings: Settings
) -> None:
    await log(event(event_timestamp=HOUR_AGO), event(user_email=BOB))
    await put(client, analytics=True)
    gone = await client.delete("/cleanup", params=ADAS)
    assert gone.json()["events_deleted"] == 1
    assert await rollups_are_exact(settings)
    await put(client, analytics=False)
    assert await totals(client) == (0, 1)
    assert await rollups_are_exact(settings)


async def test_erased_everything_is_gone_and_the_receipt_says_so(
    client: httpx.AsyncClient, log: Log, settings: Settings
) -> None:
    await log(event(), event(), event(event_timestamp=HOUR_AGO), event(user_email=BOB))
    response = await client.delete(USER, params=ADAS)
    assert response.status_code == 200
    receipt = response.json()
    assert receipt["deleted"] == {
        "activity_event": 3,
        "activity_session": 0,
        "activity_user_day": 1,
        "stray_event": 0,
        "served_prediction": 0,
        "prediction_score": 0,
        "app_user": 1,
    }
    assert receipt["remaining"] == {
        "activity_event": 0,
        "activity_session": 0,
        "activity_user_day": 0,
        "stray_event": 0,
        "served_prediction": 0,
        "prediction_score": 0,
        "app_user": 0,
    }
    assert ADA not in response.text
    assert await totals(client) == (0, 1)
    assert await rollups_are_exact(settings)


async def test_what_comes_late_is_suppressed_and_what_is_new_is_a_new_user(
    client: httpx.AsyncClient, log: Log, clock: Clock, settings: Settings
) -> None:
    await log(event(event_timestamp=HOUR_AGO))
    assert (await client.delete(USER, params=ADAS)).status_code == 200
    late = (await client.post("/log/batch", json=batch(event(event_timestamp=HOUR_AGO)))).json()
    assert (late["accepted"], late["suppressed"]) == (0, 1)
    assert late["results"][0]["code"] == "erased"
    # Nobody came back by that.
    assert (await client.delete(USER, params=ADAS)).json()["deleted"]["app_user"] == 0

    clock.now += timedelta(minutes=10)
    at = clock.now.isoformat()
    mixed = batch(event(event_timestamp=HOUR_AGO), event(event_timestamp=at))
    answer = (await client.post("/log/batch", json=mixed)).json()
    assert (answer["accepted"], answer["suppressed"]) == (1, 1)
    again = (await client.post("/log/batch", json=mixed)).json()
    assert (again["duplicates"], again["suppressed"]) == (1, 1)
    assert await totals(client) == (1, 1)
    assert await rollups_are_exact(settings)


async def test_an_opt_out_outlives_the_erasure(
    client: httpx.AsyncClient, log: Log, clock: Clock
) -> None:
    await log(event())
    await put(client, analytics=True, learning=True)
    await client.delete(USER, params=ADAS)
    assert (await client.get(OPT_OUT, params=ADAS)).json() == {
        **NOTHING,
        "analytics": True,
        "learning": True,
    }
    clock.now += timedelta(minutes=10)
    new = batch(event(event_timestamp=clock.now.isoformat()))
    assert (await client.post("/log/batch", json=new)).json()["suppressed"] == 1
    await put(client, analytics=False)
    assert (await client.post("/log/batch", json=new)).json()["accepted"] == 1
    # The other wish has come along.
    assert (await client.get(OPT_OUT, params=ADAS)).json() == {**NOTHING, "learning": True}


async def test_somebody_unknown_can_opt_out_and_be_erased(client: httpx.AsyncClient) -> None:
    receipt = (await client.delete(USER, params=ADAS)).json()
    assert receipt["deleted"] == {
        "activity_event": 0,
        "activity_session": 0,
        "activity_user_day": 0,
        "stray_event": 0,
        "served_prediction": 0,
        "prediction_score": 0,
        "app_user": 0,
    }
    late = (await client.post("/log", json={**ADAS, **event(event_timestamp=HOUR_AGO)})).json()
    assert late["status"] == "suppressed"
    assert (await put(client, analytics=True))["analytics"] is True


async def test_whose_has_to_be_said(client: httpx.AsyncClient) -> None:
    for response in (
        await client.get(OPT_OUT),
        await client.put(OPT_OUT, json={}),
        await client.delete(USER),
        await client.delete(USER, params={"user_email": [ADA, BOB]}),
        await client.put(OPT_OUT, params=ADAS, json={"marketing": True}),
        await client.put(OPT_OUT, params=ADAS, json={"analytics": "yes"}),
        await client.put(OPT_OUT, params=ADAS, content=b"{"),
    ):
        assert response.status_code == 422
        assert response.json()["error"]["code"] == "invalid_request"
