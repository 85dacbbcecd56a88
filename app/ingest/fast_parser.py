"""The fast reader, for bodies with nothing odd about them: nearly all of them.

The body is parsed and validated once, by pydantic-core. Whatever that could have let through
changed, or would fail the whole body for one event, is left to the careful reader: None says so.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from activity_events.uuid7 import uuid7
from app.ingest.clock_skew import clock_lead
from app.ingest.pacing import rest
from app.ingest.pii import PiiScanner, scanner
from app.ingest.pii_finders import BatchBudget
from app.ingest.rows import PLACES, EventRow, Prepared, TimeBasis, as_text
from app.schemas.event import BATCH_ADAPTER, SINGLE_ADAPTER
from app.schemas.event_types import category_and_action
from app.schemas.names import may_need_normalising, normalise_names
from app.schemas.strict_json import is_storable
from app.settings import Settings

# Space before a colon: the keys of such a body can't be counted by their colons.
_SPACED_COLONS = (b" :", b"\t:", b"\n:", b"\r:")
KEY_END = b'":'


def read_batch(
    body: bytes, received_at: datetime, settings: Settings, own_email: str | None = None
) -> Prepared | None:
    """A batch, prepared; None where it takes the careful reader."""
    batch = _validated(BATCH_ADAPTER, body)
    if batch is None or len(batch["events"]) > settings.batch_max_events:
        return None
    return _prepared(body, batch, batch["events"], received_at, settings, len(batch), own_email)


def read_single(
    body: bytes, received_at: datetime, settings: Settings, own_email: str | None = None
) -> Prepared | None:
    """One event with `sent_at` beside its fields; None where it takes the careful reader."""
    event = _validated(SINGLE_ADAPTER, body)
    if event is None:
        return None
    return _prepared(body, event, [event], received_at, settings, 0, own_email)


def _validated(adapter: TypeAdapter[Any], body: bytes) -> dict[str, Any] | None:
    for odd in _SPACED_COLONS:
        if odd in body:
            return None
    try:
        found: dict[str, Any] = adapter.validate_json(body)
    except ValidationError:
        return None
    return found


def _prepared(
    body: bytes,
    envelope: dict[str, Any],
    events: Sequence[dict[str, Any]],
    received_at: datetime,
    settings: Settings,
    keys: int,
    own_email: str | None,
) -> Prepared | None:
    """All rows, or None as soon as one of them takes more care.

    Args:
        keys: how many keys the body has beside its events'. All that were understood are counted:
            one that is unknown, or there twice, is missing in the sum.
    """
    if clock_lead(envelope.get("sent_at"), received_at, settings) is not None:
        return None
    oldest = received_at - timedelta(days=settings.retention_days)
    newest = received_at + timedelta(seconds=settings.clock_skew_tolerance_seconds)
    if may_need_normalising(body):
        for named in (envelope, *events):
            if normalise_names(named) is not None:
                return None
    default_email = envelope.get("user_email", own_email)
    default_session = as_text(envelope.get("session_id"))
    default_device = envelope.get("device_type")
    context = envelope.get("context_snapshot")
    default_snapshot = None
    depth_max = settings.json_depth_max
    pii = None if settings.pii_mode == "off" else scanner(settings.pii_keys)
    budget = BatchBudget()
    size_max = settings.event_max_bytes // 4  # in characters; the limit is in bytes
    if context is not None and envelope is not events[0]:
        default_snapshot, found = _json_text(context, size_max, pii, depth_max, budget)
        if default_snapshot is None:
            return None
        if len(default_snapshot) * len(events) > settings.body_max_inflated_bytes // 4:
            return None
        keys += found
    rows: list[EventRow] = []
    for index, event in enumerate(events):
        rest()
        get: Any = event.get
        email = get("user_email", default_email)
        event_id = get("event_id")
        at = get("event_timestamp")
        if own_email is not None and email != own_email:
            return None
        if email is None or event_id is None or at is None or at.tzinfo is None:
            return None
        try:
            at = at.astimezone(UTC)  # compared in one zone, which is a third of the time
        except OverflowError:  # at the ends of the calendar
            return None
        if not oldest <= at <= newest or "event_metadata" in event:
            return None
        metadata, found = _json_text(get("metadata") or {}, size_max, pii, depth_max, budget)
        if metadata is None:
            return None
        keys += len(event) + found
        snapshot = default_snapshot
        if "context_snapshot" in event:
            context = event["context_snapshot"]
            snapshot = None
            if context is not None:
                snapshot, found = _json_text(context, size_max, pii, depth_max, budget)
                if snapshot is None:
                    return None
                keys += found
        if len(metadata) + len(snapshot or "") > size_max:
            return None
        event_type = event["event_type"]
        category, action = category_and_action(event_type)
        event_category = get("event_category")
        event_action = get("event_action")
        entity_type = get("entity_type")
        entity_id = as_text(get("entity_id"))
        session_id = as_text(get("session_id")) if "session_id" in event else default_session
        device_type = get("device_type") if "device_type" in event else default_device
        if (
            pii is not None
            and not (
                event_type in pii.clean_names
                and entity_type in pii.clean_names
                and device_type in pii.clean_names
                and entity_id in pii.clean_ids
                and session_id in pii.clean_ids
                and event_category is event_action is None
            )
            and pii.has_names(
                (event_type, event_category, event_action, entity_type, device_type),
                (entity_id, session_id),
            )
        ):
            return None
        duration = get("duration_ms")
        rows.append(
            EventRow(
                index,
                email,
                at,
                event_id,
                event_type,
                event_category or category,
                event_action or action,
                entity_type,
                entity_id,
                metadata,
                session_id,
                get("session_seq"),
                device_type,
                snapshot,
                None if duration is None else round(duration),
                received_at + PLACES[index],
                TimeBasis.GIVEN,
                (),
            )
        )
    if keys != body.count(KEY_END):
        return None
    return Prepared(envelope.get("batch_id") or str(uuid7(received_at)), rows, [], ())


def _json_text(
    value: dict[str, Any],
    size_max: int,
    pii: PiiScanner | None,
    depth_max: int,
    budget: BatchBudget,
) -> tuple[str | None, int]:
    """The value as JSON, and how many keys it has; None where it takes more care: for its size,
    for personal data, or for what JSON or jsonb would not keep.

    Numbers past all bounds become `null`, so that a null asks for a closer look, as do many
    brackets: they may be a great depth.
    """
    try:
        text = orjson.dumps(value)
    except TypeError:  # a whole number of more than 64 bits
        return None, 0
    if len(text) > size_max:
        return None, 0
    brackets = text.count(b"{") + text.count(b"[")
    if (b"null" in text or brackets > depth_max) and not is_storable(value, depth_max):
        return None, 0
    if b"\\u0000" in text:
        return None, 0
    decoded = text.decode()
    if (
        pii is not None
        and pii.is_suspect(value, decoded, budget)
        and pii.redact(value, "", budget)[1].named
    ):
        return None, 0
    return decoded, text.count(KEY_END)
