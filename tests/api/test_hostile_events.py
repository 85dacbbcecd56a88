"""Values that no event may have: each costs itself, or its own event; with a code and the field."""

import json
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import ADA, event, refused, stored

JSON = {"Content-Type": "application/json"}
TIME = "event_timestamp"


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


# A fragment of JSON that goes into an otherwise good event, the code, and the field that is named.
FAULTS = [
    ('"event_type":null', "invalid_value", "event_type"),
    ('"event_type":5', "invalid_value", "event_type"),
    ('"event_type":true', "invalid_value", "event_type"),
    ('"event_type":["a"]', "invalid_value", "event_type"),
    ('"event_type":{"a":1}', "invalid_value", "event_type"),
    ('"event_type":""', "empty", "event_type"),
    ('"event_type":" \\t\\n\\u00a0"', "empty", "event_type"),
    (f'"event_type":"{"x" * 129}"', "too_long", "event_type"),
    (f'"event_type":"{"x" * 50_000}"', "too_long", "event_type"),
    ('"event_type":NaN', "not_a_number", "event_type"),
    ('"event_timestamp":"9999-12-31T23:59:59.999999Z"', "in_future", "event_timestamp"),
    ('"event_timestamp":"9999-12-31T23:59:59-23:59"', "in_future", "event_timestamp"),
    ('"event_timestamp":"10000-01-01T00:00:00Z"', "invalid_value", "event_timestamp"),
    ('"event_timestamp":"0001-01-01T00:00:00Z"', "too_old", "event_timestamp"),
    ('"event_timestamp":"0001-01-01T00:00:00+23:59"', "too_old", "event_timestamp"),
    ('"event_timestamp":"0000-01-01T00:00:00Z"', "invalid_value", "event_timestamp"),
    ('"event_timestamp":"-2026-01-01T00:00:00Z"', "invalid_value", "event_timestamp"),
    ('"event_timestamp":"2026-11-20T11:00:00+24:00"', "invalid_value", "event_timestamp"),
    ('"event_timestamp":"2026-11-20T11:00:00-99:99"', "invalid_value", "event_timestamp"),
    ('"event_timestamp":"2026-11-20T10:59:61Z"', "invalid_value", "event_timestamp"),
    ('"event_timestamp":"2026-11-19T24:00:01Z"', "invalid_value", "event_timestamp"),
    ('"event_timestamp":{}', "invalid_value", "event_timestamp"),
    ('"event_timestamp":1e400', "number_out_of_range", "event_timestamp"),
    ('"user_email":null', "missing_field", "user_email"),
    ('"user_email":5', "invalid_value", "user_email"),
    ('"user_email":[]', "invalid_value", "user_email"),
    ('"user_email":""', "missing_field", "user_email"),
    ('"user_email":"ada"', "invalid_value", "user_email"),
    ('"user_email":"ada@"', "invalid_value", "user_email"),
    ('"user_email":"@example.com"', "invalid_value", "user_email"),
    ('"user_email":"ada@b@example.com"', "invalid_value", "user_email"),
    ('"user_email":"ada @example.com"', "invalid_value", "user_email"),
    ('"user_email":"ada\\u0001@example.com"', "invalid_value", "user_email"),
    ('"user_email":"ada\\u0000@example.com"', "invalid_text", "user_email"),
    (f'"user_email":"{"a" * 243}@example.com"', "invalid_value", "user_email"),
]

# What is kept all the same, with this warning.
REPAIRS = [
    ('"event_type":"a\\u0000b"', "replaced_text", "event_type"),
    ('"event_type":"a\\u0007b"', "replaced_text", "event_type"),
    ('"event_type":"a\\nb"', "replaced_text", "event_type"),
    ('"event_type":"a\\u007fb"', "replaced_text", "event_type"),
    ('"event_type":"\\ud83e"', "replaced_text", "event_type"),
    ('"event_type":"\\udd8a\\ud83e"', "replaced_text", "event_type"),
    ('"event_id":"x"', "hashed_id", "event_id"),
    ('"event_id":5', "hashed_id", "event_id"),
    ('"event_id":["0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c10"]', "invalid_value", "event_id"),
    ('"event_id":"0d5f3c5e-93a1-4b6e-8a64-5e1b7f3a2c1"', "hashed_id", "event_id"),
    ('"event_category":5', "invalid_value", "event_category"),
    ('"entity_type":false', "invalid_value", "entity_type"),
    ('"entity_id":true', "invalid_value", "entity_id"),
    ('"entity_id":1.5', "invalid_value", "entity_id"),
    (f'"entity_id":{"9" * 129}', "too_long", "entity_id"),
    (f'"entity_id":{"9" * 5000}', "number_out_of_range", "entity_id"),
    ('"session_id":{}', "invalid_value", "session_id"),
    ('"device_type":7', "invalid_value", "device_type"),
    ('"session_seq":-1', "invalid_value", "session_seq"),
    ('"session_seq":2147483648', "invalid_value", "session_seq"),
    ('"session_seq":1.5', "invalid_value", "session_seq"),
    ('"session_seq":true', "invalid_value", "session_seq"),
    ('"duration_ms":-1', "invalid_value", "duration_ms"),
    ('"duration_ms":315360000001', "invalid_value", "duration_ms"),
    ('"duration_ms":1e308', "invalid_value", "duration_ms"),
    ('"duration_ms":true', "invalid_value", "duration_ms"),
    ('"duration_ms":-Infinity', "not_a_number", "duration_ms"),
    ('"context_snapshot":"x"', "invalid_value", "context_snapshot"),
    ('"metadata":"{}"', "invalid_value", "metadata"),
    ('"metadata":5', "invalid_value", "metadata"),
    ('"event_metadata":true', "invalid_value", "event_metadata"),
    ('"metadata":{"a":NaN}', "not_a_number", "metadata.a"),
    ('"metadata":{"a":[1,{"b":[Infinity]}]}', "not_a_number", "metadata.a[1].b[0]"),
    ('"metadata":{"a":1e400}', "number_out_of_range", "metadata.a"),
    ('"metadata":{"a":-1e400}', "number_out_of_range", "metadata.a"),
    (f'"metadata":{{"a":{"9" * 309}}}', "number_out_of_range", "metadata.a"),
    (f'"metadata":{{"a":-{"9" * 5000}}}', "number_out_of_range", "metadata.a"),
    ('"metadata":{"a":"\\u0000"}', "replaced_text", "metadata.a"),
    ('"metadata":{"a":{"\\u0000":1}}', "replaced_text", "metadata.a"),
    ('"metadata":{"\\ud800":1}', "replaced_text", "metadata"),
    ('"metadata":{"a":["\\udfff"]}', "replaced_text", "metadata.a[0]"),
    (f'"metadata":{nested(33)}', "too_deep", "metadata" + ".a" * 32),
    (f'"metadata":{nested(500)}', "too_deep", "metadata" + ".a" * 32),
    (f'"metadata":{{"a":{"[" * 32}{"]" * 32}}}', "too_deep", "metadata.a" + "[0]" * 31),
    ('"metadata":{"a":1,"a":1}', "duplicate_key", "metadata"),
    ('"metadata":{"a":[{"b":1,"c":2,"b":3}]}', "duplicate_key", "metadata.a[0]"),
    ('"device_type":"a","device_type":"a"', "duplicate_key", "event"),
    ('"metadata":{},"metadata":{}', "duplicate_key", "event"),
    ('"colour":NaN', "unknown_field", "colour"),
    ('"colour":["\\u0000"]', "unknown_field", "colour"),
    ('"\\u0000":1', "unknown_field", "\ufffd"),
    (f'"colour":{nested(33)}', "unknown_field", "colour"),
]


def with_fragment(fragment: str) -> str:
    """A good event of Ada's, but for the fields in the fragment."""
    good = {"user_email": ADA, **event()}
    kept = {name: value for name, value in good.items() if f'"{name}":' not in fragment}
    return json.dumps(kept)[:-1] + f", {fragment}}}"


async def test_each_alone(client: httpx.AsyncClient) -> None:
    for fragment, code, field in FAULTS:
        content = with_fragment(fragment).encode()
        refused(await client.post("/log", content=content, headers=JSON), 422, code, field)
    large = with_fragment(f'"event_type":"{"x" * 100_000}"').encode()
    refused(await client.post("/log", content=large, headers=JSON), 422, "event_too_large", "event")
    assert await stored(client) == []


async def test_all_in_one_batch_with_good_events_between(client: httpx.AsyncClient) -> None:
    events = []
    for fragment, _, _ in FAULTS:
        events += [json.dumps({"user_email": ADA, **event()}), with_fragment(fragment)]
    content = f'{{"events": [{",".join(events)}]}}'.encode()
    response = await client.post("/log/batch", content=content, headers=JSON)
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["accepted"], body["rejected"]) == (len(FAULTS), len(FAULTS))
    assert [
        (each["index"], each["status"], each["code"], each["field"]) for each in body["results"]
    ] == [
        (2 * number + 1, "rejected", code, field) for number, (_, code, field) in enumerate(FAULTS)
    ]
    assert all(each["message"] for each in body["results"])
    assert len(await stored(client)) == len(FAULTS)


@pytest.mark.fault("N13")
@pytest.mark.fault("A3")
async def test_what_is_kept_with_a_warning(client: httpx.AsyncClient) -> None:
    """Alone, and in one batch with good events between."""
    events = []
    for fragment, code, field in REPAIRS:
        response = await client.post("/log", content=with_fragment(fragment), headers=JSON)
        assert response.status_code in {200, 201}, (fragment, response.text)
        warnings = [(each["code"], each["field"]) for each in response.json()["warnings"]]
        assert (code, field) in warnings, fragment
        events += [json.dumps({"user_email": ADA, **event()}), with_fragment(fragment)]
    content = f'{{"events": [{",".join(events)}]}}'
    answer = (await client.post("/log/batch", content=content, headers=JSON)).json()
    assert (answer["received"], answer["rejected"]) == (len(events), 0)
    warned = {each["index"]: each["warnings"] for each in answer["results"]}
    assert sorted(warned) == list(range(1, len(events), 2))
    for number, (fragment, code, field) in enumerate(REPAIRS):
        warnings = [(each["code"], each["field"]) for each in warned[2 * number + 1]]
        assert (code, field) in warnings, fragment


async def test_events_that_are_no_objects(client: httpx.AsyncClient) -> None:
    events = ["null", "true", "5", '"text"', "[]", "NaN", "1e400", "[{}]", '"\\u0000"', "9" * 5000]
    content = f'{{"user_email": "{ADA}", "events": [{",".join(events)}]}}'.encode()
    response = await client.post("/log/batch", content=content, headers=JSON)
    assert response.status_code == 422
    results = response.json()["results"]
    assert [each["index"] for each in results] == list(range(10))
    assert {(each["code"], each["field"], each["event_id"]) for each in results} == {
        ("invalid_value", "event", None)
    }


ODD_BUT_GOOD: list[tuple[str, str, object]] = [
    ('"event_type":"  page_viewed\\n"', "event_type", "page_viewed"),
    (f'"event_type":"{"🦊" * 128}"', "event_type", "🦊" * 128),
    ('"event_type":"\\ud83e\\udd8a"', "event_type", "🦊"),
    ('"event_type":"a\\u200db\\ufeffc"', "event_type", "a\u200db\ufeffc"),
    ('"user_email":"\\t ADA@EXAMPLE.COM "', "user_email", "ada@example.com"),
    ('"user_email":"ÄDA+x@exämple"', "user_email", "äda+x@exämple"),
    (f'"user_email":"{"a" * 242}@example.com"', "user_email", "a" * 242 + "@example.com"),
    ('"entity_id":-5', "entity_id", "-5"),
    (f'"entity_id":{"9" * 128}', "entity_id", "9" * 128),
    ('"session_seq":2147483647', "session_seq", 2147483647),
    ('"duration_ms":315360000000', "duration_ms", 315360000000),
    ('"duration_ms":1e-320', "duration_ms", 0),
    ('"event_timestamp":"2026-11-20t11:00:00+23:59"', TIME, "2026-11-19T11:01:00Z"),
    ('"event_timestamp":"2026-11-19T12:00:00-23:59"', TIME, "2026-11-20T11:59:00Z"),
    (f'"metadata":{nested(32)}', "metadata", json.loads(nested(32))),
]


async def test_odd_values_that_are_good(client: httpx.AsyncClient) -> None:
    for number, (fragment, field, kept) in enumerate(ODD_BUT_GOOD):
        own = json.dumps({"event_id": str(uuid4()), "entity_type": f"odd {number}"})[1:-1]
        content = with_fragment(f"{fragment}, {own}").encode()
        response = await client.post("/log", content=content, headers=JSON)
        assert response.status_code == 201, response.text
        [found] = await stored(client, entity_type=f"odd {number}")
        assert found[field] == kept
