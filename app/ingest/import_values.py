"""Values as other tools write them -> as the service takes them."""

import re
from datetime import timedelta
from typing import Any

from activity_events.uuid7 import EPOCH
from app.errors import UnreadableBody
from app.ingest.import_formats import FileTimeUnit
from app.ingest.results import Rejected, Warn
from app.schemas.email import normalise_email
from app.schemas.strict_json import Fault, Mark, parse_text

JSON_FIELDS = ("metadata", "event_metadata", "context_snapshot")
NUMBER_FIELDS = ("session_seq", "duration_ms")
ID_FIELDS = ("entity_id", "session_id", "event_id")
TRUE, FALSE = frozenset({"t", "true"}), frozenset({"f", "false"})

MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
MILLISECONDS_FROM = 100_000_000_000  # as seconds it would be the year 5138
# Longer than any time since 1970, and short enough for Python to make a number of it.
_NUMBER = re.compile(r"-?(?:\d{1,24}(?:\.\d{0,24})?|\.\d{1,24})", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?\d{1,300}", re.ASCII)


def typed_event(
    event: dict[str, Any], time_unit: FileTimeUnit | None, warnings: list[Warn]
) -> dict[str, Any]:
    """Convert JSON, numbers and times that are stored as text; empty text becomes null.

    Metadata text that is not JSON, and text that is not a number, stay as they are: the general
    rules keep or ignore them (`app.ingest.event_fields`).

    Raises:
        Rejected: the event's time is a number of an unknown unit.
    """
    typed = {name: value for name, value in event.items() if not _is_missing(value)}
    for name in JSON_FIELDS:
        if isinstance(text := typed.get(name), str):
            typed[name] = parsed_text(text, text)
    for name in NUMBER_FIELDS:
        if isinstance(text := typed.get(name), str):
            number = parsed_text(text, text)
            is_number = isinstance(number, int | float) and not isinstance(number, bool)
            typed[name] = number if is_number else text
    for name in ("session_seq", *ID_FIELDS):
        number = typed.get(name)
        if isinstance(number, float) and number.is_integer():
            typed[name] = int(number)  # pandas makes floats of integers where one is missing
    if "event_timestamp" in typed:
        typed["event_timestamp"] = time_text(typed["event_timestamp"], "event_timestamp", time_unit)
    if "received_at" in typed:
        try:
            typed["received_at"] = time_text(typed["received_at"], "received_at", time_unit)
        except Rejected as rejected:
            warnings.append(left_out(rejected.fault))
            del typed["received_at"]
    return typed


def left_out(fault: Fault) -> Warn:
    """The warning that an optional field with this fault is left out."""
    return Warn(fault.code, fault.field, f"{fault.message}; ignored")


def parsed_text(text: str, otherwise: object) -> object:
    """The JSON value that a text holds; another value where it is not JSON."""
    try:
        return parse_text(text)
    except UnreadableBody:
        return otherwise


def is_address(value: object) -> bool:
    """Whether a value is the email address of a user."""
    try:
        return isinstance(value, str) and bool(normalise_email(value))
    except ValueError:
        return False


def time_text(value: object, name: str, unit: FileTimeUnit | None) -> object:
    """A time of a file as text (`app.schemas.instant` reads it), or as it was, to be refused.

    Args:
        unit: of numbers since 1970; None refuses them, as a guess may be wrong by a factor.

    Raises:
        Rejected: it is a number, and no unit is known.
    """
    if isinstance(value, dict) and value.keys() == {"$date"}:
        return time_text(value["$date"], name, "ms")  # MongoDB
    if isinstance(value, str):
        text = value.strip()
        if _NUMBER.fullmatch(text) is None:
            return text
        number = float(text) if "." in text else int(text)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    else:
        return value
    if unit is None:
        message = "is a number; set its unit with --time-unit s, ms, us or ns"
        raise Rejected(Fault("unknown_time_unit", name, message))
    if unit == "s_or_ms":
        unit = "ms" if abs(number) >= MILLISECONDS_FROM else "s"
    try:
        micros = number // 1000 if unit == "ns" else number * MICROSECONDS[unit]
        return (EPOCH + timedelta(microseconds=micros)).isoformat()
    except (OverflowError, ValueError):  # of a NaN
        raise Rejected(
            Fault("invalid_value", name, f"is not a time in {unit} since 1970")
        ) from None


def flag_of(value: object) -> object:
    """A boolean that may be text, as PostgreSQL writes it."""
    if isinstance(value, str):
        text = value.strip().lower()
        return True if text in TRUE else False if text in FALSE else value
    return value


def flattened(value: object) -> object:
    """Google's list of `{"key": ..., "value": {"string_value": ...}}` as an object."""
    if not isinstance(value, list) or not all(
        isinstance(item, dict) and isinstance(item.get("key"), str) for item in value
    ):
        return value
    return {item["key"]: _parameter(item.get("value")) for item in value}


def parse_object(value: object) -> object:
    """Parse an object that is stored as text; return anything else unchanged."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        parsed = parsed_text(value, value)
        return parsed if isinstance(parsed, dict) else value
    return value


def _parameter(value: object) -> object:
    if not isinstance(value, dict):
        return value
    for kind, content in value.items():
        if content is not None:
            is_text_of_int = kind == "int_value" and isinstance(content, str)
            return int(content) if is_text_of_int and _WHOLE_NUMBER.fullmatch(content) else content
    return None


def _is_missing(value: object) -> bool:
    """Null, empty text, or the NaN of a file that pandas wrote."""
    if value is None or value == "":
        return True
    if isinstance(value, str | int | float | list | dict):
        return False
    return isinstance(value, Mark) and value.code == "not_a_number"
