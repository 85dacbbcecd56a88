"""A request's bytes -> rows to write and rejections to report. Pure: no clock, no database."""

from datetime import datetime

from app.errors import UnreadableBody
from app.ingest.careful import prepare_with_care
from app.ingest.plain import read_batch, read_single
from app.ingest.rows import Prepared
from app.schemas.strict_json import parse_json
from app.settings import Settings

SINGLE_ENVELOPE_FIELDS = ("sent_at", "key")


def prepare_batch(
    body: bytes, received_at: datetime, settings: Settings, own_email: str | None = None
) -> Prepared:
    """Sorts a batch's body into rows and rejections.

    Args:
        received_at: when the request came, aware UTC.
        own_email: the only user that it may be for, and then the default; None is any.

    Raises:
        UnreadableBody: the envelope is none, or holds no event.
        TooLarge: more events than one batch may hold.
        Forbidden: it is for another user.
    """
    plain = read_batch(body, received_at, settings, own_email)
    return plain or prepare_with_care(parse_json(body), received_at, settings, own_email)


def prepare_single(
    body: bytes, received_at: datetime, settings: Settings, own_email: str | None = None
) -> Prepared:
    """Sorts one event's body: a batch of one, with `sent_at` and `key` beside its own fields.

    Raises:
        UnreadableBody: it is no JSON object.
    """
    plain = read_single(body, received_at, settings, own_email)
    if plain is not None:
        return plain
    event = parse_json(body)
    if not isinstance(event, dict):
        raise UnreadableBody("The body must be a JSON object.", code="invalid_envelope")
    batch: dict[str, object] = {"events": [event]}
    if type(event) is dict:
        batch |= {name: event.pop(name) for name in SINGLE_ENVELOPE_FIELDS if name in event}
        if own_email is not None and "user_email" in event:
            batch["user_email"] = event["user_email"]
    return prepare_with_care(batch, received_at, settings, own_email)
