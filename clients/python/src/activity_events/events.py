"""Encoding of events: each gets its id, its time and its bytes once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

from activity_events.errors import InvalidRequest, Json
from activity_events.json_times import instant, is_missing, milliseconds
from activity_events.json_values import plain
from activity_events.uuid7 import uuid7

if TYPE_CHECKING:
    from typing_extensions import Required

# The service's limits, as it comes. Where it is set up for less, its 413 has batches halved.
BATCH_MAX_EVENTS = 1000
BATCH_MAX_BYTES = 1_000_000


_HALF = re.compile("[\ud800-\udfff]")


class EventFields(TypedDict, total=False):
    """Fields of an event without its type. For None, the service has a default."""

    user_email: Required[str]
    entity_type: str | None
    entity_id: str | int | None
    session_id: str | int | None
    metadata: Mapping[str, Any] | None
    duration_ms: float | Decimal | timedelta | None
    event_timestamp: datetime | str | None
    event_id: UUID | str | None
    event_category: str | None
    event_action: str | None
    device_type: str | None
    session_seq: int | None
    context_snapshot: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Encoded:
    """The JSON of one event: the same bytes for every attempt."""

    event_id: str
    body: bytes

    @property
    def event(self) -> Json:
        event: Json = json.loads(self.body)
        return event


def make_event(
    event_type: str,
    *,
    user_email: str,
    entity_type: str | None = None,
    entity_id: str | int | None = None,
    session_id: str | int | None = None,
    metadata: Mapping[str, Any] | None = None,
    duration_ms: float | Decimal | timedelta | None = None,
    event_timestamp: datetime | str | None = None,
    event_id: UUID | str | None = None,
    event_category: str | None = None,
    event_action: str | None = None,
    device_type: str | None = None,
    session_seq: int | None = None,
    context_snapshot: Mapping[str, Any] | None = None,
) -> Json:
    """Return an event for `log_batch`; its parameters are those of `log` and `track`.

    Args:
        event_timestamp: when it happened, by this machine's clock; by default now. Without a time
            zone it is taken as UTC.
        event_id: by default a new UUIDv7. The same id and time again are the same event.
    """
    fields = {
        "event_type": event_type,
        "user_email": user_email,
        "entity_type": entity_type,
        "entity_id": entity_id,
        "session_id": session_id,
        "metadata": metadata,
        "duration_ms": duration_ms,
        "event_timestamp": event_timestamp,
        "event_id": event_id,
        "event_category": event_category,
        "event_action": event_action,
        "device_type": device_type,
        "session_seq": session_seq,
        "context_snapshot": context_snapshot,
    }
    return {name: value for name, value in fields.items() if value is not None}


def encode(event: Mapping[str, object], now: datetime) -> Encoded:
    """Encode an event, and add an id and a time if it has none.

    A value that JSON has no word for is changed, with a warning in the log (see `json_values`).

    Raises:
        InvalidRequest: it isn't an event at all.
    """
    if not isinstance(event, Mapping):
        raise InvalidRequest(
            f"an event must be a mapping of its fields (got a {type(event).__name__})",
            code="invalid_value",
            details={"event_id": None},
        )
    timestamp = instant(event.get("event_timestamp"), now)
    try:
        return _encode({**event, "event_timestamp": timestamp}, now)
    except Exception:  # noqa: BLE001 (of classes that aren't ours, whose every method may raise)
        return _encode({**plain(event), "event_timestamp": timestamp}, now)


def _encode(event: Mapping[str, object], now: datetime) -> Encoded:
    timestamp = event["event_timestamp"]
    event_id = event.get("event_id")
    if not isinstance(event_id, (str, UUID)):
        event_id = None if is_missing(event_id) else plain(event_id, "event_id")
    event_id = str(event_id or _new_id(timestamp, now))
    named = {**event, "event_id": event_id}
    if "duration_ms" in named:
        named["duration_ms"] = milliseconds(named["duration_ms"])
    # Each field by itself: one that is too large costs no other.
    fields = {str(name): plain(value, str(name)) for name, value in named.items()}
    return Encoded(event_id, _utf8(_json(fields)))


def _new_id(timestamp: object, now: datetime) -> UUID:
    """Make an id of the event's own time: that is where a retry is looked for."""
    is_instant = isinstance(timestamp, datetime) and timestamp.tzinfo is not None
    try:
        return uuid7(timestamp if is_instant else now)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 (of a time zone that isn't ours)
        return uuid7(now)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _utf8(text: str) -> bytes:
    """Encode JSON as UTF-8. An incomplete character is sent escaped: the service replaces it and
    warns about it."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _HALF.sub(lambda half: f"\\u{ord(half.group()):04x}", text).encode()


def single_body(event: Encoded, sent_at: datetime) -> bytes:
    """Return the body of `POST /api/events/log`."""
    return b'{"sent_at":"%b",%b' % (sent_at.isoformat().encode(), event.body[1:])


def batch_body(events: Iterable[Encoded], sent_at: datetime | None) -> bytes:
    """Return the body of `POST /api/events/log/batch`."""
    stamp = b"" if sent_at is None else b'"sent_at":"%b",' % sent_at.isoformat().encode()
    return b'{%b"events":[%b]}' % (stamp, b",".join(event.body for event in events))


def batches(
    events: Iterable[Encoded],
    *,
    events_max: int = BATCH_MAX_EVENTS,
    bytes_max: int = BATCH_MAX_BYTES,
) -> Iterator[list[Encoded]]:
    """Yield batches in order, each within the limits; an event that is too large for them is sent
    alone."""
    batch: list[Encoded] = []
    size = 0
    for event in events:
        if batch and (len(batch) >= events_max or size + len(event.body) > bytes_max):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event.body) + 1
    if batch:
        yield batch
