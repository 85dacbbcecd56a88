"""The fast reader, for bodies with nothing odd about them: nearly all of them.

The body is parsed and validated once, by pydantic-core. Whatever that could have let through
changed, or would fail the whole body for one event, is left to the careful reader: None says so.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from app.ingest.clock import clock_offset
from app.ingest.pii import PiiScanner, scanner
from app.ingest.rows import EventRow, Prepared, as_text
from app.schemas.event import BATCH_ADAPTER, SINGLE_ADAPTER
from app.schemas.event_types import category_and_action
from app.schemas.strict_json import JSON_DEPTH_MAX, find_fault
from app.settings import Settings
from app.uuid7 import uuid7

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
    envelope: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
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
    if clock_offset(envelope.get("sent_at"), received_at, settings) is not None:
        return None
    oldest = received_at - timedelta(days=settings.retention_days)
    newest = received_at + timedelta(seconds=settings.clock_skew_tolerance_seconds)
    default_email = envelope.get("user_email", own_email)
    default_session = as_text(envelope.get("session_id"))
    default_device = envelope.get("device_type")
    context = envelope.get("context_snapshot")
    default_snapshot = None
    pii = None if settings.pii_mode == "off" else scanner(settings.pii_keys)
    if context is not None and envelope is not events[0]:
        default_snapshot, found = _json_text(context, pii)
        if default_snapshot is None:
            return None
        keys += found
    rows: list[EventRow] = []
    for index, event in enumerate(events):
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
        metadata, found = _json_text(get("metadata") or {}, pii)
        if metadata is None:
            return None
        keys += len(event) + found
        snapshot = default_snapshot
        if "context_snapshot" in event:
            context = event["context_snapshot"]
            snapshot = None
            if context is not None:
                snapshot, found = _json_text(context, pii)
                if snapshot is None:
                    return None
                keys += found
        if len(metadata) + len(snapshot or "") > settings.event_max_bytes // 4:
            return None  # in characters; the limit is in bytes
        event_type = event["event_type"]
        category, action = category_and_action(event_type)
        duration = get("duration_ms")
        rows.append(
            EventRow(
                index,
                email,
                at,
                event_id,
                event_type,
                get("event_category") or category,
                get("event_action") or action,
                get("entity_type"),
                as_text(get("entity_id")),
                metadata,
                as_text(get("session_id")) if "session_id" in event else default_session,
                get("session_seq"),
                get("device_type") if "device_type" in event else default_device,
                snapshot,
                None if duration is None else round(duration),
                received_at,
                True,
                (),
            )
        )
    if keys != body.count(KEY_END):
        return None
    return Prepared(envelope.get("batch_id") or str(uuid7(received_at)), rows, [], ())


def _json_text(value: dict[str, Any], pii: PiiScanner | None) -> tuple[str | None, int]:
    """The value as JSON, and how many keys it has; None where it takes more care: for personal
    data, or for what JSON or jsonb would not keep.

    Numbers past all bounds become `null`, so that a null asks for a closer look, as do many
    brackets: they may be a great depth.
    """
    try:
        text = orjson.dumps(value)
    except TypeError:  # a whole number of more than 64 bits
        return None, 0
    brackets = text.count(b"{") + text.count(b"[")
    if (b"null" in text or brackets > JSON_DEPTH_MAX) and find_fault(value, "") is not None:
        return None, 0
    if b"\\u0000" in text:
        return None, 0
    decoded = text.decode()
    if pii is not None and pii.is_suspect(value, decoded) and pii.redact(value, "")[1].named:
        return None, 0
    return decoded, text.count(KEY_END)
