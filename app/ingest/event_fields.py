"""Fields as clients send them -> as the schema has them, in one pass.

A value that can be understood is taken; what can't is left out or replaced, with a warning that
says so. Only what an event can't be without rejects it: its type, its user, a time that is none.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from app.errors import UnreadableBody
from app.ingest.event_ids import hashed_event_id, parse_event_id
from app.ingest.results import Rejected, Warn
from app.schemas.event import EVENT_ADAPTER, EventIn
from app.schemas.instant import INSTANT_FORM, with_plain_times
from app.schemas.names import NAME_FIELDS, normalise_name
from app.schemas.strict_json import (
    PATH_MAX_CHARS,
    REPLACED_TEXT,
    UNSTORABLE,
    DuplicateKeys,
    Fault,
    Mark,
    dump_json,
    parse_text,
    repaired,
    stored_text,
)
from app.settings import Settings

# Unknown fields that a warning names each; the rest is counted, as a response must not outgrow the
# request.
UNKNOWN_FIELDS_NAMED_MAX = 20

# Guessing a time would count the event where it does not belong.
REQUIRED = frozenset({"event_type", "user_email", "event_timestamp"})
JSON_FIELDS = frozenset({"metadata", "event_metadata", "context_snapshot"})
NAMES = frozenset({"event_type", "event_category", "event_action", "entity_type", "device_type"})
NUMBERS = frozenset({"session_seq", "duration_ms"})
WHOLE = frozenset({"event_id", "entity_id", "session_id", "session_seq"})
WRAPPED_KEY = "value"  # of metadata that is no object

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?", re.ASCII)

# pydantic's kinds of error and our codes; all others are `invalid_value`.
_CODES = {
    "missing": "missing_field",
    "string_too_short": "empty",
    "string_too_long": "too_long",
    "less_than": "too_long",  # an id that is a number of too many digits
    "greater_than": "too_long",
}


def coerced(
    fields: Mapping[str, Any], of: str, known: frozenset[str], settings: Settings
) -> tuple[dict[str, Any], list[Warn]]:
    """The known fields, as the schema may take them, and what was replaced or left out in them.

    Args:
        of: what the fields are of, "event" or "batch".

    Raises:
        Rejected: a required field can't be text.
    """
    warnings: list[Warn] = []
    if isinstance(fields, DuplicateKeys):
        warnings.append(Warn("duplicate_key", of, fields.message))
    found = {
        name: _coerced(name, value, settings, warnings)
        for name, value in fields.items()
        if name in known
    }
    if len(found) < len(fields):
        warnings += _unknown_fields(of, fields.keys() - known)
    return found, warnings


def validated(fields: dict[str, Any], warnings: list[Warn]) -> EventIn:
    """The fields of an event, by its schema.

    Raises:
        Rejected: a required one is missing or wrong.
    """
    return cast("EventIn", valid_fields(EVENT_ADAPTER, fields, warnings))


def valid_fields(
    adapter: TypeAdapter[Any], fields: dict[str, Any], warnings: list[Warn]
) -> dict[str, Any]:
    """The fields, by this schema; optional ones that are wrong are left out, with a warning.

    Raises:
        Rejected: a required one is missing or wrong.
    """
    plain = {name: value for name, value in fields.items() if name not in JSON_FIELDS}
    objects = {name: value for name, value in fields.items() if name in JSON_FIELDS}
    try:
        return {**adapter.validate_json(dump_json(with_plain_times(plain))), **objects}
    except ValidationError as error:
        faults = _faults(error)
    for name, fault in faults.items():
        if name in REQUIRED or name not in plain:
            raise Rejected(fault)
        _leave_out(name, fault.code, fault.message, warnings)
        del plain[name]
    return {**adapter.validate_json(dump_json(with_plain_times(plain))), **objects}


def _coerced(name: str, value: Any, settings: Settings, warnings: list[Warn]) -> Any:
    if isinstance(value, Mark):
        _leave_out(name, value.code, value.message, warnings)
        return None
    if name in JSON_FIELDS:
        return _json_object(name, value, settings, warnings)
    if isinstance(value, dict | list):
        _leave_out(name, "invalid_value", "must not be an object or a list", warnings)
        return None
    if name in WHOLE and isinstance(value, float) and value.is_integer():
        value = int(value)
    if name == "event_id":
        return _event_id(value, warnings)
    if not isinstance(value, str):
        return value
    value = normalise_name(value) if name in NAME_FIELDS else value
    if name in NAMES:
        value = _name(name, value, warnings)
    elif UNSTORABLE.search(value) is not None:
        _leave_out(name, "invalid_text", "contains characters that can't be stored", warnings)
        return None
    if not value.strip():
        return "" if name == "event_type" else None
    if name in NUMBERS and _NUMBER.fullmatch(value.strip()) is not None:
        number = float(value)
        return int(number) if number.is_integer() else number
    return value


def _leave_out(name: str, code: str, message: str, warnings: list[Warn]) -> None:
    if name in REQUIRED:
        raise Rejected(Fault(code, name, message))
    warnings.append(Warn(code, name, f"{message}; ignored"))


def _name(name: str, value: str, warnings: list[Warn]) -> str:
    text = stored_text(value)
    if text is not value:
        warnings.append(Warn("replaced_text", name, REPLACED_TEXT))
    if _CONTROLS.search(text.strip()) is None:
        return text
    warnings.append(
        Warn("replaced_text", name, "contained control characters, which were replaced by spaces")
    )
    return _CONTROLS.sub(" ", text)


def _event_id(value: object, warnings: list[Warn]) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        _leave_out("event_id", "invalid_value", "must be a UUID or other text", warnings)
        return None
    text = value.strip()
    if not text:
        return None
    event_id = parse_event_id(text)
    if event_id is None:
        event_id = hashed_event_id(text)
        message = f"is not a UUID; the event is stored as {event_id}, which is derived from it"
        warnings.append(Warn("hashed_id", "event_id", message))
    return str(event_id)


def _json_object(
    name: str, value: Any, settings: Settings, warnings: list[Warn]
) -> dict[str, Any] | None:
    """The object, as it can be stored. Anything else is kept in one."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if value == []:
        return {}
    if not isinstance(value, dict):
        value = _in_object(name, value, warnings)
    found, repairs = repaired(value, name, settings.json_depth_max)
    warnings += [Warn(each.code, each.field, each.message) for each in repairs.named]
    if repairs.more:
        message = f"{repairs.more} more values were replaced"
        warnings.append(Warn("more_repairs", name, message))
    kept: dict[str, Any] = found
    return kept


def _in_object(name: str, value: Any, warnings: list[Warn]) -> dict[str, Any]:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            inner = parse_text(value)
        except UnreadableBody:
            inner = None
        if isinstance(inner, dict):
            warnings.append(
                Warn("invalid_value", name, "is text; the JSON object in it was stored")
            )
            return inner
    message = f'is not a JSON object; stored as {{"{WRAPPED_KEY}": ...}}'
    warnings.append(Warn("invalid_value", name, message))
    return {WRAPPED_KEY: value}


def _unknown_fields(of: str, names: set[str]) -> list[Warn]:
    """One warning for each, in order, and past a bound one for all the others."""
    text = f"is not a field of {('an' if of == 'event' else 'a')} {of}; ignored"
    warnings = [
        Warn("unknown_field", stored_text(name[:PATH_MAX_CHARS]), text)
        for name in sorted(names)[:UNKNOWN_FIELDS_NAMED_MAX]
    ]
    if more := len(names) - len(warnings):
        warnings.append(Warn("unknown_field", of, f"{more} more unknown fields; ignored"))
    return warnings


def _faults(error: ValidationError) -> dict[str, Fault]:
    """Return pydantic's first error of each field, with the caller's field names."""
    by_field: dict[str, list[Any]] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        by_field.setdefault(str(each["loc"][0]) if each["loc"] else "event", []).append(each)
    faults: dict[str, Fault] = {}
    for name, errors in by_field.items():
        # A union has an error for each of its branches; "not a string" helps the least.
        telling = (each for each in errors if not each["type"].endswith("_type"))
        first = next(telling, errors[0])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            message = "is missing"
        elif first["type"] == "string_pattern_mismatch":
            message = "must not contain control characters"
        elif first["type"].startswith("datetime_"):
            message = INSTANT_FORM
        faults[name] = Fault(_CODES.get(first["type"], "invalid_value"), name, message)
    return faults
