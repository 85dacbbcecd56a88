"""Parse JSON, and make it storable in PostgreSQL and readable by every JSON parser.

Python's parser accepts what JSON or jsonb forbid: NaN, numbers beyond a double, duplicate keys,
`\\u0000`, unpaired surrogates. Only the offending value is lost: the parser marks it in place, and
`repaired` replaces and reports it.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import UnreadableBody

INTEGER_DIGITS_MAX = 309  # of a double, which every JSON parser can hold
KEY_SHOWN_MAX_CHARS = 64  # of a key in a message: responses must not grow with requests
PATH_MAX_CHARS = 200
REPAIRS_NAMED_MAX = 20
# Far beyond any configured depth, and well within the limit of Python's parser.
PARSED_LEVELS_MAX = 200

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Except those that `surrogateescape` decodes bytes to.
_NUL_OR_HALF = re.compile("[\x00\ud800-\udc7f\udd00-\udfff]")
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
REPLACED_TEXT = (
    "contained an unpaired surrogate, \\u0000 or invalid UTF-8, which was replaced with U+FFFD"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in a JSON value: a stable code, the path, and a message."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A placeholder for a value that cannot be stored: NaN, a number that is too large, or a part
    of the text that is not JSON."""

    code: str
    message: str


class DuplicateKeys(dict[str, Any]):
    """An object whose text contains a key more than once; the last value is used.

    `pairs` are all keys and values, in order.
    """

    pairs: list[tuple[str, Any]]

    @property
    def message(self) -> str:
        seen: set[str] = set()
        twice = next(key for key, _ in self.pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        shown = stored_text(twice[:KEY_SHOWN_MAX_CHARS])
        return f"contains the key {shown!r} more than once; the last value is used"


@dataclass(frozen=True, slots=True)
class Repairs:
    """The replacements in a value: the first ones, and the number of others."""

    named: tuple[Fault, ...] = ()
    more: int = 0


def parse_json(body: bytes) -> object:
    """Parse a JSON value, with marks in place of values that cannot be stored (see `repaired`).

    Raises:
        UnreadableBody: the body is not JSON at all, or not UTF-8.
    """
    try:
        return parse_text(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableBody(
            f"The body is not valid UTF-8 at byte {error.start}.",
            code="invalid_utf8",
            details={"position": error.start},
        ) from error


def parse_text(text: str) -> object:
    """Parse text like `parse_json`.

    Control characters in strings are accepted. Values that are nested too deeply for the parser are
    cut, so that `repaired` replaces them.

    Raises:
        UnreadableBody: the text is not JSON.
    """
    try:
        return DECODER.decode(text)
    except RecursionError:
        text = cut_depth(text)
    except json.JSONDecodeError as error:
        raise _not_json(text, error) from error
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _not_json(text, error) from error


def cut_depth(text: str) -> str:
    """Empty all objects and lists nested deeper than `PARSED_LEVELS_MAX`, in one pass."""
    parts: list[str] = []
    depth = start = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        bracket = text[match.start()]
        if bracket in "{[":
            depth += 1
            if depth == PARSED_LEVELS_MAX:
                parts.append(text[start : match.end()])
        elif bracket != '"':
            if depth == PARSED_LEVELS_MAX:
                start = match.start()
            depth -= 1
    if depth < PARSED_LEVELS_MAX:
        parts.append(text[start:])
    return "".join(parts)


def dump_json(value: object) -> bytes:
    """Return compact JSON. Integers beyond 64 bits are valid JSON, but orjson rejects them."""
    try:
        return orjson.dumps(value)
    except TypeError:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=repr)
        return text.encode("utf-8", "surrogatepass")


def stored_text(text: str) -> str:
    """Replace each character, or part of one, that cannot be stored with U+FFFD."""
    if UNSTORABLE.search(text) is None:
        return text
    text = _NUL_OR_HALF.sub("\ufffd", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_storable(value: object, depth_max: int) -> bool:
    """Tell whether a value from the compiled parser can be stored: finite and not too deep. That
    parser rejects everything else that `repaired` looks for."""
    if isinstance(value, float):
        return math.isfinite(value)
    if not isinstance(value, dict | list):
        return True
    items: Iterable[object] = value.values() if isinstance(value, dict) else value
    return depth_max > 0 and all(is_storable(item, depth_max - 1) for item in items)


def repaired(value: object, field: str, depth_max: int) -> tuple[Any, Repairs]:
    """Return a storable copy of `value`, and the replacements in it, in order.

    Characters that cannot be stored become U+FFFD. Numbers outside the range of JSON, unreadable
    parts, and objects and lists nested deeper than `depth_max` become null.

    Args:
        field: path of `value` in messages to the caller.
    """
    repair = _Repair(field, depth_max)
    return repair.value(value, 0), Repairs(tuple(repair.named), repair.more)


class _Repair:
    """One pass over a value. Paths are built only for the replacements that are named: building
    one for each of many values below a very long key would cost the product of both."""

    def __init__(self, field: str, depth_max: int) -> None:
        self.named: list[Fault] = []
        self.more = 0
        self._field = field
        self._trail: list[str | int] = []
        self._numbered = 1
        self._depth_max = depth_max

    def value(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mark):
            self._note(value.code, f"{value.message}; stored as null")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._note("number_out_of_range", "is not a valid JSON number; stored as null")
            return None
        if not isinstance(value, dict | list):
            return value
        if depth >= self._depth_max:
            levels = self._depth_max
            self._note("too_deep", f"is nested more than {levels} levels deep; stored as null")
            return None
        if isinstance(value, dict):
            return self._object(value, depth)
        found = []
        for position, item in enumerate(value):
            self._trail.append(position)
            found.append(self.value(item, depth + 1))
            self._trail.pop()
        return found

    def _object(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        if isinstance(value, DuplicateKeys):
            self._note("duplicate_key", value.message)
        found: dict[str, Any] = {}
        for key, item in value.items():
            kept = self._text(key)
            if kept is not key:
                kept = self._free_name(kept, value, found)
            self._trail.append(kept)
            found[kept] = self.value(item, depth + 1)
            self._trail.pop()
        return found

    def _free_name(self, name: str, *taken: dict[str, Any]) -> str:
        """Return the name, with a number appended if it is taken. No number is tried twice, since
        any number of names may be taken."""
        free = name
        while any(free in names for names in taken):
            self._numbered += 1
            free = f"{name}_{self._numbered}"
        return free

    def _text(self, value: str) -> str:
        text = stored_text(value)
        if text is not value:
            self._note("replaced_text", REPLACED_TEXT)
        return text

    def _note(self, code: str, message: str) -> None:
        if len(self.named) >= REPAIRS_NAMED_MAX:
            self.more += 1
            return
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self._trail)
        path = (self._field + "".join(steps))[:PATH_MAX_CHARS]
        self.named.append(Fault(code, path, message))


def _not_json(text: str, error: json.JSONDecodeError) -> UnreadableBody:
    return UnreadableBody(
        f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        if text.strip()
        else "The body is empty.",
        details={"line": error.lineno, "column": error.colno},
    )


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these keys and values; duplicate keys are recorded in it."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = DuplicateKeys(found)
    twice.pairs = pairs
    return twice


def _constant(name: str) -> Mark:
    return Mark("not_a_number", f"is {name}, which is not a valid JSON number")


def _integer(digits: str) -> object:
    # 1.7e308 is stored, and read back, as an integer with that many digits.
    if len(digits.removeprefix("-")) > INTEGER_DIGITS_MAX or not math.isfinite(float(digits)):
        return _out_of_range(f"{digits[:12]}... ({len(digits)} digits)")
    return int(digits)


def _float(digits: str) -> object:
    number = float(digits)
    return number if math.isfinite(number) else _out_of_range(digits[:32])


def _out_of_range(shown: str) -> Mark:
    return Mark("number_out_of_range", f"is {shown}, which is outside the range of JSON numbers")


DECODER = json.JSONDecoder(
    object_pairs_hook=object_of,
    parse_constant=_constant,
    parse_int=_integer,
    parse_float=_float,
    strict=False,
)
