"""Bodies that no honest client sends: each is refused with a reason, and the service goes on."""

import gzip
import json
import random
import time
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
        (b"{'user_email': 'ada@example.com'}", "invalid_json"),
        (b"event_type=project_created", "invalid_json"),
        (b"<event/>", "invalid_json"),
        (b'\xff{"a": 1}', "invalid_json"),
        (b"[]", "invalid_envelope"),
        (b'"text"', "invalid_envelope"),
        (b"17", "invalid_envelope"),
        (b"1" * 5000, "invalid_envelope"),
        (b"1e400", "invalid_envelope"),
        (b"null", "invalid_envelope"),
        (b"true", "invalid_envelope"),
        (b"NaN", "invalid_envelope"),
        (b"-Infinity", "invalid_envelope"),
        (nested(10_000, "[", "]").encode(), "invalid_envelope"),
        (b"[" * 10_000, "invalid_json"),
        (b'{"a":' * 10_000, "invalid_json"),
    ],
)
def test_bodies_that_are_no_request(live_client: httpx.Client, body: bytes, code: str) -> None:
    for path in PATHS:
        response = live_client.post(path, content=body, headers=JSON)
        assert error_of(response, 400)["code"] == code
        response = live_client.post(path, content=gzip.compress(body), headers=GZIP)
        assert error_of(response, 400)["code"] == code


@pytest.mark.fault("N12")
@pytest.mark.parametrize(
    "body",
    [
        b"{%s}}",
        b"{%s,}",
        b'{"a": 01,%s}',
        b'{"a": "\n",%s}',
        b'{"a": "\x00",%s}',
        b'{"a": "\\x41",%s}',
        b'{"a": "\xc0\xaf",%s}',  # an overlong slash
        b'{"a": "\xed\xa0\x80",%s}',  # half a surrogate pair
        '{"a": "ü",%s}'.encode("latin-1"),
        b'{"a": ' + nested(10_000).encode() + b",%s}",
        b'{"a": ' + nested(10_000, "[", "]").encode() + b",%s}",
        b"\xef\xbb\xbf{%s}",
    ],
)
def test_bodies_that_are_one_bit_off(live_client: httpx.Client, body: bytes) -> None:
    for path, status in (("/log", 201), ("/log/batch", 200)):
        one = b'"user_email": "ada@example.com", "event_type": "a"'
        content = body.replace(b"%s", one if path == "/log" else b'"events": [{%b}]' % one)
        response = live_client.post(path, content=content, headers=JSON)
        assert response.status_code == status, response.text
        response = live_client.post(path, content=gzip.compress(content), headers=GZIP)
        assert response.status_code == status, response.text


ONE_OF_A_HUNDRED = [
    b'{"event_type":"x","metadata":{"t":"\xff"}}',
    b'{"event_type":"x","metadata":{"t":"caf\xe9 \xe2\x82"}}',
    b'{"event_type":"x","metadata":{"t":"a\tb\n"}}',
    b'{"event_type":"x",}',
    b'{"event_type":"x","metadata":{"t":"Plan \\ud83d"}}',
    b'{"event_type":"x","metadata":' + nested(2000).encode() + b"}",
    b'{"event_type":"x","metadata":' + b'{"a":' * 2000,
    b'{"event_type":"x","metadata":{"t":"cut',
    b'{"event_type":"x","metadata":{"t":cut}}',
    b"null",
    b"oops",
]


@pytest.mark.fault("N12")
@pytest.mark.fault("A10")
@pytest.mark.parametrize("odd", ONE_OF_A_HUNDRED, ids=range(len(ONE_OF_A_HUNDRED)))
def test_one_odd_event_of_a_hundred(live_client: httpx.Client, odd: bytes) -> None:
    user = f"{uuid4()}@example.com"
    events = [b'{"event_type":"good"}'] * 99
    content = b'{"user_email":"%b","events":[%b]}' % (
        user.encode(),
        b",".join([*events[:50], odd, *events[50:]]),
    )
    answer = live_client.post("/log/batch", content=content, headers=JSON).json()
    assert answer["received"] == 100
    assert answer["accepted"] + answer["rejected"] == 100
    stored = live_client.get("/", params={"user_email": user, "event_type": "good"}).json()
    assert len(stored["events"]) == 99
    is_kept = odd.endswith((b"}", b"}}")) and b'"t":"cut' not in odd
    assert answer["rejected"] == (0 if is_kept else 1)
    [result] = [each for each in answer["results"] if each["index"] == 50]
    assert result["status"] == ("accepted" if is_kept else "rejected")


@pytest.mark.fault("A5")
def test_utf_16_with_its_mark(live_client: httpx.Client) -> None:
    content = '{"user_email": "ada@example.com", "event_type": "é"}'.encode("utf-16")
    assert live_client.post("/log", content=content, headers=JSON).status_code == 201


@pytest.mark.fault("N12")
@pytest.mark.parametrize(
    ("envelope", "code", "field"),
    [
        ('"user_email":"a@example.com","user_email":"b@example.com"', "duplicate_key", "body"),
        ('"events":[],"events":[]', "duplicate_key", "body"),
        ('"batch_id":NaN', "not_a_number", "batch_id"),
        ('"batch_id":"\\u0000"', "invalid_text", "batch_id"),
        ('"batch_id":"a\\u0007"', "invalid_value", "batch_id"),
        ('"batch_id":["a"]', "invalid_value", "batch_id"),
        ('"session_id":"\\udc00"', "invalid_text", "session_id"),
        ('"\\ud800":1', "unknown_field", "\ufffd"),
        ('"colour":1e999', "unknown_field", "colour"),
        (f'"colour":{"9" * 5000}', "unknown_field", "colour"),
        ('"context_snapshot":{"a":{"b":1,"b":2}}', "duplicate_key", "context_snapshot.a"),
        (f'"context_snapshot":{nested(33)}', "too_deep", "context_snapshot" + ".a" * 32),
        (f'"context_snapshot":{nested(3000)}', "too_deep", "context_snapshot" + ".a" * 32),
        (f'"context_snapshot":{{"a":{[0] * 40_000}}}', "event_too_large", "context_snapshot"),
        ('"sent_at":"0000-01-01T00:00:00Z"', "invalid_value", "sent_at"),
        ('"sent_at":1e400', "number_out_of_range", "sent_at"),
    ],
)
def test_a_fault_of_the_envelope_costs_no_event(
    live_client: httpx.Client, envelope: str, code: str, field: str
) -> None:
    events = ",".join(['{"event_type":"a","user_email":"a@b"}'] * 100)
    body = f'{{{envelope},"events":[{events}]}}'
    response = live_client.post("/log/batch", content=body.encode(), headers=JSON)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["accepted"] == 100
    assert [(each["code"], each["field"]) for each in answer["warnings"]] == [(code, field)]


@pytest.mark.parametrize(
    ("sent_at", "time", "code"),
    [
        ("9999-12-31T23:59:59.999999Z", "2026-11-20T11:00:00Z", "too_old"),
        ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "too_old"),
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
    twice = gzip.compress(gzip.compress(b" " * 3 * MIB))
    small = gzip.compress(b" " * 200_000)
    for body in (bomb, of_members, twice, small):
        error = error_of(live_client.post(path, content=body, headers=GZIP), 413)
        assert error["details"] == {"limit": "inflation_max", "value": 25}
    padding = gzip.compress(bytes(random.Random(2).choices(b"01", k=1_000_000))) * 6
    error = error_of(live_client.post(path, content=padding, headers=GZIP), 413)
    assert error["details"] == {"limit": "body_max_inflated_bytes", "value": 5 * MIB}
    for blank in (b" " * 60_000, bytes(random.Random(3).choices(b" \n", k=4 * MIB))):
        response = live_client.post(path, content=gzip.compress(blank), headers=GZIP)
        assert error_of(response, 400)["message"] == "The body is empty."


def zipped_event() -> tuple[bytes, bytes]:
    raw = json.dumps({"user_email": f"{uuid4()}@b", "event_type": "a"}).encode()
    return raw, gzip.compress(raw)


@pytest.mark.fault("A4")
def test_gzip_that_is_broken_or_cut(live_client: httpx.Client) -> None:
    _, whole = zipped_event()
    for body in (whole[:-8] + bytes(8), b"\x1f\x8b\x07" + whole[3:], b"\0" * 100):
        error = error_of(live_client.post("/log", content=body, headers=GZIP), 400)
        assert error["code"] == "invalid_gzip", body
    cuts = [whole[:length] for length in (1, 9, 10, len(whole) // 2, len(whole) - 1)]
    for body in (*cuts, whole + whole[:12]):
        error = error_of(live_client.post("/log", content=body, headers=GZIP), 408)
        assert error["code"] == "incomplete_body", body
    assert (
        error_of(live_client.post("/log", content=b"", headers=GZIP), 400)["code"] == "invalid_json"
    )


@pytest.mark.fault("A4")
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "gzip, gzip", "identity", "utf-8", "br"])
def test_a_label_that_is_not_so(live_client: httpx.Client, encoding: str) -> None:
    headers = {**JSON, "Content-Encoding": encoding}
    for body in (*zipped_event(), zipped_event()[1] + b"\0\0", gzip.compress(zipped_event()[1])):
        response = live_client.post("/log", content=body, headers=headers)
        assert response.status_code == 201, response.text
    response = live_client.post("/log", content=zipped_event()[1], headers=JSON)
    assert response.status_code == 201, response.text


def test_gzip_of_several_members_is_one_body(live_client: httpx.Client) -> None:
    body = json.dumps({"user_email": f"{uuid4()}@b", "event_type": "a"}).encode()
    parts = [body[:10], b"", body[10:30], body[30:]]
    content = b"".join(gzip.compress(part) for part in parts)
    assert live_client.post("/log", content=content, headers=GZIP).status_code == 201
    nothing = gzip.compress(b"")
    error = error_of(live_client.post("/log", content=nothing * 1000, headers=GZIP), 400)
    assert error["message"] == "The body is empty."
    error = error_of(live_client.post("/log", content=nothing * 50_000, headers=GZIP), 400)
    assert error["code"] == "invalid_gzip"
    assert "1000 members" in error["message"]


def test_an_answer_does_not_outgrow_its_request(live_client: httpx.Client) -> None:
    unknown = {f"field{number:05}": 0 for number in range(50_000)}
    one = {"user_email": f"{uuid4()}@b", "event_type": "a", "event_id": str(uuid4())}
    refused(live_client.post("/log", json={**one, **unknown}), 422, "event_too_large", "event")
    few = {f"field{number:05}": 0 for number in range(1_800)}
    response = live_client.post("/log", json={**one, **few})
    assert response.status_code == 201
    warnings = [each for each in response.json()["warnings"] if each["code"] == "unknown_field"]
    assert [each["field"] for each in warnings[:2]] == ["field00000", "field00001"]
    assert len(warnings) == 21
    assert "1780 more" in warnings[-1]["message"]
    response = live_client.post("/log/batch", json={"events": [one], **unknown})
    assert len(response.json()["warnings"]) == 21

    key = "\U0010ffff" * 15_000
    bodies = (
        f'{{"{key}":1,"{key}":1,"user_email":"a@b","event_type":"a"}}',
        f'{{"{key}":NaN,"user_email":"a@b","event_type":"a"}}',
        f'{{"user_email":"a@b","event_type":"a","metadata":{{"{key}":"\\ud800"}}}}',
    )
    for body in bodies:
        response = live_client.post("/log", content=body.encode(), headers=JSON)
        assert response.status_code in {201, 422}, response.text
        assert len(response.content) < 4096


def test_a_long_key_around_many_values(live_client: httpx.Client) -> None:
    """What is around a value must cost nothing for each of the values in it."""
    metadata = '{"' + "k" * 500_000 + '":[' + "0," * 150_000 + "0]}"
    body = f'{{"user_email":"a@b","events":[{{"event_type":"a","metadata":{metadata}}}]}}'
    response = live_client.post("/log/batch", content=body.encode(), headers=JSON)
    [result] = response.json()["results"]
    assert (result["code"], result["field"]) == ("event_too_large", "metadata")
    response = live_client.post("/log", content=body.encode(), headers=JSON)
    refused(response, 422, "event_too_large", "event")


@pytest.mark.fault("S1")
def test_the_context_of_a_batch_is_prepared_once(live_client: httpx.Client) -> None:
    """60 KB that take a closer look, for 80 events: 48 seconds where each event looked anew."""
    events = [{"user_email": "x@example.com", "event_type": "a"} for _ in range(80)]
    body = {"events": events, "context_snapshot": {"x": "a@b " * 15_000}}
    began = time.monotonic()
    answer = live_client.post("/log/batch", json=body).json()
    assert answer["accepted"] == 80
    assert time.monotonic() - began < 5


def test_a_context_that_would_be_stored_too_often_is_left_out(live_client: httpx.Client) -> None:
    events = [{"user_email": "x@example.com", "event_type": "a"} for _ in range(1000)]
    body = {"events": events, "context_snapshot": {"x": "word " * 3_000}}
    answer = live_client.post("/log/batch", json=body).json()
    assert answer["accepted"] == 1000
    (warning,) = answer["warnings"]
    assert (warning["code"], warning["field"]) == ("event_too_large", "context_snapshot")
    assert warning["message"] == (
        "1000 events would have 15008 bytes each; a body can have at most 5242880 bytes; ignored"
    )


@pytest.mark.parametrize("path", PATHS)
def test_a_key_that_no_key_can_be(live_client: httpx.Client, path: str) -> None:
    body = b'{"key":"\\ud800","events":[{"event_type":"a","user_email":"a@b"}]}'
    response = live_client.post(path, content=body, headers={"Content-Type": "text/plain"})
    assert response.status_code < 500
