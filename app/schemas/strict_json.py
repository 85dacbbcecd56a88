"""Bytes -> JSON, and JSON -> what PostgreSQL and every reader of JSON can hold.

Python's parser lets through what JSON or jsonb forbid: NaN, numbers past a double, one key twice,
`\\u0000`, half a surrogate pair. Such a value costs itself only: the parser marks it in place, and
`repaired` replaces it and says so.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import UnreadableBody

INTEGER_DIGITS_MAX = 309  # of what a double can hold, and so every reader of JSON
KEY_SHOWN_MAX_CHARS = 64  # of a key in a message, as a response must not grow with the request
PATH_MAX_CHARS = 200
REPAIRS_NAMED_MAX = 20
# Far past any setting of the depth, and well within what Python's parser can hold.
PARSED_LEVELS_MAX = 200

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# But for those that `surrogateescape` decodes bytes to.
_NUL_OR_HALF = re.compile("[\x00\ud800-\udc7f\udd00-\udfff]")
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
REPLACED_TEXT = "held half a character, \\u0000 or bytes that are not UTF-8; replaced by U+FFFD"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a JSON value: a stable code, its path, and a sentence."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Stands in place of a value that can't be kept: NaN, a number that is too large, or a part
    of the text that can't be read."""

    code: str
    message: str


class DuplicateKeys(dict[str, Any]):
    """An object whose text held one key twice: the last one counts.

    `pairs` are all keys and values, in order.
    """

    pairs: list[tuple[str, Any]]

    @property
    def message(self) -> str:
        seen: set[str] = set()
        twice = next(key for key, _ in self.pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        shown = stored_text(twice[:KEY_SHOWN_MAX_CHARS])
        return f"holds the key {shown!r} more than once; the last one counts"


@dataclass(frozen=True, slots=True)
class Repairs:
    """What was replaced in a value: the first places, and how many more."""

    named: tuple[Fault, ...] = ()
    more: int = 0


def parse_json(body: bytes) -> object:
    """Parse the JSON value in `body`, with marks in place of what can't be kept (see `repaired`).

    Raises:
        UnreadableBody: not JSON at all, or not UTF-8.
    """
    try:
        return parse_text(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableBody(
            f"The body is not UTF-8: byte {error.start} can't be read.",
            code="invalid_utf8",
            details={"position": error.start},
        ) from error


def parse_text(text: str) -> object:
    """As `parse_json`. Control characters within strings are taken as they are; what is nested
    deeper than the parser can go is cut to what `repaired` replaces.

    Raises:
        UnreadableBody: not JSON.
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
    """Empty all objects and lists that are nested past `PARSED_LEVELS_MAX`, in one pass."""
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
    """Compact JSON. Whole numbers past 64 bits are legal JSON, but not orjson's."""
    try:
        return orjson.dumps(value)
    except TypeError:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=repr)
        return text.encode("utf-8", "surrogatepass")


def stored_text(text: str) -> str:
    """The text with U+FFFD for each character, or part of one, that can't be stored."""
    if UNSTORABLE.search(text) is None:
        return text
    text = _NUL_OR_HALF.sub("\ufffd", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_storable(value: object, depth_max: int) -> bool:
    """Whether a value of the compiled parser is kept as it is: finite and not too deep. That parser
    refuses everything else that `repaired` looks for."""
    if isinstance(value, float):
        return math.isfinite(value)
    if not isinstance(value, dict | list):
        return True
    items: Iterable[object] = value.values() if isinstance(value, dict) else value
    return depth_max > 0 and all(is_storable(item, depth_max - 1) for item in items)


def repaired(value: object, field: str, depth_max: int) -> tuple[Any, Repairs]:
    """A copy of `value` that can be stored, and what was replaced in it, in order.

    Characters that can't be stored become U+FFFD; numbers that JSON can't carry, unreadable parts,
    and objects and lists that are nested deeper than `depth_max` become null.

    Args:
        field: the path of `value`, as the caller is told it.
    """
    repair = _Repair(field, depth_max)
    return repair.value(value, 0), Repairs(tuple(repair.named), repair.more)


class _Repair:
    """One pass over one value. A path is put together for the named places only: one for each of
    many values below one very long key would cost the product of both."""

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
            self._note(value.code, f"{value.message}; null is kept")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._note("number_out_of_range", "is no number of JSON; null is kept")
            return None
        if not isinstance(value, dict | list):
            return value
        if depth >= self._depth_max:
            levels = self._depth_max
            self._note("too_deep", f"is nested more than {levels} levels deep; null is kept")
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
        """The name, with a number after it where it is taken. No number is tried twice: there may
        be as many names that are taken as there are to be made."""
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
        f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        if text.strip()
        else "The body is empty.",
        details={"line": error.lineno, "column": error.colno},
    )


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values; one that holds a key twice knows of it."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = DuplicateKeys(found)
    twice.pairs = pairs
    return twice


def _constant(name: str) -> Mark:
    return Mark("not_a_number", f"is {name}, which is no number of JSON")


def _integer(digits: str) -> object:
    # A double that came as 1.7e308 is kept, and read back, as a whole number of so many digits.
    if len(digits.removeprefix("-")) > INTEGER_DIGITS_MAX or not math.isfinite(float(digits)):
        return _out_of_range(f"{digits[:12]}... ({len(digits)} digits)")
    return int(digits)


def _float(digits: str) -> object:
    number = float(digits)
    return number if math.isfinite(number) else _out_of_range(digits[:32])


def _out_of_range(shown: str) -> Mark:
    return Mark("number_out_of_range", f"is {shown}, which is no number that JSON can carry")


DECODER = json.JSONDecoder(
    object_pairs_hook=object_of,
    parse_constant=_constant,
    parse_int=_integer,
    parse_float=_float,
    strict=False,
)
