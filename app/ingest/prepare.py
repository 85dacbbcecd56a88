"""A parsed body -> rows to write and rejections to report. Pure: no clock, no database.

Each step that changes an event leaves a warning, and each that refuses one a typed rejection.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import orjson
from pydantic import ValidationError

from app.errors import TooLarge, UnreadableBody
from app.ingest.verdict import Verdict, Warn
from app.schemas.event import (
    DEFAULT_FIELDS,
    ENVELOPE_ADAPTER,
    ENVELOPE_FIELDS,
    EVENT_ADAPTER,
    EVENT_FIELDS,
    EventIn,
)
from app.schemas.event_types import category_and_action
from app.schemas.strict_json import Fault, find_fault
from app.settings import Settings

# Past this, a time ahead of the server's clock is no wrong clock but a wrong value.
FUTURE_MAX = timedelta(days=1)
FIELD_PATH_MAX_CHARS = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# pydantic's kinds of error, by the codes that callers are told; all others are `invalid_value`.
_CODES = {"missing": "missing_field", "string_too_long": "too_long", "string_too_short": "empty"}


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it will be stored, but for the user, who is still an email.

    `time_is_fixed` is False where the stored time hangs on when the request came, so that a retry
    would get another one: such a row's duplicates are looked up by id.
    """

    index: int
    user_email: str
    event_timestamp: datetime
    event_id: UUID
    event_type: str
    event_category: str
    event_action: str
    entity_type: str | None
    entity_id: str | None
    event_metadata: str
    session_id: str | None
    session_seq: int | None
    device_type: str | None
    context_snapshot: str | None
    duration_ms: int | None
    received_at: datetime
    time_is_fixed: bool
    warnings: tuple[Warn, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch, sorted into what can be written and what can't."""

    batch_id: str
    rows: list[EventRow]
    rejections: list[Verdict]
    warnings: tuple[Warn, ...]


class _Rejected(Exception):
    def __init__(self, fault: Fault) -> None:
        self.fault = fault


def prepare(body: object, received_at: datetime, settings: Settings) -> Prepared:
    """Sorts a batch's body.

    Args:
        body: what `parse_json` made of the request.
        received_at: when the request came, aware.

    Raises:
        UnreadableBody: the envelope is none, or holds no event.
        TooLarge: more events than one batch may hold.
    """
    if not isinstance(body, dict):
        raise UnreadableBody("The body must be a JSON object.", code="invalid_envelope")
    own = _merged({}, body)
    events = own.pop("events", None)
    if fault := find_fault(own, "body", depth=-1):
        raise _unreadable(fault)
    if not isinstance(events, list) or not events:
        raise _unreadable(Fault("no_events", "events", "must be a list of at least one event"))
    if len(events) > settings.batch_max_events:
        raise TooLarge(
            f"The batch holds {len(events)} events; at most {settings.batch_max_events} are "
            "taken at once.",
            details={"limit": "batch_max_events", "value": settings.batch_max_events},
        )
    envelope_part = {key: own[key] for key in own if key in ENVELOPE_FIELDS}
    try:
        envelope = ENVELOPE_ADAPTER.validate_json(_dump(envelope_part), strict=True)
    except ValidationError as error:
        raise _unreadable(_first_fault(error)) from error
    defaults = {key: own[key] for key in own if key in DEFAULT_FIELDS}
    warnings = tuple(
        Warn("unknown_field", key[:FIELD_PATH_MAX_CHARS], "is not a field of a batch; ignored")
        for key in sorted(own.keys() - ENVELOPE_FIELDS - DEFAULT_FIELDS)
    )
    return _prepare_all(
        envelope.get("batch_id") or str(uuid7(received_at)),
        [_merged(defaults, event) if isinstance(event, dict) else event for event in events],
        clock_offset(envelope.get("sent_at"), received_at, settings),
        received_at,
        settings,
        warnings,
    )


def clock_offset(
    sent_at: datetime | None, received_at: datetime, settings: Settings
) -> timedelta | None:
    """How far the client's clock is behind ours, where that is more than the tolerance."""
    if sent_at is None:
        return None
    offset = received_at - _aware(sent_at)
    tolerance = timedelta(seconds=settings.clock_skew_tolerance_seconds)
    return offset if abs(offset) > tolerance else None


def _prepare_all(
    batch_id: str,
    events: list[Any],
    offset: timedelta | None,
    received_at: datetime,
    settings: Settings,
    warnings: tuple[Warn, ...],
) -> Prepared:
    rows: list[EventRow] = []
    rejections: list[Verdict] = []
    for index, event in enumerate(events):
        try:
            rows.append(_prepare_one(index, event, offset, received_at, settings))
        except _Rejected as rejected:
            fault = rejected.fault
            rejections.append(
                Verdict(
                    index=index,
                    status="rejected",
                    event_id=_claimed_id(event),
                    code=fault.code,
                    field=fault.field[:FIELD_PATH_MAX_CHARS],
                    message=fault.message,
                )
            )
    return Prepared(batch_id, rows, rejections, warnings)


def _prepare_one(
    index: int,
    event: object,
    offset: timedelta | None,
    received_at: datetime,
    settings: Settings,
) -> EventRow:
    if not isinstance(event, dict):
        raise _Rejected(Fault("invalid_value", "event", "must be a JSON object"))
    if fault := find_fault(event, "event", depth=-1):
        raise _Rejected(_without_prefix(fault))
    if "user_email" not in event:
        raise _Rejected(
            Fault("missing_field", "user_email", "is missing: give it in the event or the batch")
        )
    given = _validated(event)
    warnings = [
        Warn("unknown_field", key[:FIELD_PATH_MAX_CHARS], "is not a field of an event; ignored")
        for key in sorted(event.keys() - EVENT_FIELDS)
    ]
    event_id = given.get("event_id")
    timestamp, time_is_fixed = _event_time(given, offset, received_at, settings, warnings)
    if event_id is None:
        event_id = uuid7(received_at)
        warnings.append(
            Warn("not_retry_safe", "event_id", "is missing: the same event sent again counts twice")
        )
    metadata, snapshot = _json_columns(given, settings)
    event_type = given["event_type"]
    category, action = category_and_action(event_type)
    duration = given.get("duration_ms")
    return EventRow(
        index=index,
        user_email=given["user_email"],
        event_timestamp=timestamp,
        event_id=event_id,
        event_type=event_type,
        event_category=given.get("event_category") or category,
        event_action=given.get("event_action") or action,
        entity_type=given.get("entity_type"),
        entity_id=given.get("entity_id"),
        event_metadata=metadata,
        session_id=given.get("session_id"),
        session_seq=given.get("session_seq"),
        device_type=given.get("device_type"),
        context_snapshot=snapshot,
        duration_ms=None if duration is None else round(duration),
        received_at=received_at,
        time_is_fixed=time_is_fixed,
        warnings=tuple(warnings),
    )


def _validated(event: dict[str, Any]) -> EventIn:
    known = {key: event[key] for key in event if key in EVENT_FIELDS}
    try:
        return EVENT_ADAPTER.validate_json(_dump(known), strict=True)
    except ValidationError as error:
        raise _Rejected(_first_fault(error)) from error


def _event_time(
    given: EventIn,
    offset: timedelta | None,
    received_at: datetime,
    settings: Settings,
    warnings: list[Warn],
) -> tuple[datetime, bool]:
    """The time to store, and whether a retry would get the same one."""
    field = "event_timestamp"
    timestamp = given.get("event_timestamp")
    event_id = given.get("event_id")
    fixed = offset is None
    if timestamp is not None:
        if timestamp.tzinfo is None:
            warnings.append(Warn("naive_timestamp", field, "has no offset; taken as UTC"))
        timestamp = _aware(timestamp)
    elif event_id is not None and event_id.version == 7:
        timestamp = time_of_uuid7(event_id)
    else:
        warnings.append(Warn("missing_timestamp", field, "is missing; the time of receipt is kept"))
        return received_at, False
    if offset is not None:
        timestamp = _shifted(timestamp, offset)
        warnings.append(
            Warn(
                "clock_corrected",
                field,
                f"the client's clock is off by {-offset.total_seconds():+.0f} seconds; corrected",
            )
        )
    if timestamp > received_at + FUTURE_MAX:
        raise _Rejected(Fault("in_future", field, "lies more than a day in the future"))
    if timestamp < received_at - timedelta(days=settings.retention_days):
        raise _Rejected(
            Fault(
                "too_old", field, f"is older than the {settings.retention_days} days of retention"
            )
        )
    if timestamp > received_at + timedelta(seconds=settings.clock_skew_tolerance_seconds):
        warnings.append(Warn("in_future", field, "lies in the future; the time of receipt is kept"))
        return received_at, False
    return timestamp, fixed


def _json_columns(given: EventIn, settings: Settings) -> tuple[str, str | None]:
    """Metadata and context as JSON text, once it is known that the event is not too large."""
    value = given.get("metadata")
    other = given.get("event_metadata")
    if value is not None and other is not None:
        raise _Rejected(
            Fault("invalid_value", "metadata", "is given twice, also as event_metadata: give one")
        )
    metadata = _dump(value or other or {})
    context = given.get("context_snapshot")
    snapshot = None if context is None else _dump(context)
    size = len(metadata) + len(snapshot or b"")
    if size > settings.event_max_bytes:
        raise _Rejected(
            Fault(
                "event_too_large",
                "metadata" if len(metadata) * 2 > size else "context_snapshot",
                f"the event has {size} bytes of JSON; {settings.event_max_bytes} are the limit",
            )
        )
    return metadata.decode(), None if snapshot is None else snapshot.decode()


def _merged(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A copy with defaults. An object that `parse_json` marked stays itself, to be refused."""
    return {**defaults, **given} if type(given) is dict else given


def _dump(value: object) -> bytes:
    """Compact JSON. Whole numbers past 64 bits are legal JSON, but not orjson's."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _first_fault(error: ValidationError) -> Fault:
    """The first thing that pydantic found, in the caller's words."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    # In `T | None` the place names the branch of the union too; the field is the first part.
    field = str(first["loc"][0]) if first["loc"] else "event"
    message = first["msg"].removeprefix("Value error, ")
    return Fault(_CODES.get(first["type"], "invalid_value"), field, message)


def _without_prefix(fault: Fault) -> Fault:
    return Fault(fault.code, fault.field.removeprefix("event."), fault.message)


def _unreadable(fault: Fault) -> UnreadableBody:
    field = fault.field.removeprefix("body.")[:FIELD_PATH_MAX_CHARS]
    code = "invalid_envelope" if fault.code == "invalid_value" else fault.code
    return UnreadableBody(
        f"{field}: {fault.message}.",
        code=code,
        details={"fields": [{"field": field, "message": fault.message}]},
    )


def _claimed_id(event: object) -> str | None:
    """The id that a rejected event came with, so that its sender finds it again."""
    claimed = cast("dict[str, Any]", event).get("event_id") if isinstance(event, dict) else None
    return claimed[:64] if isinstance(claimed, str) and find_fault(claimed, "") is None else None


def _aware(instant: datetime) -> datetime:
    """In UTC; the ends of the calendar stay where they are, as they are refused later."""
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return instant.replace(tzinfo=UTC)


def _shifted(instant: datetime, offset: timedelta) -> datetime:
    try:
        return instant + offset
    except OverflowError:
        return instant


def uuid7(instant: datetime) -> UUID:
    """A UUID version 7 of this moment: 48 bits of milliseconds, the rest random (RFC 9562, 5.7)."""
    milliseconds = int(instant.timestamp() * 1000) & (2**48 - 1)
    random = secrets.randbits(74)
    return UUID(
        int=milliseconds << 80
        | 0x7 << 76
        | (random >> 62) << 64
        | 0b10 << 62
        | random & (2**62 - 1)
    )


def time_of_uuid7(event_id: UUID) -> datetime:
    """When a UUID version 7 says it was made, to the millisecond."""
    try:
        return EPOCH + timedelta(milliseconds=event_id.int >> 80)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
