"""Times and durations of an event, in the forms that programs have them."""

from __future__ import annotations

from calendar import timegm
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from time import struct_time
from typing import Any

from activity_events import log

SECONDS_MAX = 1e11  # the year 5138
MISSING = {"NaTType", "NAType"}  # pandas


def milliseconds(duration: object) -> object:
    """Return a duration as a number of milliseconds, if it is one of another type."""
    if isinstance(duration, timedelta):
        return duration / timedelta(milliseconds=1)
    if isinstance(duration, (Decimal, Fraction)):
        with suppress(ValueError, OverflowError):
            return float(duration)
    return duration


def instant(timestamp: object, now: datetime) -> object:
    """Return a timestamp as the service takes it: instants and texts as they are, `now` for a
    missing one. With a warning, a date is its first moment in UTC, a number seconds since 1970 (as
    of `time.time()`) or milliseconds, and what is no time `now`."""
    with suppress(Exception):  # of a class or a time zone that isn't ours
        found = now if is_missing(timestamp) else _instant(timestamp)
        if found is not None:
            return found
    log.changed(timestamp, "event_timestamp", "the present time")
    return now


def _instant(timestamp: object) -> object:
    """Return an instant or a text; None for what is no time."""
    taken = of_numpy(timestamp)
    if isinstance(taken, datetime):
        taken.isoformat()  # may raise
        return taken
    if isinstance(taken, str):
        return taken
    if isinstance(taken, date):
        log.changed(timestamp, "event_timestamp", "the first moment of the day in UTC")
        return datetime(taken.year, taken.month, taken.day, tzinfo=timezone.utc)
    number = timegm(taken) if isinstance(taken, struct_time) else taken
    if isinstance(number, bool) or not isinstance(number, Real):
        return None
    seconds = float(number)
    unit = "" if abs(seconds) < SECONDS_MAX else "milli"
    found = datetime.fromtimestamp(seconds / 1000 if unit else seconds, timezone.utc)
    log.changed(timestamp, "event_timestamp", f"{unit}seconds since 1970")
    return found


def of_numpy(value: Any) -> object:
    """Return instants and durations of numpy as those of Python, which count microseconds."""
    dtype = getattr(value, "dtype", None)
    name = {"M": "datetime64[us]", "m": "timedelta64[us]"}.get(getattr(dtype, "kind", ""))
    if name is None:
        return value
    is_finer = str(dtype).endswith(("[ns]", "[ps]", "[fs]", "[as]"))
    taken: object = (value.astype(name) if is_finer else value).tolist()
    return taken


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, or what pandas has for them."""
    is_nan = isinstance(value, Real) and bool(value != value)
    return value is None or is_nan or type(value).__name__ in MISSING
