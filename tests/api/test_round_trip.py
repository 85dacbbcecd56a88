"""Whatever JSON a client puts into an event, it gets back; what can't be kept is replaced."""

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.conftest import Json
from tests.conftest import fresh_database, running_service


@pytest.fixture(scope="module")
def live_client(server_url: str) -> Iterator[httpx.Client]:
    """A service that keeps personal data, too: what is given here is of any shape."""
    with (
        fresh_database(server_url) as url,
        running_service(
            DATABASE_URL=url, ACTIVITY_PII_MODE="off", ACTIVITY_JSON_DEPTH_MAX="8"
        ) as service,
        httpx.Client(base_url=f"{service.url}/api/events", timeout=20) as client,
    ):
        yield client


INTEGER_MAX = int(sys.float_info.max)
LEVELS_MAX = 8

# All of Unicode but \0 and halves of surrogate pairs, which PostgreSQL can't hold.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([INTEGER_MAX, -INTEGER_MAX, 2**53 + 1, 2**63, -(2**64), 5e-324, 1.7e308])
    | TEXT
)


def values(levels: int) -> st.SearchStrategy[object]:
    """JSON values of at most so many objects and lists inside each other."""
    if levels == 0:
        return SCALARS
    inner = values(levels - 1)
    return SCALARS | st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)


OBJECTS = st.dictionaries(TEXT, values(LEVELS_MAX - 1), max_size=4)


def exact(value: object) -> object:
    """As JSON means it: 1 and 1.0 and 1e0 are one number, but true is none."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return (type(value), value)
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))


def sent(client: httpx.Client, events: list[Json], *, ascii_only: bool = True) -> tuple[str, Json]:
    """Logs the events in a session of their own; its id, and the answer."""
    session_id = str(uuid4())
    batch = {"user_email": "round@example.com", "session_id": session_id, "events": events}
    content = json.dumps(batch, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    headers = {"Content-Type": "application/json"}
    answer: Json = client.post("/log/batch", content=content, headers=headers).json()
    return session_id, answer


def kept(client: httpx.Client, session_id: str) -> dict[str, Json]:
    response = client.get("/", params={"session_id": session_id, "limit": 1000})
    events = json.loads(response.text, parse_float=Decimal)["events"]
    return {each["event_id"]: each for each in events}


@settings(max_examples=80, deadline=None)
@given(objects=st.lists(OBJECTS, min_size=1, max_size=12), ascii_only=st.booleans())
def test_json_comes_back_as_it_went_in(
    live_client: httpx.Client, objects: list[Json], ascii_only: bool
) -> None:
    events: list[Json] = [
        {
            "event_id": str(uuid4()),
            "event_type": "a",
            "metadata": metadata,
            "context_snapshot": snapshot,
        }
        for metadata, snapshot in zip(objects, reversed(objects), strict=True)
    ]
    session_id, answer = sent(live_client, events, ascii_only=ascii_only)
    assert answer["accepted"] == len(events), answer
    found = kept(live_client, session_id)
    assert len(found) == len(events)
    for event in events:
        for field in ("metadata", "context_snapshot"):
            assert exact(found[event["event_id"]][field]) == exact(event[field])


@settings(max_examples=60, deadline=None)
@given(metadata=OBJECTS)
def test_what_was_kept_is_found_by_it(live_client: httpx.Client, metadata: Json) -> None:
    """An object contains itself."""
    session_id, _ = sent(live_client, [{"event_type": "a", "metadata": metadata}])
    asked = json.dumps(metadata, ensure_ascii=False)
    response = live_client.get("/", params={"session_id": session_id, "metadata": asked})
    if len(asked) > 8192:
        assert response.status_code == 422
    else:
        assert len(response.json()["events"]) == 1, response.text


def wrapped(value: object, keys: list[str | None]) -> object:
    """The value inside objects, and lists where there is no key."""
    for key in keys:
        value = [value] if key is None else {key: value}
    return value


UNSTORABLE = st.sampled_from(
    [
        ("\0", "replaced_text"),
        ("a\0b", "replaced_text"),
        ("\ud83e", "replaced_text"),
        ("a\udfff", "replaced_text"),
        ({"\0": 1}, "replaced_text"),
        ({"\ud800": 1}, "replaced_text"),
        (float("nan"), "not_a_number"),
        (float("inf"), "not_a_number"),
        (-float("inf"), "not_a_number"),
        (2 * 10**308, "number_out_of_range"),
        (-2 * 10**308, "number_out_of_range"),
        (10**4000, "number_out_of_range"),
        (wrapped(1, [None] * LEVELS_MAX), "too_deep"),
        (wrapped(1, ["a"] * LEVELS_MAX), "too_deep"),
    ]
)


@settings(max_examples=80, deadline=None)
@given(
    unstorable=UNSTORABLE,
    keys=st.lists(st.none() | TEXT, max_size=LEVELS_MAX - 2),
    beside=OBJECTS,
)
def test_what_can_not_be_kept_is_replaced_alone(
    live_client: httpx.Client,
    unstorable: tuple[object, str],
    keys: list[str | None],
    beside: Json,
) -> None:
    value, code = unstorable
    bad = {**beside, "bad": wrapped(value, keys)}
    ids = [str(uuid4()) for _ in range(3)]
    session_id, answer = sent(
        live_client,
        [
            {"event_id": event_id, "event_type": "a", "metadata": metadata}
            for event_id, metadata in zip(ids, (beside, bad, beside), strict=True)
        ],
    )
    assert (answer["accepted"], answer["rejected"]) == (3, 0)
    [result] = [each for each in answer["results"] if each["index"] == 1]
    assert (result["event_id"], result["status"]) == (ids[1], "accepted")
    [warning] = [each for each in result["warnings"] if each["field"].startswith("metadata.bad")]
    assert warning["code"] == code
    found = kept(live_client, session_id)
    assert set(found) == set(ids)
    for event_id in ids:
        for key in beside:
            if key != "bad":
                assert exact(found[event_id]["metadata"][key]) == exact(beside[key])
