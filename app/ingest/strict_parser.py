"""The careful reader: keeps of a body what can be kept.

Each step that changes an event leaves a warning, and each that refuses one a typed rejection.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, cast

from activity_events.uuid7 import uuid7
from app.errors import Forbidden, TooLarge, UnreadableBody
from app.ingest.clock_skew import clock_lead, event_time
from app.ingest.event_fields import coerced, valid_fields, validated
from app.ingest.json_columns import Defaults, excess_of_context, json_columns
from app.ingest.pacing import rest
from app.ingest.pii_event import names_without_pii
from app.ingest.results import EventResult, Rejected, Warn
from app.ingest.rows import PLACES, EventRow, Prepared, TimeBasis
from app.schemas.email import UNNORMALISED_MAX_CHARS, may_be_own
from app.schemas.event import (
    BATCH_FIELDS,
    DEFAULT_FIELDS,
    ENVELOPE_ADAPTER,
    EVENT_FIELDS,
    EventIn,
)
from app.schemas.event_types import category_and_action
from app.schemas.strict_json import (
    UNSTORABLE,
    DuplicateKeys,
    Fault,
    Mark,
    repaired,
)
from app.settings import Settings

OTHER_USER = "other_user"
OWN_FIELDS = BATCH_FIELDS - {"events", "user_email"}


def prepare_with_care(
    body: object,
    received_at: datetime,
    settings: Settings,
    own_email: str | None = None,
    faults: Iterable[Fault] = (),
) -> Prepared:
    """Sort a batch's body.

    Args:
        body: what `app.schemas.lenient_json` made of the request, with marks.
        received_at: when the request came, aware.
        own_email: the only user that it may be for, and then the default; None is any.
        faults: what of the body could not be read, beside its events.

    Raises:
        UnreadableBody: the envelope is none, or holds no event.
        TooLarge: more events than one batch may hold.
        Forbidden: the batch says that it is for another user, and so are all of its events.
    """
    if not isinstance(body, dict):
        raise UnreadableBody(
            'The body must be a JSON object: {"events": [...]}.', code="invalid_envelope"
        )
    events = _events(body, settings)
    own = {name: body[name] for name in body if name not in {"events", "user_email"}}
    given, warnings = coerced(own, "batch", OWN_FIELDS, settings)
    if isinstance(body, DuplicateKeys):
        message = body.message
        if sum(key == "events" for key, _ in body.pairs) > 1:
            message = "contains the key 'events' more than once; the events of all lists are used"
        warnings.insert(0, Warn("duplicate_key", "body", message))
    warnings = [Warn(each.code, each.field, each.message) for each in faults] + warnings
    envelope = valid_fields(ENVELOPE_ADAPTER, given, warnings)
    defaults = {name: envelope[name] for name in envelope if name in DEFAULT_FIELDS}
    defaults |= _default_email(body, own_email, settings)
    excess = excess_of_context(defaults, len(events), settings)
    if excess is not None:
        warnings.append(Warn("event_too_large", "context_snapshot", f"{excess}; ignored"))
        del defaults["context_snapshot"]
    return _prepare_all(
        envelope.get("batch_id") or str(uuid7(received_at)),
        defaults,
        events,
        clock_lead(envelope.get("sent_at"), received_at, settings),
        received_at,
        settings,
        own_email,
        tuple(warnings),
    )


def _events(body: dict[str, Any], settings: Settings) -> list[Any]:
    """The events of all lists of that name: none is lost for its batch having two."""
    events = body.get("events")
    if isinstance(body, DuplicateKeys):
        lists = [value for key, value in body.pairs if key == "events" and isinstance(value, list)]
        events = [event for each in lists for event in each]
    if not isinstance(events, list) or not events:
        message = "must be a list of at least one event"
        raise UnreadableBody(
            f"events: {message}.",
            code="no_events",
            details={"fields": [{"field": "events", "message": message}]},
        )
    if len(events) > settings.batch_max_events:
        raise TooLarge(
            f"The batch contains more than {settings.batch_max_events} events. Send it in smaller "
            "batches.",
            details={"limit": "batch_max_events", "value": settings.batch_max_events},
        )
    return events


def _default_email(
    body: dict[str, Any], own_email: str | None, settings: Settings
) -> dict[str, Any]:
    """The batch's user. A wrong one is the fault of those events that have none of their own."""
    email = body.get("user_email")
    if isinstance(email, str):
        email = email.strip()[: UNNORMALISED_MAX_CHARS + 1]
    if email is None or email == "":
        return {} if own_email is None else {"user_email": own_email}
    # What is no email at all is not another's: its events are rejected one by one.
    if own_email is not None and not may_be_own(email, own_email):
        return {"user_email": Mark(OTHER_USER, "is not the user of the token")}
    try:
        return coerced({"user_email": email}, "batch", frozenset({"user_email"}), settings)[0]
    except Rejected as rejected:
        return {"user_email": Mark(rejected.fault.code, rejected.fault.message)}


def _prepare_all(
    batch_id: str,
    defaults: dict[str, Any],
    events: list[Any],
    lead: timedelta | None,
    received_at: datetime,
    settings: Settings,
    own_email: str | None,
    warnings: tuple[Warn, ...],
) -> Prepared:
    rows: list[EventRow] = []
    rejections: list[EventResult] = []
    given = Defaults(defaults)
    for index, event in enumerate(events):
        rest()
        try:
            if isinstance(event, Mark) and event.code == "invalid_json":
                raise Rejected(Fault(event.code, "event", event.message))
            if not isinstance(event, dict):
                raise Rejected(Fault("invalid_value", "event", "must be a JSON object"))
            row = prepare_event(
                index,
                event,
                lambda given, warnings: event_time(given, lead, received_at, settings, warnings),
                received_at + PLACES[index],
                settings,
                given,
            )
            if own_email is not None and row.user_email != own_email:
                raise Rejected(Fault(OTHER_USER, "user_email", "is not the user of the token"))
            rows.append(row)
        except Rejected as rejected:
            fault = rejected.fault
            rejections.append(
                EventResult(
                    index=index,
                    status="rejected",
                    event_id=_claimed_id(event),
                    code=fault.code,
                    field=fault.field,
                    message=fault.message,
                )
            )
    is_of_another = getattr(defaults.get("user_email"), "code", None) == OTHER_USER
    if is_of_another and all(each.code == OTHER_USER for each in rejections) and not rows:
        raise Forbidden("A user token can only log events of its own user.", code=OTHER_USER)
    return Prepared(batch_id, rows, rejections, warnings)


def prepare_event(
    index: int,
    event: dict[str, Any],
    time_of: Callable[[EventIn, list[Warn]], tuple[datetime, TimeBasis]],
    received_at: datetime,
    settings: Settings,
    defaults: Defaults | None = None,
) -> EventRow:
    """One event, as the parser of JSON has it.

    Args:
        time_of: the time to store, and where it comes from, as `event_time`.
        defaults: the fields of its batch.

    Raises:
        Rejected: it can't be kept.
    """
    defaults = defaults or Defaults()
    own, warnings = coerced(event, "event", EVENT_FIELDS, settings)
    if own.get("user_email") is None:
        own.pop("user_email", None)
    fields = {**defaults.fields, **own}
    if "user_email" not in fields:
        raise Rejected(
            Fault("missing_field", "user_email", "is required, in the event or in the batch")
        )
    if isinstance(email := fields["user_email"], Mark):
        raise Rejected(Fault(email.code, "user_email", email.message))
    given = validated(fields, warnings)
    event_id = given.get("event_id")
    timestamp, time_basis = time_of(given, warnings)
    if event_id is None:
        event_id = uuid7(timestamp)
        warnings.append(
            Warn(
                "not_retry_safe",
                "event_id",
                "is missing; the event would be stored again if you retry",
            )
        )
    unknown = {name: event[name] for name in sorted(event.keys() - EVENT_FIELDS)}
    ignored, _ = repaired(unknown, "", settings.json_depth_max)
    metadata, snapshot = json_columns(given, ignored, defaults, settings, warnings)
    names = names_without_pii(given, settings, warnings)
    category, action = category_and_action(names.event_type)
    duration = given.get("duration_ms")
    return EventRow(
        place=index,
        user_email=given["user_email"],
        event_timestamp=timestamp,
        event_id=event_id,
        event_type=names.event_type,
        event_category=names.event_category or category,
        event_action=names.event_action or action,
        entity_type=names.entity_type,
        entity_id=names.entity_id,
        event_metadata=metadata,
        session_id=names.session_id,
        session_seq=given.get("session_seq"),
        device_type=names.device_type,
        context_snapshot=snapshot,
        duration_ms=None if duration is None else round(duration),
        received_at=received_at,
        time_basis=time_basis,
        warnings=tuple(warnings),
    )


def _claimed_id(event: object) -> str | None:
    """The id that a rejected event came with, so that its sender finds it again."""
    claimed = cast("dict[str, Any]", event).get("event_id") if isinstance(event, dict) else None
    is_text = isinstance(claimed, str) and UNSTORABLE.search(claimed) is None
    return cast("str", claimed)[:64] if is_text else None
