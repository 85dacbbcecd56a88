"""A JSON object that an event's metadata must contain: parsed, and bounded."""

from typing import Any

from app.errors import InvalidRequest, UnreadableBody
from app.schemas.strict_json import dump_json, parse_json, repaired

METADATA_VALUES_MAX = 50  # each is compared with each event of a live stream
DEPTH_MAX = 100  # no event is kept that is nested deeper, however the service is set up
_REFUSED = {
    "replaced_text": "incomplete characters and \\u0000 can't be stored",
    "duplicate_key": "an object has the same key twice",
    "not_a_number": "NaN and Infinity are not valid in JSON",
    "number_out_of_range": "a number is too large",
    "too_deep": f"nested more than {DEPTH_MAX} levels deep",
}


def json_text(text: str, field: str) -> str:
    """A JSON object that could be stored, written anew.

    Raises:
        InvalidRequest: it is none.
    """
    return dump_json(json_object(text, field)).decode()


def json_object(text: str, field: str) -> dict[str, Any]:
    """A JSON object that could be stored.

    Raises:
        InvalidRequest: it is none, or has more than `METADATA_VALUES_MAX` values.
    """
    try:
        value = parse_json(text.encode("utf-8", "surrogatepass"))
    except UnreadableBody as error:
        message = error.message.removeprefix("The body ").removesuffix(".")
        raise InvalidRequest.of(field, message) from error
    _, repairs = repaired(value, field, DEPTH_MAX)
    for fault in repairs.named:
        raise InvalidRequest.of(fault.field, _REFUSED[fault.code])
    if not isinstance(value, dict):
        raise InvalidRequest.of(field, "must be a JSON object")
    if (values := _count_values(value)) > METADATA_VALUES_MAX:
        raise InvalidRequest.of(
            field,
            f"must have at most {METADATA_VALUES_MAX} values, on all levels together (got "
            f"{values})",
        )
    return value


def _count_values(value: Any) -> int:
    """Count the scalars, and the objects and lists that hold nothing."""
    if not isinstance(value, dict | list) or not value:
        return 1
    return sum(map(_count_values, value.values() if isinstance(value, dict) else value))
