"""What of JSON is kept as it is, and what is marked and found again."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UnreadableBody
from app.schemas.strict_json import Fault, find_fault, parse_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def fault(raw: str | bytes) -> Fault | None:
    return find_fault(parse_json(raw.encode() if isinstance(raw, str) else raw), "body")


@given(PLAIN)
def test_plain_json_comes_through_unchanged(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("[1, 1.0, -0, 1e3]", [1, 1.0, 0, 1000.0]),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('{"a": {"a": 1}}', {"a": {"a": 1}}),
        ("9007199254740993", 9007199254740993),
        ("\ufeff{}", {}),
        (' \r\n\t"x" ', "x"),
    ],
)
def test_what_is_read(raw: str, value: object) -> None:
    assert parse_json(raw.encode()) == value
    assert fault(raw) is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("NaN", Fault("not_a_number", "body", "NaN is not a number that JSON can carry")),
        (
            '{"a": [0, -Infinity]}',
            Fault("not_a_number", "body.a[1]", "-Infinity is not a number that JSON can carry"),
        ),
        (
            '{"a": 1e400}',
            Fault("number_out_of_range", "body.a", "1e400 is not a number that JSON can carry"),
        ),
        (
            "2" * 309,
            Fault(
                "number_out_of_range",
                "body",
                "222222222222... (309 digits) is not a number that JSON can carry",
            ),
        ),
        ('{"k": 1, "k": 1}', Fault("duplicate_key", "body", "the key 'k' is there twice")),
        (
            '[{"a": 1, "b": 2, "a": 3}]',
            Fault("duplicate_key", "body[0]", "the key 'a' is there twice"),
        ),
        (
            '{"a": "x\\u0000"}',
            Fault("invalid_text", "body.a", "the character \\u0000 can't be stored"),
        ),
        (
            '{"a": "\\ud83d"}',
            Fault(
                "invalid_text",
                "body.a",
                "half a surrogate pair (a character cut in two) can't be stored",
            ),
        ),
        (
            '{"a": {"\\u0000": 1}}',
            Fault("invalid_text", "body.a", "in a key: the character \\u0000 can't be stored"),
        ),
    ],
)
def test_what_cannot_be_kept_is_found_with_its_place(raw: str, expected: Fault) -> None:
    assert fault(raw) == expected


@pytest.mark.parametrize("sign", ["", "-"])
def test_the_largest_whole_number_is_the_largest_double(sign: str) -> None:
    """jsonb holds such a double as its digits, and what was stored may be stored again."""
    assert fault(sign + str(int(sys.float_info.max))) is None
    found = fault(sign + "18" + "0" * 307)
    assert found is not None
    assert found.code == "number_out_of_range"


def test_a_number_of_a_megabyte_is_no_work() -> None:
    """Python itself refuses to convert it, with an error that would be a 500."""
    found = fault("[" + "7" * 1_000_000 + "]")
    assert found is not None
    assert (found.code, found.field) == ("number_out_of_range", "body[0]")


def test_the_first_fault_in_the_order_of_the_text_is_told() -> None:
    found = fault('{"a": {"b": [1, {"c": NaN}]}, "d": "\\u0000"}')
    assert found is not None
    assert (found.code, found.field) == ("not_a_number", "body.a.b[1].c")


def test_a_mark_below_a_key_that_is_there_twice_does_not_hide_it() -> None:
    found = fault('{"k": NaN, "k": 1}')
    assert found is not None
    assert found.code == "duplicate_key"


def test_depth_is_counted_in_objects_and_lists() -> None:
    assert fault("[" * 8 + "]" * 8) is None
    found = fault("[" * 9 + "]" * 9)
    assert found == Fault(
        "too_deep", "body[0][0][0][0][0][0][0][0]", "nested more than 8 levels deep"
    )
    assert fault('{"a":' * 8 + "1" + "}" * 8) is None
    assert find_fault({}, "body", depth=7) is None
    assert find_fault({}, "body", depth=8) is not None
    assert find_fault(1, "body", depth=8) is None


@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (b"", "invalid_json", "The body is empty."),
        (b" \n", "invalid_json", "The body is empty."),
        (
            b'{"a": oops}',
            "invalid_json",
            "The body is not JSON: Expecting value at line 1, column 7.",
        ),
        (
            b'{\n"a" 1}',
            "invalid_json",
            "The body is not JSON: Expecting ':' delimiter at line 2, column 5.",
        ),
        (b"{} {}", "invalid_json", "The body is not JSON: Extra data at line 1, column 4."),
        (b'"\xff"', "invalid_utf8", "The body is not UTF-8: byte 1 can't be read."),
        (b'"\xed\xa0\x80"', "invalid_utf8", "The body is not UTF-8: byte 1 can't be read."),
        (
            b"[" * 200_000,
            "too_deep",
            "The body is nested too deeply; 8 levels are the limit.",
        ),
    ],
)
def test_what_is_no_json_at_all(raw: bytes, code: str, message: str) -> None:
    with pytest.raises(UnreadableBody) as caught:
        parse_json(raw)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_where_the_json_breaks_is_told() -> None:
    with pytest.raises(UnreadableBody) as caught:
        parse_json(b'[\n  "a",\n  oops\n]')
    assert caught.value.details == {"line": 3, "column": 3}
