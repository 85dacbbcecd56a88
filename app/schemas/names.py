"""Normalise names (types, ids, devices) to NFC, so that equal-looking names are equal."""

import unicodedata
from collections.abc import Iterable, MutableMapping
from typing import Any

NAME_MAX_CHARS = 128
NAME_FIELDS = (
    "event_type",
    "event_category",
    "event_action",
    "entity_type",
    "entity_id",
    "session_id",
    "device_type",
)


def normalise_name(name: str) -> str:
    """Compose decomposed characters: `e` with a combining accent becomes `é`."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def normalise_all(names: Iterable[str] | None) -> tuple[str, ...]:
    """Normalise several names; None is an empty list."""
    return tuple(normalise_name(name) for name in names or ())


def may_need_normalising(body: bytes) -> bool:
    """Tell whether a JSON body may contain non-ASCII characters, literal or escaped."""
    return not body.isascii() or (b"\\" in body and b"\\u" in body)


def normalise_names(event: MutableMapping[str, Any]) -> str | None:
    """Normalise all names of an event, in place.

    Returns:
        The field whose name is too long once normalised (NFC expands a few characters), or None.
    """
    for field in NAME_FIELDS:
        name = event.get(field)
        if isinstance(name, str) and not name.isascii():
            event[field] = unicodedata.normalize("NFC", name)
            if len(event[field]) > NAME_MAX_CHARS:
                return field
    return None
