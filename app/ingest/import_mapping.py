"""A record's own fields -> those of an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.ingest.event_fields import WRAPPED_KEY
from app.ingest.import_formats import KnownFormat
from app.ingest.import_values import flattened, is_address, parse_object, parsed_text
from app.schemas.event import EVENT_FIELDS
from app.schemas.privacy_lines import PRIVACY_KINDS
from app.schemas.strict_json import DuplicateKeys, Mark

FIELDS = EVENT_FIELDS | {"received_at"}
METADATA_PREFIX = "metadata."
# What an own line says beside an event's fields: `rejected` is why an earlier import refused it.
OWN_KEYS = frozenset({"rejected"})
MISSING = object()
# Text like a number of JSON that no reader of JSON would round.
NUMBER_TEXT_MAX_CHARS = 15


@dataclass(frozen=True, slots=True)
class Move:
    """A move from a source to a field. `path` is `source` as nested keys."""

    source: str
    path: tuple[str, ...]
    target: str


@dataclass(frozen=True, slots=True)
class UserField:
    """A field that may name the user. `holds_addresses`: by its name, and so no ids."""

    source: str
    path: tuple[str, ...]
    holds_addresses: bool = False


@dataclass(frozen=True)
class FieldMapping:
    """Mapping from the records of one file to events.

    Without `moves` they are events already. `users` are the fields that can hold the user, best
    first: each record uses the first of them that holds an address. Otherwise `user_domain` turns
    the first id into an address, preferably an id from a field that is not for addresses.
    `left_out` are names of event fields that have another meaning in this file; `unseen` are
    sources that no record had so far.
    """

    known: KnownFormat | None = None
    moves: tuple[Move, ...] = ()
    users: tuple[UserField, ...] = ()
    left_out: frozenset[str] = frozenset()
    user_domain: str | None = None
    rest_to_metadata: bool = False
    unseen: frozenset[str] = frozenset()

    def event_of(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record as an event, whose unknown fields are still in it; None is no event."""
        if record.get("kind") in PRIVACY_KINDS:
            return dict(record)
        if not (self.moves or self.users or self.rest_to_metadata or self.user_domain):
            return {key: value for key, value in record.items() if key not in OWN_KEYS}
        record = self._with_objects(record)
        event: dict[str, Any] = {}
        inside: dict[str, Any] = {}
        for move in self.moves:
            value = value_at(record, move.path)
            if value is MISSING or value is None or value == "":
                continue
            if move.target.startswith(METADATA_PREFIX):
                inside[move.target.removeprefix(METADATA_PREFIX)] = value
            else:
                event[move.target] = value
        user = self._user_of(record)
        path: tuple[str, ...] = ()
        if user is not None:
            path, event["user_email"] = user.path, value_at(record, user.path)
        if "metadata" in event and self.moves:
            event["metadata"] = self._metadata(event["metadata"], path)
        consumed = self._consumed | set(path) if len(path) == 1 else self._consumed
        rest = {key: value for key, value in record.items() if key not in consumed}
        extra: dict[str, Any] = {}
        if self.rest_to_metadata:
            extra = {key: _typed(rest.pop(key)) for key in sorted(rest.keys() - FIELDS)}
        if inside or extra:
            own = parse_object(event.get("metadata", rest.pop("metadata", {})))
            event["metadata"] = _joined(extra, own, inside)
        return self._finished({**rest, **event}, record)

    @cached_property
    def _consumed(self) -> frozenset[str]:
        """The keys that are moved as a whole, or left out."""
        whole = frozenset(move.path[0] for move in self.moves if len(move.path) == 1)
        return whole | self.left_out | OWN_KEYS

    @cached_property
    def _moved_from_metadata(self) -> frozenset[str]:
        """Move metadata that has a field of its own."""
        source = self._metadata_path
        return frozenset(
            move.path[-1]
            for move in self.moves
            if move.path[:-1] == source and not move.target.startswith(METADATA_PREFIX)
        )

    @cached_property
    def _metadata_path(self) -> tuple[str, ...]:
        return next((move.path for move in self.moves if move.target == "metadata"), ())

    @cached_property
    def _opened(self) -> frozenset[str]:
        """The keys of objects that something is moved from."""
        paths = [move.path for move in self.moves] + [user.path for user in self.users]
        return frozenset(path[0] for path in paths if len(path) > 1)

    def _with_objects(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Parse objects that are stored as text, such as in a CSV cell, if something in them is
        moved."""
        opened = dict(record)
        for key in self._opened:
            if isinstance(head := opened.get(key), str):
                opened[key] = parse_object(head)
        return opened

    def _user_of(self, record: Mapping[str, Any]) -> UserField | None:
        """The field of this record that names its user; None where all are empty."""
        named = [
            each
            for each in self.users
            if not _is_blank(value := value_at(record, each.path))
            and not isinstance(value, dict | list)
        ]
        for each in named:
            if is_address(value_at(record, each.path)):
                return each
        return next(
            (each for each in named if not each.holds_addresses), named[0] if named else None
        )

    def _metadata(self, value: object, user: tuple[str, ...]) -> object:
        value = flattened(value)
        moved = self._moved_from_metadata
        if len(user) > 1 and user[:-1] == self._metadata_path:
            moved = moved | {user[-1]}
        if not moved or type(value) is not dict:
            return value
        return {key: item for key, item in value.items() if key not in moved}

    def _finished(self, event: dict[str, Any], record: dict[str, Any]) -> dict[str, Any] | None:
        user = event.get("user_email")
        if isinstance(user, float) and user.is_integer():
            user = int(user)  # pandas makes floats of integers where one is missing
        is_id = isinstance(user, str | int) and not isinstance(user, bool) and not _is_blank(user)
        if self.user_domain and is_id and "@" not in str(user):
            event["user_email"] = f"{str(user).strip()}@{self.user_domain}"
        known = self.known
        if known is None:
            return event
        none = known.null_session
        if none is not None and event.get("session_id") in (none, str(none)):
            del event["session_id"]
        kind = record.get("type")
        if "event_type" not in event and isinstance(kind, str):
            if kind in known.no_events:
                return None
            if kind in known.type_by_kind:
                event["event_type"] = known.type_by_kind[kind]
        return event


NATIVE = FieldMapping()


def value_at(record: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path, or `MISSING`."""
    value: Any = record
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return MISSING
        value = value[key]
    return value


def _is_blank(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is MISSING or value is None or isinstance(value, Mark)


def _joined(extra: dict[str, Any], own: object, inside: dict[str, Any]) -> dict[str, Any]:
    """An event's metadata with other fields of its record; what is no object has a key in it."""
    if own in (None, "", []):
        own = {}
    if not isinstance(own, dict):
        own = {WRAPPED_KEY: own}
    joined = {**extra, **own, **inside}
    if isinstance(own, DuplicateKeys):
        joined = DuplicateKeys(joined)
        joined.pairs = own.pairs
    return joined


def _typed(value: object) -> object:
    """A cell of CSV as the number, boolean or object that it is written as; else itself."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    is_number = text[:1] in "-0123456789" and len(text) <= NUMBER_TEXT_MAX_CHARS
    if text[:1] in ("{", "[") or text in ("true", "false") or (text and is_number):
        parsed = parsed_text(text, text)
        if isinstance(parsed, bool | int | float | dict | list):
            return parsed
    return value
