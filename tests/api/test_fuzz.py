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
    assert response.status_code in {200, 201, 400, 413, 415, 422}, response.text
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
