"""Whatever the bytes or the JSON of a body, the answer is a verdict or a clear refusal."""

import json
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.usefixtures("still_serving")

JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
PATHS = ("/log", "/log/batch")


def answered(response: httpx.Response) -> None:
    """A verdict, or an error in the one shape; a failure of the service is neither."""
    assert response.status_code in {200, 201, 400, 408, 413, 415, 422}, response.text
    body = response.json()
    if response.status_code >= 400:
        assert list(body["error"]) == ["code", "message", "details"]
    else:
        assert "server_time" in body


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(PATHS),
    body=st.binary(max_size=200)
    | st.text(alphabet='{}[]":,\\ue1-.NaInfty \0\ud800', max_size=60).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
    headers=st.sampled_from([JSON, GZIP, {"Content-Type": "text/plain"}, {}]),
)
def test_any_bytes(
    live_client: httpx.Client, path: str, body: bytes, headers: dict[str, str]
) -> None:
    answered(live_client.post(path, content=body, headers=headers))


FIELDS = st.sampled_from(
    [
        *("user_email", "event_type", "event_id", "event_timestamp", "event_category", "entity_id"),
        *("metadata", "session_id", "session_seq", "device_type", "context_snapshot"),
        *("duration_ms", "sent_at", "batch_id", "events"),
    ]
)
TEXT = st.text(st.characters(), max_size=20)  # with controls and halves of surrogate pairs
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | TEXT
    | st.sampled_from(["a@b", str(uuid4()), "9999-12-31T23:59:59-23:59", "2026-11-20T11:00:00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS | TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(PATHS), body=st.dictionaries(FIELDS, VALUES, max_size=8))
def test_any_json(live_client: httpx.Client, path: str, body: dict[str, object]) -> None:
    content = json.dumps({"user_email": "a@b", "event_type": "a", **body}).encode()
    answered(live_client.post(path, content=content, headers=JSON))


@pytest.mark.fault("N12")
@settings(max_examples=150, deadline=None)
@given(data=st.data(), change=st.sampled_from(["replace", "cut", "insert", "repeat"]))
def test_one_event_of_a_batch_changed(
    live_client: httpx.Client, data: st.DataObject, change: str
) -> None:
    """Whatever happens to the bytes of one event, the others are kept, and the counts add up."""
    ids = [str(uuid4()) for _ in range(5)]
    events = [
        json.dumps(
            {"event_id": event_id, "event_type": "a", "metadata": {"t": "ü \\ }, {", "n": [1, {}]}},
            ensure_ascii=False,
        ).encode()
        for event_id in ids
    ]
    number = data.draw(st.integers(0, 4))
    event = events[number]
    start = data.draw(st.integers(0, len(event) - 1))
    end = data.draw(st.integers(start + 1, len(event)))
    some = data.draw(
        st.binary(min_size=1, max_size=4) | st.text('{}[]":,\\ut', min_size=1).map(str.encode)
    )
    changed = {
        "replace": some,
        "cut": b"",
        "insert": some + event[start:end],
        "repeat": event[start:end] * 2,
    }
    events[number] = event[:start] + changed[change] + event[end:]
    content = b'{"events":[' + b",".join(events) + b'],"user_email":"fuzz@example.com"}'
    response = live_client.post("/log/batch", content=content, headers=JSON)
    assert response.status_code == 200, response.text
    answer = response.json()
    counts = [answer[name] for name in ("accepted", "duplicates", "suppressed", "rejected")]
    assert answer["received"] == sum(counts)
    assert answer["accepted"] >= 4
    again = [{"event_id": event_id, "event_type": "a"} for event_id in ids]
    del again[number]
    stored = {"user_email": "fuzz@example.com", "events": again}
    assert live_client.post("/log/batch", json=stored).json()["duplicates"] == 4


@pytest.mark.fault("N12")
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_byte_of_a_batch_changed(live_client: httpx.Client, data: st.DataObject) -> None:
    event = {"event_type": "a", "metadata": {"t": [1, "x"]}}
    batch = {"sent_at": "2026-11-20T12:00:00Z", "user_email": "a@b", "events": [event] * 3}
    content = bytearray(json.dumps(batch).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    for path in PATHS:
        answered(live_client.post(path, content=bytes(content), headers=JSON))
