"""What of a body that is no JSON is kept, event by event."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UnreadableBody
from app.schemas.lenient_json import decoded, read_batch_json, read_event_json
from app.schemas.strict_json import Mark

GOOD = '{"event_type":"good","metadata":{"a":[{"b":1}],"t":"é \\" }, {"}}'
NOT_JSON = "(not JSON)"
CUT = "(cut)"


def types(body: str | bytes) -> list[str]:
    """The type of each event that was found."""
    raw = body if isinstance(body, bytes) else body.encode()
    value = read_batch_json(raw).value
    assert isinstance(value, dict)
    return [type_of(event) for event in value["events"]]


def type_of(event: object) -> str:
    if isinstance(event, Mark):
        return CUT if "ends inside" in event.message else NOT_JSON
    assert isinstance(event, dict), event
    return str(event["event_type"])


DEEP = '{"a":' * 2000
BROKEN = [
    # A string or an object that is not closed, or once too often.
    ('{"event_type":"x","metadata":{"t":"abc', [NOT_JSON]),
    ('{"event_type":"x","metadata":{"t":"abc}}', [NOT_JSON]),
    ('{"event_type":"x,"metadata":{"t":"abc"}}', [NOT_JSON]),
    ('{"event_type":"x","metadata":{"t":"abc"}', [NOT_JSON]),
    ('{"event_type":"x","metadata":{"t":[1,2}}', [NOT_JSON]),
    ('{"event_type":"x","metadata":{"t":"abc"}}}', ["x"]),
    ('{{"event_type":"x"}', ["x"]),
    ('{"event_type":"x"},"metadata":{"a":1}}', ["x", NOT_JSON]),
    (f'{{"event_type":"x","metadata":{DEEP}', [NOT_JSON]),
    # Values that are none.
    ('{"event_type":"x","metadata":{"a":undefined,"h":[{"event_type":"y"},{"b":1}]}}', ["x"]),
    ('{"event_type":"x","metadata":{"a":"\\x41"}}', ["x"]),
    ('{"event_type":"x","session_seq":01}', ["x"]),
    ('{"event_type":"x" "metadata":{}}', [NOT_JSON]),
    ("{'event_type':'x'}", [NOT_JSON]),
    ("nonsense", [NOT_JSON]),
    ("{event_type: 1}", [NOT_JSON]),
    # Punctuation that is too much or missing.
    ('{"event_type":"x",}', ["x"]),
    ('{"event_type":"x","metadata":{"a":[1,2,],},}', ["x"]),
    ('{"event_type":"x","metadata":{"a":[1,,2]}}', ["x"]),
    (f'{{"event_type":"x","metadata":{DEEP}1{"}" * 2000}}}', ["x"]),
    ("", []),
    (",", []),
    ("}", []),
    ("]", []),
    ('"', []),
]


@pytest.mark.fault("N12")
@pytest.mark.parametrize(("broken", "found"), BROKEN)
def test_a_broken_event_costs_itself_alone(broken: str, found: list[str]) -> None:
    assert types(f'{{"user_email":"a@b","events":[{GOOD},{broken},{GOOD},{GOOD}]}}') == [
        "good",
        *found,
        "good",
        "good",
    ]
    assert types(f'{{"events":[{GOOD},{broken},{GOOD},{broken},{GOOD}]}}') == [
        "good",
        *found,
        "good",
        *found,
        "good",
    ]
    # Those that sort their keys have the user after the events.
    body = f'{{"events": [\n{GOOD},\n{broken}\n], "session_id": "s", "user_email": "a@b"}}'
    value = read_batch_json(body.encode()).value
    assert isinstance(value, dict)
    assert [type_of(event) for event in value["events"]] == ["good", *found]
    assert (value["session_id"], value["user_email"]) == ("s", "a@b")


@pytest.mark.fault("N12")
@pytest.mark.parametrize(
    ("first", "found"),
    [
        ("1, {}]}}", ["good", "good"]),
        ('"x"],"metadata":{"a":1}}', ["good", "good"]),
        ('{"event_type":"x"}]}', ["x", "good", "good"]),
        ("]}]}", ["good", "good"]),
        ("}]", ["good", "good"]),
    ],
)
def test_a_list_that_is_closed_too_early(first: str, found: list[str]) -> None:
    body = f'{{"events":[{first},{GOOD},{GOOD}],"user_email":"a@b"}}'
    value = read_batch_json(body.encode()).value
    assert isinstance(value, dict)
    events = [each for each in value["events"] if isinstance(each, dict) and each]
    assert [type_of(event) for event in events] == found
    assert value["user_email"] == "a@b"


@pytest.mark.fault("N12")
def test_padding_after_a_body_is_nothing() -> None:
    read = read_batch_json(f'{{"events":[{GOOD}]}}\0\0\0'.encode())
    assert read.faults == []
    assert read_event_json(b'{"event_type":"x"}\0\0').value == {"event_type": "x"}


@pytest.mark.fault("N12")
def test_a_comma_between_events_may_be_missing_or_too_many() -> None:
    assert types(f'{{"events":[{GOOD}{GOOD} {GOOD}]}}') == ["good"] * 3
    assert types(f'{{"events":[,{GOOD},,{GOOD},],}}') == ["good"] * 2


@pytest.mark.fault("N12")
@pytest.mark.parametrize(
    ("cut", "found"),
    [
        (f'{{"events":[{GOOD},{GOOD[:30]}', ["good", CUT]),
        (f'{{"events":[{GOOD},{GOOD[:5]}', ["good", CUT]),
        (f'{{"events":[{GOOD},{{', ["good"]),
        (f'{{"events":[{GOOD},', ["good"]),
        (f'{{"events":[{GOOD}', ["good"]),
    ],
)
def test_what_is_whole_before_a_cut_is_kept(cut: str, found: list[str]) -> None:
    read = read_batch_json(cut.encode())
    assert types(cut) == found
    assert [(each.code, each.field) for each in read.faults] == [("truncated_body", "body")]


@pytest.mark.fault("N12")
def test_a_broken_part_of_the_envelope_is_left_out() -> None:
    read = read_batch_json(f'{{"sent_at":undefined,"user_email":"a@b","events":[{GOOD}]}}'.encode())
    assert isinstance(read.value, dict)
    assert read.value["sent_at"] == Mark("invalid_json", "is not valid JSON")
    assert read.value["user_email"] == "a@b"
    assert read.faults == []
    read = read_batch_json(f'{{sent_at:1,"events":[{GOOD}]}} // sent'.encode())
    assert [(each.code, each.field) for each in read.faults] == [("invalid_json", "body")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"events"',
        b'{"events":{}',
        b'{"user_email":"a@b","even',
        b'[{"events":[{}]',
    ],
)
def test_a_body_in_which_no_events_are_found(body: bytes) -> None:
    with pytest.raises(UnreadableBody) as caught:
        read_batch_json(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.fault("N12")
def test_one_event_is_whole_or_it_is_none() -> None:
    read = read_event_json(b'{"event_type":"x","metadata":{"a":undefined},"entity_id":oops,}}')
    assert read.value == {
        "event_type": "x",
        "metadata": {"a": Mark("invalid_json", "is not valid JSON")},
        "entity_id": Mark("invalid_json", "is not valid JSON"),
    }
    for cut in (b'{"event_type":"x"', b'{"event_type":"x","a":"', b'{"event_type":"x"}{"a":1}'):
        with pytest.raises(UnreadableBody):
            read_event_json(cut)


@pytest.mark.fault("N12")
def test_utf_16_is_known_by_its_first_bytes() -> None:
    assert decoded('{"a":"é"}'.encode("utf-16")) == '{"a":"é"}'
    assert decoded(b"\xef\xbb\xbf{}") == "{}"
    assert decoded(b'"\xff"') == '"\udcff"'


BATCH = [f'{{"event_type":"e{number}","metadata":{{"t":"x{number}"}}}}' for number in range(6)]


@pytest.mark.fault("N12")
@given(
    st.integers(0, 5),
    st.data(),
    st.sampled_from(["flip", "cut", "insert", "double"]),
)
def test_whatever_happens_to_one_event_the_others_are_kept(
    number: int, data: st.DataObject, change: str
) -> None:
    event = BATCH[number].encode()
    start = data.draw(st.integers(0, len(event) - 1))
    end = data.draw(st.integers(start, len(event)))
    some = data.draw(
        st.binary(max_size=4) | st.text('{}[]":,\\', max_size=4).map(lambda text: text.encode())
    )
    middle = {
        "flip": some,
        "cut": b"",
        "insert": some + event[start:end],
        "double": 2 * event[start:end],
    }
    changed = event[:start] + middle[change] + event[end:]
    events = [each.encode() for each in BATCH]
    events[number] = changed
    body = b'{"user_email":"a@b","events":[' + b",".join(events) + b"]}"
    value = read_batch_json(body).value
    assert isinstance(value, dict)
    found = {
        type_of(each)
        for each in value["events"]
        if isinstance(each, dict | Mark) and (isinstance(each, Mark) or "event_type" in each)
    }
    assert found >= {f"e{each}" for each in range(6) if each != number}


@pytest.mark.parametrize(
    "body",
    [
        '{"events":[' + '{"event_type":' * 300_000,
        '{"events":[' + "[" * 2_000_000,
        '{"events":[' + "[]" * 1_000_000,
        '{"events":[' + '{"a":"' * 300_000,
        '{"events":[' + '{"a",' * 300_000,
        '{"events":[' + '{"event_type":"x"' * 100_000,
        '{"events":[' + '{"event_type":"x","a":{]},' * 100_000,
        '{"events":[' + '"' * 1_000_000,
        '{"events":[' + "," * 1_000_000 + '{"a"',
        '{"events":[x],' * 100_000,
        '{"a":x' + '"events":[' * 100_000,
        "{" + '"a":{"b":{"c":x}},' * 100_000,
        '{"events":[{' + '"a":oops,' * 200_000,
        '{"events":[{"m":{' + '"a":[oops],' * 200_000 + "}}]}",
    ],
)
def test_hostile_bodies_take_linear_time(body: str) -> None:
    started_at = time.process_time()
    with suppress(UnreadableBody):
        read_batch_json(body.encode())
    assert time.process_time() - started_at < 15


@pytest.mark.fault("N12")
def test_every_event_of_a_large_batch_may_be_broken() -> None:
    event = (
        '{"event_type":"x","entity_id":"1","metadata":{"a":undefined,"title":"' + "t" * 40 + '"}}'
    )
    assert types(f'{{"events":[{",".join([event] * 1000)}]}}') == ["x"] * 1000
    cut = '{"event_type":"x","metadata":{"title":"' + "t" * 40
    mixed = ",".join([cut, GOOD] * 500)
    assert types(f'{{"events":[{mixed}]}}') == [NOT_JSON, "good"] * 500
    deep = f'{{"event_type":"x","metadata":{DEEP}1{"}" * 2001}'
    mixed = ",".join([deep, GOOD, cut, GOOD] * 50)
    assert types(f'{{"events":[{mixed}]}}') == ["x", "good", NOT_JSON, "good"] * 50


def test_what_is_json_is_read_as_json() -> None:
    body = json.dumps({"events": [{"event_type": "x"}], "a": "é"}).encode()
    read = read_batch_json(body)
    assert (read.value, read.faults) == ({"events": [{"event_type": "x"}], "a": "é"}, [])


@pytest.mark.fault("N12")
@pytest.mark.parametrize("spaces", ["", " ", "\n"])
def test_a_body_that_is_cut_behind_an_object_of_an_event_says_so(spaces: str) -> None:
    first, second = (
        '{"event_type":"a","metadata":{"n":1},"user_email":"a@b.co"}' for _ in range(2)
    )
    cut = second[: second.index("},") + 1]
    found = read_batch_json(f'{{"events":[{first},{cut}{spaces}'.encode())
    assert [fault.code for fault in found.faults] == ["truncated_body"]
