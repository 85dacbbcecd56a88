"""The fast reader takes what is plain, as the careful one would, and leaves everything else."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.fast_parser import read_batch
from app.ingest.strict_parser import prepare_with_care
from app.schemas.strict_json import parse_json
from app.settings import Settings
from tests.conftest import NOW
from tests.unit.conftest import event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def both(body: bytes) -> tuple[object, object]:
    plain = read_batch(body, NOW, Settings())
    return plain, prepare_with_care(parse_json(body), NOW, Settings())


@given(
    st.dictionaries(st.text(max_size=8), JSON, max_size=4),
    st.sampled_from([{}, {"session_id": 7}, {"device_type": " tv "}, {"context_snapshot": {}}]),
    st.sampled_from([{}, {"duration_ms": 1.5}, {"entity_id": 42}, {"session_id": None}]),
)
def test_both_readers_agree(
    metadata: dict[str, Any], defaults: dict[str, Any], fields: dict[str, Any]
) -> None:
    try:
        body = orjson.dumps(
            {"batch_id": "b", **defaults, "events": [event(metadata=metadata, **fields)]}
        )
    except TypeError:  # more than 64 bits, or half a character: not orjson's to send
        return
    plain, careful = both(body)
    assert plain is None or plain == careful


def test_a_plain_batch_is_taken() -> None:
    body = orjson.dumps(
        {
            "batch_id": "b",
            "user_email": "Ada@example.com",
            "context_snapshot": {"route": "/"},
            "sent_at": "2026-11-20T12:00:00Z",
            "events": [event(metadata={"a": {"b": [1, 'x\\u0041:":']}}), event(entity_id=5)],
        }
    )
    plain, careful = both(body)
    assert plain is not None
    assert plain == careful


@pytest.mark.parametrize(
    "odd",
    [
        b'"metadata":{"a":1,"a":2}',
        b'"metadata":{"a" :1,"a":2}',
        b'"metadata":{"a":NaN}',
        b'"metadata":{"a":1e999}',
        b'"metadata":{"a":"\\u0000"}',
        b'"metadata":{"a":"\\ud83d"}',
        b'"metadata":{"a":' + b"[" * 32 + b"1" + b"]" * 32 + b"}",
        b'"metadata":{"a":18446744073709551617}',
        b'"unknown":1',
        b'"event_metadata":{}',
        b'"event_timestamp":"2026-11-20T11:00:00"',
        b'"event_timestamp":"2027-11-20T11:00:00Z"',
        b'"event_type":""',
    ],
)
def test_anything_odd_is_left_to_the_careful_reader(odd: bytes) -> None:
    plain = orjson.dumps(event())
    body = b'{"events":[' + plain + b"," + plain[:-1] + b"," + odd + b"}]}"
    assert read_batch(body, NOW, Settings()) is None
