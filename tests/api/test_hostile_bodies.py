"""Bodies that no honest client sends: each is refused with a reason, and the service goes on."""

import gzip
import json
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import error_of, refused

pytestmark = pytest.mark.usefixtures("still_serving")

JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
MIB = 1024 * 1024
PATHS = ("/log", "/log/batch")


def nested(levels: int, opening: str = '{"a":', closing: str = "}") -> str:
    return opening * levels + "1" + closing * levels


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b" \r\n\t", "invalid_json"),
        (b'{"user_email": "ada@example.com", "event_ty', "invalid_json"),
        (b'{"user_email": "ada@example.com"}}', "invalid_json"),
        (b'{"user_email": "ada@example.com",}', "invalid_json"),
        (b"{'user_email': 'ada@example.com'}", "invalid_json"),
        (b'{"a": 01}', "invalid_json"),
        (b'{"a": "\n"}', "invalid_json"),
        (b'{"a": "\x00"}', "invalid_json"),
        (b'{"a": "\\x41"}', "invalid_json"),
        (b"event_type=project_created", "invalid_json"),
        (b"<event/>", "invalid_json"),
        (b'\xff{"a": 1}', "invalid_utf8"),
        (b'{"a": "\xc0\xaf"}', "invalid_utf8"),  # an overlong slash
        (b'{"a": "\xed\xa0\x80"}', "invalid_utf8"),  # half a surrogate pair
        ('{"a": "ü"}'.encode("latin-1"), "invalid_utf8"),
        ('{"a": 1}'.encode("utf-16"), "invalid_utf8"),
        (b"[]", "invalid_envelope"),
        (b'"text"', "invalid_envelope"),
        (b"17", "invalid_envelope"),
        (b"1" * 5000, "invalid_envelope"),
        (b"1e400", "invalid_envelope"),
        (b"null", "invalid_envelope"),
        (b"true", "invalid_envelope"),
        (b"NaN", "invalid_envelope"),
        (b"-Infinity", "invalid_envelope"),
        (nested(10_000).encode(), "too_deep"),
        (nested(10_000, "[", "]").encode(), "too_deep"),
        (b"[" * 10_000, "too_deep"),
        (b'{"a":' * 10_000, "too_deep"),
        (f'{{"event_type":"a","metadata":{nested(10_000)}}}'.encode(), "too_deep"),
        (f'{{"user_email":"a@b","events":[{nested(10_000)}]}}'.encode(), "too_deep"),
    ],
)
def test_bodies_that_are_no_request(live_client: httpx.Client, body: bytes, code: str) -> None:
    for path in PATHS:
        response = live_client.post(path, content=body, headers=JSON)
        assert error_of(response, 400)["code"] == code
        response = live_client.post(path, content=gzip.compress(body), headers=GZIP)
        assert error_of(response, 400)["code"] == code


@pytest.mark.parametrize(
    ("envelope", "code", "field"),
    [
        ('"user_email":"a@example.com","user_email":"b@example.com"', "duplicate_key", "body"),
        ('"events":[],"events":[{}]', "duplicate_key", "body"),
        ('"batch_id":NaN', "not_a_number", "batch_id"),
        ('"batch_id":"\\u0000"', "invalid_text", "batch_id"),
        ('"batch_id":"a\\u0007"', "invalid_envelope", "batch_id"),
        ('"batch_id":["a"]', "invalid_envelope", "batch_id"),
        ('"session_id":"\\udc00"', "invalid_text", "session_id"),
        ('"\\ud800":1', "invalid_text", "body"),
        ('"colour":1e999', "number_out_of_range", "colour"),
        (f'"colour":{"9" * 5000}', "number_out_of_range", "colour"),
        ('"context_snapshot":{"a":{"b":1,"b":2}}', "duplicate_key", "context_snapshot.a"),
        (f'"context_snapshot":{nested(9)}', "too_deep", "context_snapshot" + ".a" * 8),
        (f'"context_snapshot":{{"a":{[0] * 40_000}}}', "event_too_large", "context_snapshot"),
        (f'"user_email":"{"a" * 40_000}@b"', "event_too_large", "user_email"),
        ('"sent_at":"0000-01-01T00:00:00Z"', "invalid_envelope", "sent_at"),
        ('"sent_at":1e400', "number_out_of_range", "sent_at"),
    ],
)
def test_envelopes_that_are_no_envelope(
    live_client: httpx.Client, envelope: str, code: str, field: str
) -> None:
    events = ",".join(['{"event_type":"a","user_email":"a@b"}'] * 1000)
    body = f'{{{envelope},"events":[{events}]}}'
    response = live_client.post("/log/batch", content=body.encode(), headers=JSON)
    refused(response, 400, code, field)


@pytest.mark.parametrize(
    ("sent_at", "time", "code"),
    [
        ("9999-12-31T23:59:59.999999Z", "2026-11-20T11:00:00Z", "too_old"),
        ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "too_old"),
        ("0001-01-01T00:00:00Z", "2026-11-20T11:00:00Z", "in_future"),
        ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "in_future"),
    ],
)
def test_clocks_that_are_thousands_of_years_off(
    live_client: httpx.Client, sent_at: str, time: str, code: str
) -> None:
    """What the event's time is corrected to is no time to keep."""
    one = {"event_type": "a", "user_email": "a@b", "event_timestamp": time}
    response = live_client.post("/log/batch", json={"sent_at": sent_at, "events": [one]})
    assert response.status_code == 422
    [result] = response.json()["results"]
    assert (result["code"], result["field"]) == (code, "event_timestamp")


@pytest.mark.parametrize("path", PATHS)
def test_bodies_that_are_too_large(live_client: httpx.Client, path: str) -> None:
    text = f'{{"user_email":"a@b","event_type":"{"x" * 2 * MIB}"}}'.encode()
    for body in (text, b" " * 2 * MIB, b" " * (MIB + 1)):
        error = error_of(live_client.post(path, content=body, headers=JSON), 413)
        assert error["code"] == "too_large"
        assert error["details"] == {"limit": "body_max_bytes", "value": MIB}
    response = live_client.post(path, content=b" " * MIB, headers=JSON)
    assert error_of(response, 400)["message"] == "The body is empty."


@pytest.mark.parametrize("path", PATHS)
def test_gzip_bombs(live_client: httpx.Client, path: str) -> None:
    bomb = gzip.compress(b" " * 64 * MIB, 9)
    assert len(bomb) < MIB
    of_members = gzip.compress(b" " * MIB, 9) * 64
    one_too_many = gzip.compress(b" " * (5 * MIB + 1))
    for body in (bomb, of_members, one_too_many):
        error = error_of(live_client.post(path, content=body, headers=GZIP), 413)
        assert error["details"] == {"limit": "body_max_inflated_bytes", "value": 5 * MIB}
    response = live_client.post(path, content=gzip.compress(b" " * 5 * MIB), headers=GZIP)
    assert error_of(response, 400)["message"] == "The body is empty."


@pytest.mark.parametrize("path", PATHS)
def test_broken_gzip(live_client: httpx.Client, path: str) -> None:
    whole = gzip.compress(json.dumps({"user_email": "a@b", "event_type": "a"}).encode())
    broken = [
        *(whole[:length] for length in (1, 9, 10, len(whole) // 2, len(whole) - 1)),
        whole[:-8] + bytes(8),  # its sum and its length
        whole + b"more",
        whole + whole[:12],
        b"\x1f\x8b\x07" + whole[3:],
        b'{"user_email": "a@b"}',
        b"\0" * 100,
    ]
    for body in broken:
        error = error_of(live_client.post(path, content=body, headers=GZIP), 400)
        assert error["code"] == "invalid_gzip", body
    assert (
        error_of(live_client.post(path, content=b"", headers=GZIP), 400)["code"] == "invalid_json"
    )


def test_gzip_of_several_members_is_one_body(live_client: httpx.Client) -> None:
    body = json.dumps({"user_email": f"{uuid4()}@b", "event_type": "a"}).encode()
    parts = [body[:10], b"", body[10:30], body[30:]]
    content = b"".join(gzip.compress(part) for part in parts)
    assert live_client.post("/log", content=content, headers=GZIP).status_code == 201
    nothing = gzip.compress(b"") * 50_000
    error = error_of(live_client.post("/log", content=nothing, headers=GZIP), 400)
    assert error["message"] == "The body is empty."


def test_an_answer_does_not_outgrow_its_request(live_client: httpx.Client) -> None:
    unknown = {f"field{number:05}": 0 for number in range(50_000)}
    one = {"user_email": f"{uuid4()}@b", "event_type": "a", "event_id": str(uuid4())}
    response = live_client.post("/log", json={**one, **unknown})
    assert response.status_code == 201
    warnings = [each for each in response.json()["warnings"] if each["code"] == "unknown_field"]
    assert [each["field"] for each in warnings[:2]] == ["field00000", "field00001"]
    assert len(warnings) == 21
    assert "49980 more" in warnings[-1]["message"]
    response = live_client.post("/log/batch", json={"events": [one], **unknown})
    assert len(response.json()["warnings"]) == 21

    key = "\U0010ffff" * 100_000
    for body in (f'{{"{key}":1,"{key}":1}}', f'{{"{key}":NaN}}', f'{{"a":{{"{key}":"\\ud800"}}}}'):
        response = live_client.post("/log", content=body.encode(), headers=JSON)
        assert response.status_code == 422
        assert len(response.content) < 4096


def test_a_long_key_around_many_values(live_client: httpx.Client) -> None:
    """What is around a value must cost nothing for each of the values in it."""
    metadata = '{"' + "k" * 2_500_000 + '":[' + "0," * 1_000_000 + "0]}"
    body = f'{{"user_email":"a@b","event_type":"a","metadata":{metadata}}}'
    response = live_client.post("/log", content=gzip.compress(body.encode()), headers=GZIP)
    refused(response, 422, "event_too_large", "metadata")
