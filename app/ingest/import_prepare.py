"""An entry of a file -> a row to write, a user, or a rejection. Pure, as all preparation."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from app.ingest.careful import prepare_event
from app.ingest.clock import FUTURE_MAX, require_in_range
from app.ingest.import_files import Entry
from app.ingest.rows import EventRow
from app.ingest.verdict import Rejected
from app.schemas.email import normalise_email
from app.schemas.event import EventIn
from app.schemas.strict_json import Fault, dump_json, find_fault
from app.settings import Settings
from app.uuid7 import time_of_uuid7

OPT_OUTS = ("analytics_opt_out", "ai_context_opt_out", "learning_opt_out")


@dataclass(frozen=True, slots=True)
class ImportedUser:
    """A user's own line. `opt_outs` are in the order of `OPT_OUTS`."""

    email: str
    created_at: datetime
    opt_outs: tuple[bool, ...]


def prepare_entry(entry: Entry, settings: Settings, now: datetime) -> EventRow | ImportedUser:
    """The event to write, by the rules of all events but for its times; or a user.

    Raises:
        Rejected: it can't be kept.
    """
    given = entry.value
    if isinstance(given, Rejected):
        raise given
    if not isinstance(given, dict):
        raise Rejected(Fault("invalid_value", "line", "must be a JSON object"))
    if fault := find_fault(given, "", depth=-1):
        raise Rejected(Fault(fault.code, fault.field.removeprefix("."), fault.message))
    event: dict[str, Any] = dict(given)
    kind = event.pop("kind", "event")
    if kind == "user":
        return _user(event, now)
    if kind != "event":
        raise Rejected(Fault("invalid_value", "kind", "must be event or user"))
    received_at = _instant(event.pop("received_at", None), "received_at", now)
    if event.get("event_id") is None:
        # The same at every import of the file, and another for an equal event on another line.
        content = f"{entry.number}:".encode() + dump_json(event)
        event["event_id"] = str(uuid5(NAMESPACE_OID, content.hex()))
    return prepare_event(
        entry.number,
        event,
        lambda valid, _: _own_time(valid, now, settings),
        received_at,
        settings,
    )


def _own_time(given: EventIn, now: datetime, settings: Settings) -> tuple[datetime, bool]:
    """The event's time as it is: another import of the file brings the same."""
    name = "event_timestamp"
    event_id = given.get("event_id")
    timestamp = given.get("event_timestamp")
    if timestamp is None and event_id is not None and event_id.version == 7:
        timestamp = time_of_uuid7(event_id)
    if timestamp is None:
        raise Rejected(Fault("missing_field", name, "is missing: nothing tells when it happened"))
    timestamp = _utc(timestamp, name)
    require_in_range(timestamp, now, settings)
    return timestamp, True


def is_doubtful(row: EventRow, now: datetime, settings: Settings) -> bool:
    """Whether the event's time may be another than its client gave.

    The file does not say so; but a late retry would bring the client's own again, and must still be
    known by its id. So a time is doubted where it is that of the receipt, or far from the one in
    the id. A doubt in vain costs a look-up at each of the user's later events.
    """
    if row.event_timestamp == row.received_at != now:
        return True
    tolerance = timedelta(seconds=settings.clock_skew_tolerance_seconds)
    return (
        row.event_id.version == 7
        and abs(row.event_timestamp - time_of_uuid7(row.event_id)) > tolerance
    )


def _user(given: dict[str, Any], now: datetime) -> ImportedUser:
    email = given.get("user_email")
    if not isinstance(email, str):
        raise Rejected(Fault("missing_field", "user_email", "is missing"))
    try:
        email = normalise_email(email)
    except ValueError as error:
        raise Rejected(Fault("invalid_value", "user_email", str(error))) from error
    for name in OPT_OUTS:
        if not isinstance(given.get(name, False), bool):
            raise Rejected(Fault("invalid_value", name, "must be true or false"))
    return ImportedUser(
        email,
        _instant(given.get("created_at"), "created_at", now),
        tuple(given.get(name, False) for name in OPT_OUTS),
    )


def _instant(given: Any, name: str, now: datetime) -> datetime:
    """A moment of the past; now where none is given."""
    if given is None:
        return now
    try:
        instant = _utc(datetime.fromisoformat(given), name)
    except (ValueError, TypeError):
        message = "must be a time in ISO 8601, like 2026-11-20T09:15:00Z"
        raise Rejected(Fault("invalid_value", name, message)) from None
    if instant > now + FUTURE_MAX:
        raise Rejected(Fault("in_future", name, "lies more than a day in the future"))
    return instant


def _utc(instant: datetime, name: str) -> datetime:
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Rejected(Fault("invalid_value", name, "is at the end of the calendar")) from None
