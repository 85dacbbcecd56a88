"""The careful reader: finds which event of a body is at fault, and where.

Each step that changes an event leaves a warning, and each that refuses one a typed rejection.
"""

from collections.abc import Callable, Set
from datetime import datetime, timedelta
from typing import Any, cast

from pydantic import ValidationError

from app.errors import Forbidden, TooLarge, UnreadableBody
from app.ingest.clock import clock_offset, event_time
from app.ingest.pii import without_pii
from app.ingest.rows import EventRow, Prepared, as_text
from app.ingest.verdict import Rejected, Verdict, Warn
from app.schemas.event import (
    DEFAULT_FIELDS,
    ENVELOPE_ADAPTER,
    ENVELOPE_FIELDS,
    EVENT_ADAPTER,
    EVENT_FIELDS,
    EventIn,
)
from app.schemas.event_types import category_and_action
from app.schemas.strict_json import Fault, dump_json, find_fault
from app.settings import Settings
from app.uuid7 import uuid7

FIELD_PATH_MAX_CHARS = 200
# Unknown fields that a warning names each; the rest is counted, as an answer must not outgrow the
# request.
UNKNOWN_FIELDS_NAMED_MAX = 20

# pydantic's kinds of error, by the codes that callers are told; all others are `invalid_value`.
_CODES = {
    "missing": "missing_field",
    "string_too_short": "empty",
    "string_too_long": "too_long",
    "less_than": "too_long",  # an id that is a number of too many digits
    "greater_than": "too_long",
}


def prepare_with_care(
    body: object, received_at: datetime, settings: Settings, own_email: str | None = None
) -> Prepared:
    """Sorts a batch's body.

    Args:
        body: what `parse_json` made of the request.
        received_at: when the request came, aware.
        own_email: the only user that it may be for, and then the default; None is any.

    Raises:
        UnreadableBody: the envelope is none, or holds no event.
        TooLarge: more events than one batch may hold.
        Forbidden: the batch says that it is for another user.
    """
    if not isinstance(body, dict):
        raise UnreadableBody("The body must be a JSON object.", code="invalid_envelope")
    # A copy; but an object that `parse_json` marked stays itself, to be refused.
    own = dict(body) if type(body) is dict else body
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
        envelope = ENVELOPE_ADAPTER.validate_json(dump_json(envelope_part))
    except ValidationError as error:
        raise _unreadable(_first_fault(error)) from error
    defaults = {key: own[key] for key in own if key in DEFAULT_FIELDS}
    if own_email is not None and not _is_own(
        defaults.setdefault("user_email", own_email), own_email
    ):
        raise Forbidden("A user token logs for its own user alone.", code="other_user")
    size = len(dump_json(defaults))
    if size > settings.event_max_bytes:
        # Every event would hold them, and be refused one by one, at the cost of as many copies.
        largest = max(defaults, key=lambda key: len(dump_json(defaults[key])))
        raise _unreadable(Fault("event_too_large", largest, _size_text("batch", size, settings)))
    return _prepare_all(
        envelope.get("batch_id") or str(uuid7(received_at)),
        defaults,
        events,
        clock_offset(envelope.get("sent_at"), received_at, settings),
        received_at,
        settings,
        own_email,
        tuple(_unknown_fields("batch", own.keys() - ENVELOPE_FIELDS - DEFAULT_FIELDS)),
    )


def _prepare_all(
    batch_id: str,
    defaults: dict[str, Any],
    events: list[Any],
    offset: timedelta | None,
    received_at: datetime,
    settings: Settings,
    own_email: str | None,
    warnings: tuple[Warn, ...],
) -> Prepared:
    rows: list[EventRow] = []
    rejections: list[Verdict] = []
    for index, event in enumerate(events):
        try:
            row = _prepare_one(index, defaults, event, offset, received_at, settings)
            if own_email is not None and row.user_email != own_email:
                raise Rejected(Fault("other_user", "user_email", "is not the user of the token"))
            rows.append(row)
        except Rejected as rejected:
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
    defaults: dict[str, Any],
    event: object,
    offset: timedelta | None,
    received_at: datetime,
    settings: Settings,
) -> EventRow:
    if not isinstance(event, dict):
        raise Rejected(Fault("invalid_value", "event", "must be a JSON object"))
    if fault := find_fault(event, "event", depth=-1):
        raise Rejected(_without_prefix(fault))
    return prepare_event(
        index,
        {**defaults, **event},
        lambda given, warnings: event_time(given, offset, received_at, settings, warnings),
        received_at,
        settings,
    )


def prepare_event(
    index: int,
    event: dict[str, Any],
    time_of: Callable[[EventIn, list[Warn]], tuple[datetime, bool]],
    received_at: datetime,
    settings: Settings,
) -> EventRow:
    """One event, in which `find_fault` found nothing.

    Args:
        time_of: the time to store, and whether a retry would get the same one, as `event_time`.

    Raises:
        Rejected: it can't be kept.
    """
    if "user_email" not in event:
        raise Rejected(
            Fault("missing_field", "user_email", "is missing: give it in the event or the batch")
        )
    given = _validated(event)
    warnings = _unknown_fields("event", event.keys() - EVENT_FIELDS)
    event_id = given.get("event_id")
    timestamp, time_is_fixed = time_of(given, warnings)
    if event_id is None:
        event_id = uuid7(received_at)
        warnings.append(
            Warn("not_retry_safe", "event_id", "is missing: the same event sent again counts twice")
        )
    metadata, snapshot = _json_columns(given, settings, warnings)
    event_type = given["event_type"]
    category, action = category_and_action(event_type)
    duration = given.get("duration_ms")
    return EventRow(
        place=index,
        user_email=given["user_email"],
        event_timestamp=timestamp,
        event_id=event_id,
        event_type=event_type,
        event_category=given.get("event_category") or category,
        event_action=given.get("event_action") or action,
        entity_type=given.get("entity_type"),
        entity_id=as_text(given.get("entity_id")),
        event_metadata=metadata,
        session_id=as_text(given.get("session_id")),
        session_seq=given.get("session_seq"),
        device_type=given.get("device_type"),
        context_snapshot=snapshot,
        duration_ms=None if duration is None else round(duration),
        received_at=received_at,
        time_is_fixed=time_is_fixed,
        warnings=tuple(warnings),
    )


def _is_own(email: object, own_email: str) -> bool:
    """What is no email at all is not another's: its events are rejected one by one."""
    return not isinstance(email, str) or email.strip().lower() == own_email


def _validated(event: dict[str, Any]) -> EventIn:
    known = {key: event[key] for key in event if key in EVENT_FIELDS}
    try:
        return EVENT_ADAPTER.validate_json(dump_json(known))
    except ValidationError as error:
        raise Rejected(_first_fault(error)) from error


def _json_columns(
    given: EventIn, settings: Settings, warnings: list[Warn]
) -> tuple[str, str | None]:
    """Metadata and context as JSON text without personal data, once it is known that the event is
    not too large."""
    value = given.get("metadata")
    other = given.get("event_metadata")
    if value is not None and other is not None:
        raise Rejected(
            Fault("invalid_value", "metadata", "is given twice, also as event_metadata: give one")
        )
    metadata = dump_json(value or other or {})
    context = given.get("context_snapshot")
    snapshot = None if context is None else dump_json(context)
    size = len(metadata) + len(snapshot or b"")
    if size > settings.event_max_bytes:
        raise Rejected(
            Fault(
                "event_too_large",
                "metadata" if len(metadata) * 2 > size else "context_snapshot",
                _size_text("event", size, settings),
            )
        )
    if settings.pii_mode != "off":
        metadata = without_pii(value or other or {}, "metadata", settings, warnings)
        if context is not None:
            snapshot = without_pii(context, "context_snapshot", settings, warnings)
    return metadata.decode(), None if snapshot is None else snapshot.decode()


def _size_text(what: str, size: int, settings: Settings) -> str:
    return f"the {what} has {size} bytes of JSON; {settings.event_max_bytes} are the limit"


def _unknown_fields(of: str, names: Set[str]) -> list[Warn]:
    """One warning for each, in order, and past a bound one for all the others."""
    text = f"is not a field of {'an' if of == 'event' else 'a'} {of}; ignored"
    warnings = [
        Warn("unknown_field", name[:FIELD_PATH_MAX_CHARS], text)
        for name in sorted(names)[:UNKNOWN_FIELDS_NAMED_MAX]
    ]
    if more := len(names) - len(warnings):
        warnings.append(Warn("unknown_field", of, f"{more} more fields are unknown; ignored"))
    return warnings


def _first_fault(error: ValidationError) -> Fault:
    """The first thing that pydantic found, in the caller's words."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    field = str(found[0]["loc"][0]) if found[0]["loc"] else "event"
    # A union has an error for each of its branches; "is no string" says the least of a text.
    of_field = [each for each in found if not each["loc"] or each["loc"][0] == field]
    telling = (each for each in of_field if not each["type"].endswith("_type"))
    first = next(telling, of_field[0])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":
        message = "must not hold control characters"
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
