"""Values in the metadata: where a key leads, and a value as JSON and as text.

Two values are one where jsonb has them equal: numbers by value (`1`, `1.0`), types apart (`1`,
`"1"`, `true`). So a text, a number, a boolean or null under a key of the top level, as a filter,
finds the row's events. A filter is containment: of a list or an object it also finds events whose
value contains it, and of a path those that have it beside a key of the path's very name.
"""

import json
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, cast, func, literal
from sqlalchemy.dialects.postgresql import JSONB

from app.errors import InvalidRequest
from app.models import ActivityEvent

FOR_TOP = "by=metadata"
FOR_FUNNEL = "split_by=metadata"
INT8_LIMIT = 2**63
# Nothing is stored so deep.
PATH_MAX = 64


def check_key(key: str | None, *, needed: bool, option: str = FOR_TOP, name: str = "key") -> None:
    """Check that a key is set if it is needed, and only then.

    Args:
        option: what needs it, as the caller writes it; so is `name`.

    Raises:
        InvalidRequest: it is missing, or not allowed.
    """
    if (key is not None) == needed:
        return
    rule = "required" if needed else "only allowed"
    raise goes_with("key", f"is {rule} with `{option}`", name)


def goes_with(field: str, message: str, name: str) -> InvalidRequest:
    """Return the refusal of a parameter that goes with another, by the caller's `name` for it."""
    fields = [{"field": field, "message": message}]
    return InvalidRequest(f"`{name}` {message}", details={"fields": fields})


def value_at(key: str) -> ColumnElement[Any]:
    """Return what an event has under a key, as jsonb; NULL where it has none.

    `cart.total` is the key of that very name where an event has one, else a path: `total` of the
    object `cart`, or, where a part is a number, that element of a list.
    """
    metadata = ActivityEvent.event_metadata
    # The operators take half the time of the functions.
    literally: ColumnElement[Any] = metadata[key]
    path = tuple(key.split("."))
    return func.coalesce(literally, metadata[path]) if 1 < len(path) <= PATH_MAX else literally


def constant(text: str) -> ColumnElement[Any]:
    """Return JSON text as a constant of jsonb."""
    return cast(literal(text, Text), JSONB)


def as_text(value: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the JSON text of a jsonb column, for `json_value`."""
    return cast(value, Text)


def json_value(text: str | None) -> Any:
    """Return a value of jsonb as Python has it; equal ones are the same, whatever their text.

    Whole numbers are int, others float; those that neither holds exactly are Decimal.
    """
    if text is None:
        return None
    return json.loads(text, parse_int=_number, parse_float=_number)


def canonical(text: str) -> str:
    """Return the JSON text that equal values of jsonb have in common."""
    return orjson.dumps(json_value(text), default=json_default).decode()


def _number(text: str) -> int | float | Decimal:
    exact = Decimal(text)
    if exact == exact.to_integral_value():
        return int(exact) if abs(exact) < INT8_LIMIT else exact
    nearest = float(exact)
    return nearest if Decimal(repr(nearest)) == exact else exact


def json_default(value: object) -> object:
    """Let orjson write the numbers of `json_value` that it has no type for."""
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}")
    raise TypeError(type(value).__name__)


def text_of(value: Any) -> Any:
    """Return a value for the cell of a table: texts and numbers as they are, others as JSON."""
    if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
        return value
    return orjson.dumps(value, default=json_default).decode()


def type_of(value: Any) -> str:
    """Return what JSON calls the type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
    return "number"
