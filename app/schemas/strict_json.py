"""Bytes -> JSON, keeping hold of what PostgreSQL or an honest reader could not take.

Python's parser lets through what JSON or jsonb forbid: NaN, numbers past a double, one key twice,
`\\u0000`, half a surrogate pair. Such a value must sink its own event only, so the parser marks it
in place, and `find_fault` finds it when the event is looked at.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import UnreadableBody

JSON_DEPTH_MAX = 8
INTEGER_DIGITS_MAX = 309  # of what a double can hold, and so every reader of JSON
KEY_SHOWN_MAX_CHARS = 64  # of a key in a message, as an answer must not grow with the request

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a JSON value is refused: a stable code, where it is, and a sentence."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class _NotANumber:
    """Stands where the text held NaN or an infinity, or a number that is too large."""

    code: str
    text: str


class _DuplicateKey(dict[str, Any]):
    """Stands where an object held one key twice."""

    key = ""


def parse_json(body: bytes) -> object:
    """The JSON value in `body`, with marks in place of what is refused (see `find_fault`).

    Raises:
        UnreadableBody: not JSON at all, or not UTF-8.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableBody(
            f"The body is not UTF-8: byte {error.start} can't be read.",
            code="invalid_utf8",
            details={"position": error.start},
        ) from error
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=lambda name: _NotANumber("not_a_number", name),
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise UnreadableBody(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            if text.strip()
            else "The body is empty.",
            details={"line": error.lineno, "column": error.colno},
        ) from error
    except RecursionError as error:
        raise UnreadableBody(
            f"The body is nested too deeply; {JSON_DEPTH_MAX} levels are the limit.",
            code="too_deep",
            details={"limit": "json_depth", "value": JSON_DEPTH_MAX},
        ) from error


def dump_json(value: object) -> bytes:
    """Compact JSON. Whole numbers past 64 bits are legal JSON, but not orjson's."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def find_fault(value: object, field: str, depth: int = 0) -> Fault | None:
    """The first thing in `value` that can't be kept as it is; None where all can.

    Args:
        field: the path of `value`, as the caller is told it.
        depth: how many objects and lists are around it.
    """
    fault = _fault_in(value, depth)
    return None if fault is None else _at(field, fault)


def _fault_in(value: object, depth: int) -> Fault | None:
    """As `find_fault`, but the path begins at `value`.

    It is put together on the way out of a fault only: a path for each of many values below one
    very long key would cost the product of both.
    """
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            return Fault("invalid_text", "", _unstorable_text(value))
        return None
    if isinstance(value, _NotANumber):
        return Fault(value.code, "", f"{value.text} is not a number that JSON can carry")
    if isinstance(value, float) and not math.isfinite(value):
        return Fault("number_out_of_range", "", f"{value} is not a number that JSON can carry")
    if isinstance(value, _DuplicateKey):
        shown = value.key[:KEY_SHOWN_MAX_CHARS]
        return Fault("duplicate_key", "", f"the key {shown!r} is there twice")
    if not isinstance(value, dict | list):
        return None
    if depth >= JSON_DEPTH_MAX:
        return Fault("too_deep", "", f"nested more than {JSON_DEPTH_MAX} levels deep")
    if isinstance(value, list):
        for position, item in enumerate(value):
            if fault := _fault_in(item, depth + 1):
                return _at(f"[{position}]", fault)
        return None
    for key, item in value.items():
        if _UNSTORABLE.search(key):
            return Fault("invalid_text", "", f"in a key: {_unstorable_text(key)}")
        if fault := _fault_in(item, depth + 1):
            return _at(f".{key}", fault)
    return None


def _at(place: str, fault: Fault) -> Fault:
    return Fault(fault.code, place + fault.field, fault.message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    twice = _DuplicateKey(found)
    twice.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return twice


def _integer(digits: str) -> object:
    # A double that came as 1.7e308 is kept, and read back, as a whole number of so many digits.
    if len(digits.removeprefix("-")) > INTEGER_DIGITS_MAX or not math.isfinite(float(digits)):
        return _NotANumber("number_out_of_range", f"{digits[:12]}... ({len(digits)} digits)")
    return int(digits)


def _float(digits: str) -> object:
    number = float(digits)
    return number if math.isfinite(number) else _NotANumber("number_out_of_range", digits[:32])


def _unstorable_text(value: str) -> str:
    if "\x00" in value:
        return "the character \\u0000 can't be stored"
    return "half a surrogate pair (a character cut in two) can't be stored"
