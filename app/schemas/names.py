"""The normal form of a name (a type, an id, a device): NFC, so that two spellings are one name."""

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
    """`é` as an `e` with an accent -> `é` as one character. ASCII is as it is."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def normalise_all(names: Iterable[str] | None) -> tuple[str, ...]:
    """Each in its normal form; none for None."""
    return tuple(normalise_name(name) for name in names or ())


def may_need_normalising(body: bytes) -> bool:
    """Whether a JSON body may hold any character beyond ASCII, written out or escaped."""
    return not body.isascii() or (b"\\" in body and b"\\u" in body)


def normalise_names(event: MutableMapping[str, Any]) -> str | None:
    """Puts all names of an event into their normal form.

    Returns:
        The field whose name is too long in that form (a few characters become three), or None.
    """
    for field in NAME_FIELDS:
        name = event.get(field)
        if isinstance(name, str) and not name.isascii():
            event[field] = unicodedata.normalize("NFC", name)
            if len(event[field]) > NAME_MAX_CHARS:
                return field
    return None
