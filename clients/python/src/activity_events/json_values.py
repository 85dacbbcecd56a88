"""Values that JSON has no word for, said in JSON: a value may lose its type, but never its event.

Each kind of change is logged once. Nothing is read of an object but what it offers for this: its
fields, its list, its text. A field that a class keeps out of its `repr` stays out.
"""

from __future__ import annotations

import dataclasses
import math
import os
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any, cast
from uuid import UUID

from activity_events import log
from activity_events.json_times import MISSING, of_numpy

DEPTH_MAX = 100
# A shared part is written as often as it is referred to, and an iterator may have no end.
VALUES_MAX = 100_000
CHARS_MAX = 2_000_000
ITEMS_MAX = 10_000
INTEGER_MAX_BITS = 10_000  # Python writes up to 4300 digits
CIRCULAR = "[circular]"
TOO_LARGE = "[too large]"


def plain(value: object, place: str = "") -> Any:
    """Return a value as JSON has it; `place` is where it stands in its event."""
    return _Conversion().value(value, place)


def _of_array(value: Any) -> object:
    taken: Any = of_numpy(value)
    return value.tolist() if taken is value else taken


class _Conversion:
    """Converts one event."""

    def __init__(self) -> None:
        self._within: set[int] = set()  # what is being converted, to see a circle
        self._values = 0
        self._chars = 0

    def value(self, value: object, place: str) -> Any:
        try:
            return self._value(value, place)
        except Exception as error:  # noqa: BLE001 (of a class that isn't ours)
            how = f"the name of its type (reading it raises {type(error).__name__})"
            return self._say(value, place, how, f"[{type(value).__name__}]")

    def _value(self, value: object, place: str) -> Any:
        self._values += 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and not isinstance(value, Enum):
            self._chars += len(value)
            if self._chars > CHARS_MAX:
                return self._say(value, place, "the mark [too large]", TOO_LARGE)
            return value
        if isinstance(value, int) and not isinstance(value, Enum):
            return self._integer(value, place)
        if isinstance(value, float) and not isinstance(value, Enum):
            return float(value) if math.isfinite(value) else self._say(value, place, "null", None)
        if id(value) in self._within:
            return self._say(value, place, "the mark [circular]", CIRCULAR)
        if len(self._within) >= DEPTH_MAX or self._values > VALUES_MAX:
            return self._say(value, place, "the mark [too large]", TOO_LARGE)
        self._within.add(id(value))
        try:
            return self._other(value, place)
        finally:
            self._within.discard(id(value))

    def _integer(self, value: int, place: str) -> Any:
        if value.bit_length() > INTEGER_MAX_BITS:
            return self._say(value, place, "hexadecimal text", hex(value))
        return int(value)

    def _other(self, value: Any, place: str) -> Any:
        if isinstance(value, Mapping):
            return self._object(islice(value.items(), VALUES_MAX), place)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._list(islice(value, VALUES_MAX), place)
        if type(value).__name__ in MISSING:
            return self._say(value, place, "null", None)
        match value:  # usual values, which need no warning
            case datetime() | date() | time():
                return value.isoformat()
            case UUID() | Decimal():
                return str(value)
            case Enum():
                return self.value(value.value, place)
        for is_kind, how, convert in _KINDS:
            if is_kind(value):
                converted = convert(value)
                if type(converted) is type(value):  # a number that is wider than those of Python
                    converted = float(cast("float", value))
                return self._say(value, place, how, self.value(converted, place))
        return self._say(value, place, "text", _text(value))

    def _object(self, items: Iterable[tuple[object, object]], place: str) -> dict[str, Any]:
        result = {}
        for key, value in items:
            name = self._key(key, place)
            result[name] = self.value(value, f"{place}.{name}" if place else name)
            if self._values > VALUES_MAX:
                break
        return result

    def _list(self, items: Iterable[object], place: str) -> list[Any]:
        result = []
        for item in items:
            result.append(self.value(item, f"{place}[]"))
            if self._values > VALUES_MAX:
                break
        return result

    def _key(self, key: object, place: str) -> str:
        if type(key) is str:
            return key
        try:
            return self._odd_key(key, place)
        except Exception:  # noqa: BLE001 (of a class that isn't ours)
            return str(self._say(key, f"{place} (a key)", "its type", f"[{type(key).__name__}]"))

    def _odd_key(self, key: object, place: str) -> str:
        if isinstance(key, str) and not isinstance(key, Enum):
            return str.__str__(key)
        match key:
            case None:
                return "null"
            case bool():
                return "true" if key else "false"
            case int() | float() if not isinstance(key, Enum):
                return repr(key)
        converted = self.value(key, f"{place} (a key)")
        if isinstance(converted, str):
            return converted
        return str(self._say(key, f"{place} (a key)", "text", str(key)))

    def _say(self, value: object, place: str, how: str, result: Any) -> Any:
        log.changed(value, place, how)
        return result


def _bytes_text(value: Any) -> str:
    content = bytes(value)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return b64encode(content).decode()


def _has(name: str) -> Callable[[object], bool]:
    return lambda value: hasattr(type(value), name)


def _is_series(value: object) -> bool:
    """Whether a value has items to list. Iterators of other modules may read a file or a query."""
    is_own = type(value).__module__ in {"builtins", "itertools"}
    has_items = isinstance(value, Collection) or (is_own and isinstance(value, Iterator))
    return has_items and not isinstance(value, type)


def _of_dataclass(value: Any) -> dict[str, object]:
    return {
        field.name: getattr(value, field.name)
        for field in dataclasses.fields(value)
        if field.repr and hasattr(value, field.name)
    }


def _of_pydantic(value: Any) -> object:
    """Return the fields as the model dumps them; nested models by themselves, as a dump has their
    fields that stay out."""
    kind = type(value)
    if list(kind.model_fields) == ["root"]:
        return value.root
    named = {**kind.model_fields, **kind.model_computed_fields}
    hidden = {name for name, field in named.items() if not field.repr}
    dumped = value.model_dump(by_alias=False)
    return {
        name: getattr(value, name) if isinstance(each, (dict, list, tuple, set)) else each
        for name, each in dumped.items()
        if name not in hidden
    }


def _of_attrs(value: Any) -> dict[str, object]:
    fields = type(value).__attrs_attrs__
    return {field.name: getattr(value, field.name) for field in fields if field.repr is True}


def _of_struct(value: Any) -> dict[str, object]:
    return {name: getattr(value, name) for name in type(value).__struct_fields__}


def _text(value: object) -> str:
    """Return the text of an object; of one without its own, the name of its type."""
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, type) or callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    kind = type(value)
    has_none = kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__
    return kind.__name__ if has_none else str(value)


# The first that fits counts.
_KINDS: tuple[tuple[Callable[[Any], bool], str, Callable[[Any], object]], ...] = (
    (lambda value: isinstance(value, (bytes, bytearray, memoryview)), "text", _bytes_text),
    (lambda value: isinstance(value, timedelta), "seconds", timedelta.total_seconds),
    (lambda value: isinstance(value, os.PathLike), "text", os.fspath),
    (lambda value: _has("tolist")(value) and hasattr(value, "dtype"), "its values",
     _of_array),
    (lambda value: dataclasses.is_dataclass(value) and not isinstance(value, type),
     "its fields", _of_dataclass),
    (_has("model_dump"), "its fields", _of_pydantic),
    (_has("__attrs_attrs__"), "its fields", _of_attrs),
    (_has("__struct_fields__"), "its fields", _of_struct),
    (_is_series, "a list", lambda value: list(islice(value, ITEMS_MAX))),
)  # fmt: skip
