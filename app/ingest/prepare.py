"""A request's bytes -> rows to write and rejections to report. Pure: no clock, no database."""

from datetime import datetime

from app.errors import UnreadableBody
from app.ingest.careful import prepare_with_care
from app.ingest.plain import read_batch, read_single
from app.ingest.rows import Prepared
from app.schemas.strict_json import parse_json
from app.settings import Settings


def prepare_batch(body: bytes, received_at: datetime, settings: Settings) -> Prepared:
    """Sorts a batch's body into rows and rejections.

    Args:
        received_at: when the request came, aware UTC.

    Raises:
        UnreadableBody: the envelope is none, or holds no event.
        TooLarge: more events than one batch may hold.
    """
    plain = read_batch(body, received_at, settings)
    return plain or prepare_with_care(parse_json(body), received_at, settings)


def prepare_single(body: bytes, received_at: datetime, settings: Settings) -> Prepared:
    """Sorts one event's body: a batch of one, with `sent_at` beside the event's own fields.

    Raises:
        UnreadableBody: it is no JSON object.
    """
    plain = read_single(body, received_at, settings)
    if plain is not None:
        return plain
    event = parse_json(body)
    if not isinstance(event, dict):
        raise UnreadableBody("The body must be a JSON object.", code="invalid_envelope")
    batch: dict[str, object] = {"events": [event]}
    if type(event) is dict and "sent_at" in event:
        batch["sent_at"] = event.pop("sent_at")
    return prepare_with_care(batch, received_at, settings)
