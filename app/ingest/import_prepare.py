"""An entry of a file -> a row to write, a line about a user, or a rejection. Pure."""

from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from activity_events.uuid7 import time_of_uuid7
from app.ingest.clock_skew import FUTURE_MAX, require_in_range
from app.ingest.content_ids import ContentIds
from app.ingest.import_files import Entry
from app.ingest.import_formats import FileTimeUnit
from app.ingest.import_mapping import NATIVE, FieldMapping
from app.ingest.import_values import flag_of, left_out, time_text, typed_event
from app.ingest.results import Rejected, Warn
from app.ingest.rows import EventRow, TimeBasis
from app.ingest.strict_parser import prepare_event
from app.schemas.email import normalise_email
from app.schemas.event import EVENT_FIELDS, EventIn
from app.schemas.instant import INSTANT_FORM, parse_utc
from app.schemas.privacy_lines import (
    OPT_OUTS,
    PRIVACY_KINDS,
    ErasureLine,
    PrivacyLine,
    SecretLine,
    UserLine,
)
from app.schemas.strict_json import DuplicateKeys, Fault, repaired
from app.settings import Settings

# An event without an id of its own gets one of its content.
WITHOUT_ID = "not_retry_safe"
# Deep enough for any setting, so that the setting does not make other ids.
CONTENT_DEPTH_MAX = 100
MICROSECOND = timedelta(microseconds=1)
USER_MISSING = "is required, but no field of the file holds the user; use --map FIELD=user_email"
USER_ADVICE = (
    "map the field that holds the address with --map FIELD=user_email, or turn ids into "
    "addresses with --user-domain DOMAIN"
)
VALUE_SHOWN_MAX_CHARS = 64
# So many moments are remembered for the order of a file.
MOMENTS_MAX = 10_000
# A user's, with the event's number in its session.
Moment = tuple[str, datetime, int | None]


def prepare_entry(
    entry: Entry,
    settings: Settings,
    now: datetime,
    ids: ContentIds,
    mapping: FieldMapping = NATIVE,
    time_unit: FileTimeUnit | None = None,
) -> EventRow | PrivacyLine | None:
    """The event to write, by the rules of all events but for its times; or a line about a user.

    None is neither: another product's record of something that is no event.

    Raises:
        Rejected: it can't be kept.
    """
    record = entry.value
    if isinstance(record, Rejected):
        raise record
    if not isinstance(record, dict):
        raise Rejected(Fault("invalid_value", "line", "must be a JSON object"))
    event = mapping.event_of(record)
    if event is None:
        return None
    kind = event.get("kind")
    if kind in PRIVACY_KINDS:
        _require_storable(event)
        return _privacy_line(event, now)
    if kind == "event":
        del event["kind"]
    of_file: list[Warn] = []
    event = typed_event(event, time_unit, of_file)
    given_receipt = _receipt(event.pop("received_at", None), now, of_file)
    user = event.get("user_email")
    if user is None or (isinstance(user, str) and not user.strip()):
        raise Rejected(Fault("missing_field", "user_email", USER_MISSING))
    # Where the file doesn't say when, its order is that of the receipt.
    received_at = now + MICROSECOND * entry.number if given_receipt is None else given_receipt
    try:
        row = prepare_event(
            entry.number,
            event,
            lambda valid, _: _own_time(valid, now, settings),
            received_at,
            settings,
        )
    except Rejected as rejected:
        raise Rejected(_with_advice(rejected.fault, user)) from rejected
    warnings = [warning for warning in row.warnings if warning.code != WITHOUT_ID]
    if len(warnings) < len(row.warnings):
        content = _content(event, row, given_receipt)
        row = row._replace(event_id=ids.next_id(content, row.event_timestamp))
    warnings = of_file + warnings
    if isinstance(record, DuplicateKeys):
        warnings.append(Warn("duplicate_key", "line", record.message))
    return row._replace(warnings=tuple(warnings))


def _receipt(given: object, now: datetime, warnings: list[Warn]) -> datetime | None:
    """Return the time of receipt that the file states; None if it is not plausible."""
    try:
        return None if given is None else _instant(given, "received_at", now, now)
    except Rejected as rejected:
        warnings.append(left_out(rejected.fault))
        return None


def _with_advice(fault: Fault, user: object) -> Fault:
    """The fault; of an id that is no address, with what to do about it."""
    if fault.field != "user_email" or not isinstance(user, str | int | float) or "@" in str(user):
        return fault
    shown = repr(user)[:VALUE_SHOWN_MAX_CHARS]
    message = f"{shown} is not an email address; {USER_ADVICE}"
    return Fault(fault.code, fault.field, message)


def _require_storable(line: dict[str, Any]) -> None:
    _, repairs = repaired(line, "line", CONTENT_DEPTH_MAX)
    for fault in repairs.named:
        raise Rejected(fault)


def _content(event: dict[str, Any], row: EventRow, received_at: datetime | None) -> dict[str, Any]:
    """Return what makes two events equal: fields, user and time as in the file, in one spelling.

    Personal data is still included, so that another setting or rule does not change the ids.
    """
    plain, _ = repaired(event, "", CONTENT_DEPTH_MAX)
    content = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in plain.items()
        if name in EVENT_FIELDS - {"event_id"} and value != {}
    }
    content["user_email"] = row.user_email
    content["event_timestamp"] = row.event_timestamp.isoformat()
    if "event_metadata" in content:
        content["metadata"] = content.pop("event_metadata")
    for name in ("entity_id", "session_id"):
        if name in content:
            content[name] = str(content[name])
    if received_at is not None:
        content["received_at"] = received_at.isoformat()
    return content


def _own_time(given: EventIn, now: datetime, settings: Settings) -> tuple[datetime, TimeBasis]:
    """The event's time as it is: another import of the file brings the same."""
    name = "event_timestamp"
    event_id = given.get("event_id")
    timestamp = given.get("event_timestamp")
    if timestamp is None and event_id is not None and event_id.version == 7:
        timestamp = time_of_uuid7(event_id)
    if timestamp is None:
        raise Rejected(Fault("missing_field", name, "is required, but the entry has no time"))
    timestamp = _utc(timestamp, name)
    require_in_range(timestamp, now, settings)
    return timestamp, TimeBasis.GIVEN


def _privacy_line(line: dict[str, Any], now: datetime) -> PrivacyLine:
    if line["kind"] == "erasure_secret":
        return SecretLine(_bytes(line, "value"))
    flags = {name: flag_of(line.get(name, False)) for name in OPT_OUTS}
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise Rejected(Fault("invalid_value", name, "must be true or false"))
    opt_outs = tuple(flag is True for flag in flags.values())
    if line["kind"] == "erasure":
        if line.get("erased_at") is None:
            raise Rejected(Fault("missing_field", "erased_at", "is missing"))
        return ErasureLine(
            _uuid(line, "erasure_id"),
            _bytes(line, "email_hash"),
            _instant(line["erased_at"], "erased_at", now, now),
            opt_outs,
            str(line.get("secret_check")),
        )
    email = line.get("user_email")
    if not isinstance(email, str):
        raise Rejected(Fault("missing_field", "user_email", "is missing"))
    try:
        email = normalise_email(email)
    except ValueError as error:
        raise Rejected(Fault("invalid_value", "user_email", str(error))) from error
    return UserLine(email, _instant(line.get("created_at"), "created_at", now, now), opt_outs)


def _bytes(line: dict[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(line[name])
    except (KeyError, TypeError, ValueError):
        raise Rejected(Fault("invalid_value", name, "must be hexadecimal digits")) from None


def _uuid(line: dict[str, Any], name: str) -> UUID:
    try:
        return UUID(line[name])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Rejected(Fault("invalid_value", name, "must be a UUID")) from None


def _instant(given: Any, name: str, now: datetime, otherwise: datetime) -> datetime:
    """A moment of the past; another one where none is given."""
    if given is None:
        return otherwise
    try:
        instant = parse_utc(time_text(given, name, None))  # type: ignore[arg-type]
    except (ValueError, AttributeError, TypeError):
        raise Rejected(Fault("invalid_value", name, INSTANT_FORM)) from None
    if instant > now + FUTURE_MAX:
        raise Rejected(Fault("in_future", name, "is more than a day in the future"))
    return instant


def _utc(instant: datetime, name: str) -> datetime:
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Rejected(Fault("invalid_value", name, "is beyond the end of the calendar")) from None


class FileOrder:
    """Keeps the events of one user, moment and receipt in the order of their file.

    Of such events, as files of other tools have them, ids would decide. An export never needs it:
    it is in that order. What stands far apart in a file that is not sorted by time is not noticed.
    """

    def __init__(self) -> None:
        # Of each moment the receipt in the file, and what the last event of it was stored with.
        self._last: OrderedDict[Moment, tuple[datetime, datetime, UUID]] = OrderedDict()

    def kept(self, row: EventRow) -> EventRow:
        """The row, received a microsecond after the one before it where that takes it."""
        moment = (row.user_email, row.event_timestamp, row.session_seq)
        last = self._last.pop(moment, None)
        received_at = row.received_at
        if last is not None and last[0] == received_at and last[1:] > (received_at, row.event_id):
            received_at = last[1] + MICROSECOND
        self._last[moment] = (row.received_at, received_at, row.event_id)
        if len(self._last) > MOMENTS_MAX:
            self._last.popitem(last=False)
        return row if received_at is row.received_at else row._replace(received_at=received_at)
