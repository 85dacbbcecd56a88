"""A request's bytes -> rows to write and rejections to report. Pure: no clock, no database."""

from datetime import datetime

from app.errors import UnreadableBody
from app.ingest.fast_parser import read_batch, read_single
from app.ingest.results import EventResult
from app.ingest.rows import Prepared
from app.ingest.strict_parser import prepare_with_care
from app.schemas.lenient_json import read_batch_json, read_event_json
from app.settings import Settings

SINGLE_ENVELOPE_FIELDS = ("sent_at", "key")
SINGLE_ENVELOPE_BYTES = 1024  # of these two
_SPACE = b" \t\r\n\0"
_ESCAPE_BYTES = 6  # of what may be one byte


def prepare_batch(
    body: bytes, received_at: datetime, settings: Settings, own_email: str | None = None
) -> Prepared:
    """Sort a batch's body into rows and rejections.

    Args:
        received_at: when the request came, aware UTC.
        own_email: the only user that it may be for, and then the default; None is any.

    Raises:
        UnreadableBody: the envelope is none, or holds no event.
        TooLarge: more events than one batch may hold.
        Forbidden: it is for another user.
    """
    plain = read_batch(body, received_at, settings, own_email)
    if plain is not None:
        return plain
    read = read_batch_json(body)
    return prepare_with_care(read.value, received_at, settings, own_email, read.faults)


def prepare_single(
    body: bytes, received_at: datetime, settings: Settings, own_email: str | None = None
) -> Prepared:
    """Sort one event's body: a batch of one, with `sent_at` and `key` beside its own fields.

    Raises:
        UnreadableBody: it is no JSON object.
    """
    size = _least_size(body)
    if size > settings.event_max_bytes + SINGLE_ENVELOPE_BYTES:
        return Prepared("", [], [_too_large(size, settings)], ())
    plain = read_single(body, received_at, settings, own_email)
    if plain is not None:
        return plain
    event = read_event_json(body).value
    if not isinstance(event, dict):
        raise UnreadableBody("The body must be a JSON object.", code="invalid_envelope")
    if isinstance(event.get("events"), list) and "event_type" not in event:
        raise UnreadableBody(
            "The body is a batch. Send it to POST /api/events/log/batch.", code="invalid_envelope"
        )
    batch: dict[str, object] = {"events": [event]}
    for name in SINGLE_ENVELOPE_FIELDS:
        if name in event:
            batch[name] = event.pop(name)
    if own_email is not None and "user_email" in event:
        batch["user_email"] = event["user_email"]
    return prepare_with_care(batch, received_at, settings, own_email)


def _least_size(body: bytes) -> int:
    """Return a lower bound of a body's size as compact JSON, without parsing it."""
    return len(body.translate(None, _SPACE)) - (_ESCAPE_BYTES - 1) * body.count(b"\\")


def _too_large(size: int, settings: Settings) -> EventResult:
    return EventResult(
        index=0,
        status="rejected",
        event_id=None,
        code="event_too_large",
        field="event",
        message=f"has {size} bytes as JSON or more; an event can have at most "
        f"{settings.event_max_bytes} (send a batch to POST /api/events/log/batch)",
    )
