"""Whether an event passes a filter, without the database: the same as `filters.conditions` asks."""

from typing import Any

import orjson

from app.read.filters import EventFilter

_FIELDS = (
    "event_category",
    "event_type",
    "event_action",
    "entity_type",
    "entity_id",
    "session_id",
    "device_type",
)


def matches(filter_: EventFilter, event: dict[str, Any], metadata: str) -> bool:
    """Args:
    event: as it is sent.
    metadata: its metadata, as JSON text.
    """
    if filter_.user_email and event["user_email"] not in filter_.user_email:
        return False
    for name in _FIELDS:
        wanted: tuple[str, ...] = getattr(filter_, name)
        if wanted and event[name] not in wanted:
            return False
    if filter_.metadata is None:
        return True
    return contains(orjson.loads(metadata), orjson.loads(filter_.metadata))


def contains(value: Any, wanted: Any) -> bool:
    """Whether `value @> wanted`, as PostgreSQL has it for jsonb: of an object each wanted key, of
    an array each wanted element somewhere in it."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            key in value and contains(value[key], each) for key, each in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(value, list) and all(
            any(contains(element, each) for element in value) for each in wanted
        )
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    return not isinstance(value, dict | list) and bool(value == wanted)
