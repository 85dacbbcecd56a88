"""The only parser of times: in events, imported files, query parameters, cursors and commands.

It accepts RFC 3339, the other forms of ISO 8601 in common use, and the output of PostgreSQL,
pandas, Go, Java and others. It never accepts digits alone: epoch seconds could be mistaken for
milliseconds. It agrees with pydantic on every text that pydantic accepts, so that the fast parser
of events can hand over the others.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

INSTANT_FORM = "must be a date and time, such as 2026-11-20T09:15:00Z"
NUMBER_REFUSED = f"{INSTANT_FORM}; a number could be seconds or milliseconds"
# Enough for a time with a zone name and a calendar in brackets. Checked before parsing.
INSTANT_MAX_CHARS = 128
INSTANT_FIELDS = ("event_timestamp", "sent_at")

_ISO_DATE = r"\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d"
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{4}-?W\d\d-?\d", re.ASCII)  # never digits alone
_YEAR = re.compile(r"\d{4}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_INSTANT = re.compile(
    rf"""
    (?P<date>{_ISO_DATE})
    [Tt\ _]
    (?P<hour>\d\d) (?: :?(?P<minute>\d\d) (?: :?(?P<second>\d\d) (?: [.,](?P<fraction>\d+) )? )? )?
    (?: \ ?
      (?:
        (?P<utc> [Zz] | UTC | GMT )
        | (?P<sign> [+\-\u2212] ) (?P<hours>\d\d)
          (?: :?(?P<minutes>[0-5]\d) (?: :?(?P<seconds>[0-5]\d) )? )?
          (?: \ (?: [A-Z]{{3,5}} | [+\-\ ]\d\d(?:\d\d)? ) )?  # Go: `+0100 CET m=+0.0037`
          (?: \ m=[+\-\ ][\d.]+ )?
      )
    )?
    (?P<brackets> (?: \[ !? [A-Za-z0-9_./+=:\ -]+ \] )* )  # RFC 9557
    """,
    re.ASCII | re.VERBOSE,
)
# `+` in a query string means a space: `...T00:00:00 02:00` was an offset.
_LOST_PLUS = re.compile(
    r"(.{8,10}[Tt _]\d\d[\d:.,]*\ ?)\ (\d\d(?::?\d\d){0,2}(?:[ \[].*)?)", re.ASCII
)


def parse_instant(text: str) -> datetime:
    """Parse a date and time; the result is aware if the text has an offset, otherwise naive.

    Digits beyond microseconds are cut off. `:60` is the first second of the next minute, `24:00`
    midnight of the next day. A zone in brackets is ignored after an offset, and not enough alone.

    Raises:
        ValueError: the text is not a date and time.
    """
    if len(text) > INSTANT_MAX_CHARS or (found := _INSTANT.fullmatch(text.strip())) is None:
        raise ValueError(instant_fault(text))
    offset = _offset(found)
    if offset is None and found["brackets"]:
        raise ValueError(INSTANT_FORM)
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    microsecond = int((found["fraction"] or "0")[:6].ljust(6, "0"))
    carried = timedelta()
    if second == 60:
        second, carried = 59, timedelta(seconds=1)
    if hour == 24 and not (minute or second or microsecond):
        hour, carried = 0, timedelta(days=1)
    try:
        day = date.fromisoformat(found["date"])
        return datetime.combine(day, time(hour, minute, second, microsecond, offset)) + carried
    except (ValueError, OverflowError):
        raise ValueError(INSTANT_FORM) from None


def instant_fault(value: object) -> str:
    """Return the error message for a value that is not a date and time."""
    if isinstance(value, str) and len(value) <= INSTANT_MAX_CHARS:
        text = value.strip()
        is_day = _YEAR.fullmatch(text) is not None or _DATE.fullmatch(text) is not None
        is_number = _NUMBER.fullmatch(text) is not None and not is_day
    else:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return NUMBER_REFUSED if is_number else INSTANT_FORM


def parse_utc(text: str) -> datetime:
    """Parse a date and time and convert it to UTC, which is also the default offset.

    Raises:
        ValueError: the text is not a date and time, or is beyond the calendar's range.
    """
    instant = parse_instant(text)
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(INSTANT_FORM) from None


def parse_date(text: str) -> date | None:
    """Parse a date without a time; None if the text does not have the form of one.

    Raises:
        ValueError: the date does not exist.
    """
    text = text.strip()
    return date.fromisoformat(text) if _DATE.fullmatch(text) else None


def with_plus(text: str) -> str:
    """Restore the `+` of an offset that a query string turned into a space."""
    text = text.strip()
    found = None if len(text) > INSTANT_MAX_CHARS else _LOST_PLUS.fullmatch(text)
    return f"{found[1]}+{found[2]}" if found else text


def with_plain_times(fields: dict[str, object]) -> dict[str, object]:
    """Rewrite the times of an event or a batch into a form that pydantic accepts.

    Values that are not times stay unchanged, for pydantic to reject.
    """
    for name in INSTANT_FIELDS:
        value = fields.get(name)
        if isinstance(value, str):
            fields = {**fields, name: _plain(value)}
    return fields


def _plain(text: str) -> str:
    try:
        instant = parse_instant(text)
        return (instant if instant.tzinfo is None else instant.astimezone(UTC)).isoformat()
    except (ValueError, OverflowError):
        return text


def _offset(found: re.Match[str]) -> timezone | None:
    if found["utc"]:
        return UTC
    if not found["sign"]:
        return None
    hours, minutes, seconds = (int(found[name] or 0) for name in ("hours", "minutes", "seconds"))
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if hours > 23:
        raise ValueError(INSTANT_FORM)
    return timezone(offset if found["sign"] == "+" else -offset)
