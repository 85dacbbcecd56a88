"""What of JSON is kept as it is, and what is marked and found again."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UnreadableBody
from app.schemas.strict_json import Fault, Repairs, is_storable, parse_json, repaired, stored_text

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


def repairs(raw: str | bytes, depth_max: int = 32) -> tuple[object, Repairs]:
    value = parse_json(raw.encode() if isinstance(raw, str) else raw)
    return repaired(value, "body", depth_max)


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
        ('"a\tb\nc"', "a\tb\nc"),  # control characters within strings
    ],
)
def test_what_is_read(raw: str, value: object) -> None:
    assert parse_json(raw.encode()) == value
    assert repairs(raw) == (value, Repairs())


REPLACED = (
    "contained an unpaired surrogate, \\u0000 or invalid UTF-8, which was replaced with U+FFFD"
)


@pytest.mark.fault("A3")
@pytest.mark.parametrize(
    ("raw", "kept", "code", "field", "message"),
    [
        (
            "NaN",
            None,
            "not_a_number",
            "body",
            "is NaN, which is not a valid JSON number; stored as null",
        ),
        (
            '{"a": [0, -Infinity]}',
            {"a": [0, None]},
            "not_a_number",
            "body.a[1]",
            "is -Infinity, which is not a valid JSON number; stored as null",
        ),
        (
            '{"a": 1e400}',
            {"a": None},
            "number_out_of_range",
            "body.a",
            "is 1e400, which is outside the range of JSON numbers; stored as null",
        ),
        (
            '{"a": ' + "9" * 5000 + "}",
            {"a": None},
            "number_out_of_range",
            "body.a",
            "is 999999999999... (5000 digits), which is outside the range of JSON numbers; "
            "stored as null",
        ),
        (
            '{"k": 1, "k": 2}',
            {"k": 2},
            "duplicate_key",
            "body",
            "contains the key 'k' more than once; the last value is used",
        ),
        (
            '[{"a": 1, "b": 2, "a": 3}]',
            [{"a": 3, "b": 2}],
            "duplicate_key",
            "body[0]",
            "contains the key 'a' more than once; the last value is used",
        ),
        ('{"a": "\\u0000"}', {"a": "\ufffd"}, "replaced_text", "body.a", REPLACED),
        ('["Plan \\ud83d"]', ["Plan \ufffd"], "replaced_text", "body[0]", REPLACED),
        ('"\\udd8a\\ud83e"', "\ufffd\ufffd", "replaced_text", "body", REPLACED),
        ('{"a": {"\\u0000": 1}}', {"a": {"\ufffd": 1}}, "replaced_text", "body.a", REPLACED),
    ],
)
def test_what_cannot_be_kept_is_replaced_and_named(
    raw: str, kept: object, code: str, field: str, message: str
) -> None:
    assert repairs(raw) == (kept, Repairs((Fault(code, field, message),)))


@pytest.mark.fault("A3")
def test_keys_that_become_the_same_are_told_apart() -> None:
    value, found = repairs('{"a\\ud800": 1, "a\\ud801": 2, "a\ufffd": 3, "a\ufffd_2": 4}')
    assert value == {"a\ufffd_3": 1, "a\ufffd_4": 2, "a\ufffd": 3, "a\ufffd_2": 4}
    assert [each.code for each in found.named] == ["replaced_text", "replaced_text"]


@pytest.mark.fault("N12")
def test_bytes_that_are_not_utf_8_are_replaced_as_browsers_replace_them() -> None:
    raw = b"a\xff \xe2\x82 \xf0\x9f\x93 \xed\xa0\x80 \xc3\xa9"
    assert stored_text(raw.decode("utf-8", "surrogateescape")) == raw.decode("utf-8", "replace")
    assert stored_text("\udcff\ud83d\x00é") == "\ufffd\ufffd\ufffdé"
    assert stored_text("é") == "é"


@pytest.mark.parametrize("sign", ["", "-"])
def test_the_largest_whole_number_is_the_largest_double(sign: str) -> None:
    """jsonb holds such a double as its digits, and what was stored may be stored again."""
    assert repairs(sign + str(int(sys.float_info.max)))[1] == Repairs()
    assert repairs(sign + "18" + "0" * 307)[1].named[0].code == "number_out_of_range"


def test_a_number_of_a_megabyte_is_no_work() -> None:
    """Python itself refuses to convert it, with an error that would be a 500."""
    value, found = repairs("[" + "7" * 1_000_000 + "]")
    assert value == [None]
    assert (found.named[0].code, found.named[0].field) == ("number_out_of_range", "body[0]")


def test_repairs_are_named_in_the_order_of_the_text_up_to_a_bound() -> None:
    _, found = repairs('{"a": {"b": [1, {"c": NaN}]}, "d": "\\u0000"}')
    assert [(each.code, each.field) for each in found.named] == [
        ("not_a_number", "body.a.b[1].c"),
        ("replaced_text", "body.d"),
    ]
    value, found = repairs("[" + ",".join(["NaN"] * 25) + "]")
    assert value == [None] * 25
    assert (len(found.named), found.more) == (20, 5)


@pytest.mark.fault("R7")
def test_depth_is_counted_in_objects_and_lists() -> None:
    assert repairs("[" * 8 + "]" * 8, 8)[1] == Repairs()
    value, found = repairs("[" * 9 + "]" * 9, 8)
    assert value == [[[[[[[[None]]]]]]]]
    assert found.named == (
        Fault(
            "too_deep",
            "body[0][0][0][0][0][0][0][0]",
            "is nested more than 8 levels deep; stored as null",
        ),
    )
    assert repairs('{"a":' * 8 + "1" + "}" * 8, 8)[1] == Repairs()
    assert repairs('{"a":{"b":1},"c":[2],"d":3}', 1)[0] == {"a": None, "c": None, "d": 3}


@pytest.mark.fault("A10")
@pytest.mark.parametrize("levels", [900, 1000, 2000, 200_000])
def test_thousands_of_levels_are_cut(levels: int) -> None:
    value, found = repairs("[1," + '{"a":' * levels + '"}"' + "}" * levels + ",2]", 2)
    assert value == [1, {"a": None}, 2]
    assert [each.code for each in found.named] == ["too_deep"]


def test_what_a_compiled_parser_lets_through_and_cannot_be_stored() -> None:
    assert is_storable({"a": [1, 2.5, None, "x", True]}, 2)
    assert not is_storable({"a": [1]}, 1)
    assert not is_storable({"a": [float("inf")]}, 2)
    assert not is_storable({"a": float("nan")}, 2)


@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (b"", "invalid_json", "The body is empty."),
        (b" \n", "invalid_json", "The body is empty."),
        (
            b'{"a": oops}',
            "invalid_json",
            "The body is not valid JSON: Expecting value at line 1, column 7.",
        ),
        (
            b'{\n"a" 1}',
            "invalid_json",
            "The body is not valid JSON: Expecting ':' delimiter at line 2, column 5.",
        ),
        (b"{} {}", "invalid_json", "The body is not valid JSON: Extra data at line 1, column 4."),
        (b'"\xff"', "invalid_utf8", "The body is not valid UTF-8 at byte 1."),
        (b'"\xed\xa0\x80"', "invalid_utf8", "The body is not valid UTF-8 at byte 1."),
        (
            b"[" * 200_000,
            "invalid_json",
            "The body is not valid JSON: Expecting value at line 1, column 201.",
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
