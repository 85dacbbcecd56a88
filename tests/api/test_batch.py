"""`POST /api/events/log/batch`: the contract of a batch."""

import gzip
import json
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from tests.api.conftest import (
    ADA,
    BOB,
    HOUR_AGO,
    Clock,
    Json,
    Log,
    error_of,
    event,
    refused,
    stored,
)
from tests.conftest import NOW

ID = "0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c10"
OTHER_ID = "7b0a3e7c-2f4f-4f3a-9d55-0c6a1f2e8b41"
JSON = {"Content-Type": "application/json"}


def batch(*events: object, **envelope: object) -> Json:
    return {"user_email": ADA, **envelope, "events": list(events)}


def counts(body: Json) -> list[int]:
    names = ("received", "accepted", "duplicates", "suppressed", "rejected")
    return [body[name] for name in names]


async def test_the_whole_answer(client: httpx.AsyncClient) -> None:
    """Plainly accepted events are counted and not listed; the others are, in order."""
    body = batch(
        event(event_id=ID),
        event(event_id=OTHER_ID, event_type=""),
        event(event_id=ID),
        event(),
        event(event_id=OTHER_ID, event_timestamp="2026-11-20T11:00:00"),
        17,
        batch_id="b-1",
        colour="red",
    )
    response = await client.post("/log/batch", json=body)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    plain: Json = {"code": None, "field": None, "message": None, "warnings": []}
    assert response.json() == {
        "batch_id": "b-1",
        "received": 6,
        "accepted": 3,
        "duplicates": 1,
        "suppressed": 0,
        "rejected": 2,
        "server_time": "2026-11-20T12:00:00Z",
        "results": [
            {
                "index": 1,
                "event_id": OTHER_ID,
                "status": "rejected",
                "code": "empty",
                "field": "event_type",
                "message": "String should have at least 1 character",
                "warnings": [],
            },
            {"index": 2, "event_id": ID, "status": "duplicate", **plain},
            {
                "index": 4,
                "event_id": OTHER_ID,
                "status": "accepted",
                **plain,
                "warnings": [
                    {
                        "code": "naive_timestamp",
                        "field": "event_timestamp",
                        "message": "has no UTC offset; interpreted as UTC",
                    }
                ],
            },
            {
                "index": 5,
                "event_id": None,
                "status": "rejected",
                "code": "invalid_value",
                "field": "event",
                "message": "must be a JSON object",
                "warnings": [],
            },
        ],
        "warnings": [
            {
                "code": "unknown_field",
                "field": "colour",
                "message": "is not a field of a batch; ignored",
            }
        ],
    }
    assert {each["event_id"] for each in await stored(client)} > {ID, OTHER_ID}


async def test_the_envelope_has_defaults_and_events_override_them(
    client: httpx.AsyncClient,
) -> None:
    body = batch(
        event(event_type="a_defaulted"),
        event(
            event_type="b_own",
            user_email=" BOB@example.com",
            session_id="s-2",
            device_type="mobile",
            context_snapshot={"route": "/own"},
        ),
        event(event_type="c_none", session_id=None, device_type=None, context_snapshot=None),
        session_id="s-1",
        device_type="desktop",
        context_snapshot={"route": "/"},
    )
    assert counts((await client.post("/log/batch", json=body)).json()) == [3, 3, 0, 0, 0]
    kept = {each["event_type"]: each for each in await stored(client)}
    fields = ("user_email", "session_id", "device_type", "context_snapshot")
    assert {name: [kept[name][field] for field in fields] for name in sorted(kept)} == {
        "a_defaulted": [ADA, "s-1", "desktop", {"route": "/"}],
        "b_own": [BOB, "s-2", "mobile", {"route": "/own"}],
        "c_none": [ADA, None, None, None],
    }


async def test_a_user_may_be_named_by_the_events_alone(client: httpx.AsyncClient) -> None:
    body = {"events": [event(user_email=BOB), event(event_id=ID)]}
    answer = (await client.post("/log/batch", json=body)).json()
    assert counts(answer) == [2, 1, 0, 0, 1]
    [result] = answer["results"]
    assert (result["index"], result["code"], result["field"]) == (1, "missing_field", "user_email")
    assert [each["user_email"] for each in await stored(client)] == [BOB]


async def test_a_default_that_is_wrong_sinks_only_the_events_that_use_it(
    client: httpx.AsyncClient,
) -> None:
    body = batch(event(), event(user_email=BOB), user_email="nobody")
    answer = (await client.post("/log/batch", json=body)).json()
    assert counts(answer) == [2, 1, 0, 0, 1]
    assert (answer["results"][0]["index"], answer["results"][0]["field"]) == (0, "user_email")


async def test_all_invalid_answers_with_the_error_and_with_the_batch(
    client: httpx.AsyncClient,
) -> None:
    body = batch(event(event_type=5), event(user_email="nobody"), batch_id="b-2")
    response = await client.post("/log/batch", json=body)
    assert response.status_code == 422
    answer = response.json()
    assert list(answer["error"]) == ["code", "message", "details"]
    assert answer["error"]["code"] == "all_rejected"
    assert (answer["batch_id"], counts(answer)) == ("b-2", [2, 0, 0, 0, 2])
    assert [(each["index"], each["field"]) for each in answer["results"]] == [
        (0, "event_type"),
        (1, "user_email"),
    ]
    assert await stored(client) == []


async def test_only_duplicates_and_invalid_ones_is_no_failure(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(event(event_id=ID))
    response = await client.post("/log/batch", json=batch(event(event_id=ID), event(event_type="")))
    assert response.status_code == 200
    assert counts(response.json()) == [2, 0, 1, 0, 1]


async def test_a_batch_without_an_id_gets_one(log: Log) -> None:
    first, second = [(await log(event()))["batch_id"] for _ in range(2)]
    assert UUID(first).version == 7
    assert first != second


async def test_a_thousand_events_fit_and_no_more(client: httpx.AsyncClient) -> None:
    events = [event() for _ in range(1001)]
    response = await client.post("/log/batch", json=batch(*events))
    error = error_of(response, 413)
    assert error["details"] == {"limit": "batch_max_events", "value": 1000}
    assert await stored(client) == []
    response = await client.post("/log/batch", json=batch(*events[:1000]))
    assert counts(response.json()) == [1000, 1000, 0, 0, 0]
    assert len(await stored(client)) == 1000


@pytest.mark.parametrize("field", ["metadata", "context_snapshot"])
async def test_an_event_of_64_kib_fits_and_no_larger(client: httpx.AsyncClient, field: str) -> None:
    # {"note":"..."} has 11 bytes beside the text; an event without metadata has {} for it.
    room = 64 * 1024 - 11 - (2 if field == "context_snapshot" else 0)
    fits, larger = ({"note": "x" * length} for length in (room, room + 1))
    body = batch(event(**{field: fits}), event(**{field: larger}))
    answer = (await client.post("/log/batch", json=body)).json()
    assert counts(answer) == [2, 1, 0, 0, 1]
    [result] = answer["results"]
    assert (result["index"], result["code"], result["field"]) == (1, "event_too_large", field)
    assert "65537 bytes" in result["message"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "no_events", "events"),
        ({"events": []}, "no_events", "events"),
        ({"events": {}}, "no_events", "events"),
        ({"events": None}, "no_events", "events"),
        ({"events": "x"}, "no_events", "events"),
    ],
)
async def test_a_body_that_is_no_batch(
    client: httpx.AsyncClient, body: Json, code: str, field: str
) -> None:
    refused(await client.post("/log/batch", json=body), 400, code, field)
    assert await stored(client) == []


@pytest.mark.fault("N12")
@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (batch(event(), batch_id=5), "invalid_value", "batch_id"),
        (batch(event(), batch_id="x" * 129), "too_long", "batch_id"),
        (batch(event(), sent_at="soon"), "invalid_value", "sent_at"),
        (batch(event(), sent_at="1795174200"), "invalid_value", "sent_at"),
        (batch(event(), session_id="a\0b"), "invalid_text", "session_id"),
        (
            batch(event(), context_snapshot={"note": "x" * 65536}),
            "event_too_large",
            "context_snapshot",
        ),
    ],
)
async def test_what_is_wrong_in_the_envelope_is_left_out(
    client: httpx.AsyncClient, body: Json, code: str, field: str
) -> None:
    answer = (await client.post("/log/batch", json=body)).json()
    assert counts(answer) == [1, 1, 0, 0, 0]
    assert [(each["code"], each["field"]) for each in answer["warnings"]] == [(code, field)]
    assert len(await stored(client)) == 1


async def test_gzip_and_plain_text(client: httpx.AsyncClient) -> None:
    body = gzip.compress(json.dumps(batch(event(), event())).encode())
    headers = {"Content-Type": "text/plain;charset=UTF-8", "Content-Encoding": "gzip"}
    response = await client.post("/log/batch", content=body, headers=headers)
    assert counts(response.json()) == [2, 2, 0, 0, 0]


async def test_a_wrong_clock_is_corrected_for_every_event(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    """The client's clock is three hours fast, and the batch comes twice."""
    body = batch(
        event(event_timestamp="2026-11-20T14:30:00Z"),
        event(event_timestamp="2026-11-20T14:59:59.500Z"),
        sent_at="2026-11-20T15:00:00Z",
    )
    answer = (await client.post("/log/batch", json=body)).json()
    assert counts(answer) == [2, 2, 0, 0, 0]
    assert [each["warnings"][0]["code"] for each in answer["results"]] == ["clock_corrected"] * 2
    clock.now = NOW + timedelta(seconds=30.25)
    again = {**body, "sent_at": "2026-11-20T15:00:30Z"}
    assert counts((await client.post("/log/batch", json=again)).json()) == [2, 0, 2, 0, 0]
    assert [each["event_timestamp"] for each in await stored(client)] == [
        "2026-11-20T11:59:59.500000Z",
        "2026-11-20T11:30:00Z",
    ]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (json.dumps(batch(event(), 5)), JSON, 200, None),
        (json.dumps(batch(5)), JSON, 422, "all_rejected"),
        ("[]", JSON, 400, "invalid_envelope"),
        ("{", JSON, 400, "invalid_json"),
        (json.dumps(batch()), JSON, 400, "no_events"),
        (json.dumps(batch(*range(1001))), JSON, 413, "too_large"),
        (" " * (1024 * 1024 + 1), JSON, 413, "too_large"),
        (json.dumps(batch(event())), {"Content-Type": "text/html"}, 415, "unsupported_media_type"),
    ],
)
async def test_the_table_of_statuses(
    client: httpx.AsyncClient, body: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    response = await client.post("/log/batch", content=body.encode(), headers=headers)
    assert response.status_code == status
    assert response.json().get("error", {}).get("code") == code
    assert "retry-after" not in response.headers


async def test_without_a_database_nothing_is_committed_and_the_client_is_told_when_to_retry(
    stranded: httpx.AsyncClient,
) -> None:
    for path, body in (("/log/batch", batch(event())), ("/log", {"user_email": ADA, **event()})):
        response = await stranded.post(path, json=body)
        assert error_of(response, 503)["code"] == "database_unavailable"
        assert int(response.headers["retry-after"]) > 0
    # Who is asking is not known without one, so that nothing else is looked at either.
    assert (await stranded.post("/log/batch", json=batch(5))).status_code == 503


async def test_one_user_of_many_is_never_another(client: httpx.AsyncClient, log: Log) -> None:
    """The same id, at the same time, of two users is two events."""
    await log(event(event_id=ID), event(event_id=ID, user_email=BOB))
    for user in (ADA, BOB):
        [kept] = await stored(client, user_email=user)
        assert (kept["user_email"], kept["event_timestamp"]) == (user, HOUR_AGO)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/log/batch", [event()], 'The body must be a JSON object: {"events": [...]}.'),
        (
            "/log",
            {"user_email": ADA, "events": [event()]},
            "The body is a batch. Send it to POST /api/events/log/batch.",
        ),
    ],
)
async def test_a_body_for_another_route_is_told_so(
    client: httpx.AsyncClient, path: str, body: object, message: str
) -> None:
    response = await client.post(path, json=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_envelope"
    assert response.json()["error"]["message"] == message


@pytest.mark.fault("N12")
async def test_the_events_of_two_lists_are_all_kept(client: httpx.AsyncClient) -> None:
    one, two = (json.dumps(event(user_email=ADA)) for _ in range(2))
    body = f'{{"events": [{one}], "events": [{two}]}}'.encode()
    response = await client.post("/log/batch", content=body, headers=JSON)
    answer = response.json()
    assert answer["accepted"] == 2
    assert [warning["message"] for warning in answer["warnings"]] == [
        "contains the key 'events' more than once; the events of all lists are used"
    ]
