"""Clocks, days and hours of zones: short, long, skipped ones, and clocks half an hour off."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.errors import InvalidRequest
from app.read.time_buckets import (
    OffsetSpan,
    Unit,
    buckets,
    day_of_hour,
    day_start,
    earlier,
    next_period,
    period_start,
    stretches,
)
from app.read.window import Window


def utc(instant: str) -> datetime:
    return datetime.fromisoformat(instant).replace(tzinfo=UTC)


def starts(start: str, end: str, zone: str, unit: Unit) -> list[str]:
    found = buckets(Window(utc(start), utc(end), zone), unit).starts
    return [each.isoformat() for each in found]


def test_a_stretch_for_each_offset() -> None:
    window = Window(utc("2026-10-24 12:00"), utc("2026-10-26 12:00"), "Europe/London")
    assert [(each.start, each.end, each.offset) for each in stretches(window)] == [
        (utc("2026-10-24 12:00"), utc("2026-10-25 01:00"), timedelta(hours=1)),
        (utc("2026-10-25 01:00"), utc("2026-10-26 12:00"), timedelta(0)),
    ]
    calm = Window(utc("2026-10-24 12:00"), utc("2026-10-26 12:00"), "Asia/Kathmandu")
    assert [each.offset for each in stretches(calm)] == [timedelta(hours=5, minutes=45)]


def test_days_of_23_and_25_hours() -> None:
    assert starts("2026-03-28", "2026-03-31", "Europe/London", "day") == [
        "2026-03-28T00:00:00+00:00",
        "2026-03-29T00:00:00+00:00",
        "2026-03-30T00:00:00+01:00",
        "2026-03-31T00:00:00+01:00",
    ]
    long = Window(utc("2026-10-24 23:00"), utc("2026-10-26 00:00"), "Europe/London")
    assert len(buckets(long, "hour")) == 25
    short = Window(utc("2026-03-29 00:00"), utc("2026-03-29 23:00"), "Europe/London")
    assert len(buckets(short, "hour")) == 23


def test_an_hour_that_the_clock_shows_twice_is_two() -> None:
    assert starts("2026-10-24 23:30", "2026-10-25 02:30", "Europe/London", "hour") == [
        "2026-10-25T00:00:00+01:00",
        "2026-10-25T01:00:00+01:00",
        "2026-10-25T01:00:00+00:00",
        "2026-10-25T02:00:00+00:00",
    ]


def test_a_clock_that_changes_by_half_an_hour() -> None:
    """The hour in which that happens has 90 minutes, in either direction."""
    assert starts("2026-04-04 14:00", "2026-04-04 16:00", "Australia/Lord_Howe", "hour") == [
        "2026-04-05T01:00:00+11:00",
        "2026-04-05T02:00:00+10:30",
    ]
    assert starts("2026-10-03 14:30", "2026-10-03 17:00", "Australia/Lord_Howe", "hour") == [
        "2026-10-04T01:00:00+10:30",
        "2026-10-04T03:00:00+11:00",
    ]


def test_a_day_that_was_skipped_is_none() -> None:
    assert starts("2011-12-29 10:00", "2011-12-31 10:00", "Pacific/Apia", "day") == [
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
    ]
    apia = ZoneInfo("Pacific/Apia")
    assert day_start(apia, date(2011, 12, 30)) == day_start(apia, date(2011, 12, 31))


def test_the_first_bucket_may_begin_before_the_window() -> None:
    assert starts("2026-11-18 15:30", "2026-11-20 12:00", "UTC", "week") == [
        "2026-11-16T00:00:00+00:00"
    ]
    assert starts("2026-10-31 20:00", "2026-11-01 00:00", "Asia/Kathmandu", "month") == [
        "2026-11-01T00:00:00+05:45"
    ]
    assert starts("2026-11-20 12:00:30", "2026-11-20 12:02:00", "UTC", "minute") == [
        "2026-11-20T12:00:00+00:00",
        "2026-11-20T12:01:00+00:00",
    ]


def test_a_window_ends_before_its_end() -> None:
    assert starts("2026-11-20", "2026-11-21", "UTC", "day") == ["2026-11-20T00:00:00+00:00"]
    assert starts("2026-11-20", "2026-11-20", "UTC", "day") == []


def test_too_many_buckets() -> None:
    with pytest.raises(InvalidRequest, match="more than 2000"):
        buckets(Window(utc("2026-01-01"), utc("2026-11-01"), "UTC"), "hour")


def test_the_window_before_is_as_long_on_the_calendar() -> None:
    """Two days across a change of clocks: the two days before, by their dates."""
    window = Window(utc("2026-10-24 23:00"), utc("2026-10-27 00:00"), "Europe/London")
    before = earlier(window)
    assert (before.start, before.end) == (utc("2026-10-22 23:00"), utc("2026-10-24 23:00"))


def test_periods() -> None:
    assert period_start(date(2026, 11, 22), "week") == date(2026, 11, 16)
    assert period_start(date(2026, 11, 22), "month") == date(2026, 11, 1)
    assert period_start(date(2026, 11, 22), "day") == date(2026, 11, 22)
    assert next_period(date(2026, 12, 1), "month") == date(2027, 1, 1)
    assert next_period(date(2026, 12, 28), "week") == date(2027, 1, 4)


def test_the_day_of_an_hour() -> None:
    assert [day_of_hour(hour) for hour in (0, 23, 24)] == [
        date(1970, 1, 1),
        date(1970, 1, 1),
        date(1970, 1, 2),
    ]


@pytest.mark.parametrize("past", [1, 500_000, 999_999])
def test_a_window_that_ends_within_a_second_after_the_change(past: int) -> None:
    start, change = utc("2026-03-28"), utc("2026-03-29 01:00")
    end = change + timedelta(microseconds=past)
    assert stretches(Window(start, end, "Europe/London")) == [
        OffsetSpan(start, change, timedelta(0)),
        OffsetSpan(change, end, timedelta(hours=1)),
    ]


@pytest.mark.parametrize(
    ("start", "unit", "first"),
    [
        # The clock went from 02:00 to 02:30, so that there was no full hour since 01:00.
        ("2026-10-03 15:40", "hour", "2026-10-04T01:00:00+10:30"),
        ("2026-10-03 15:30", "hour", "2026-10-04T01:00:00+10:30"),
        ("2026-10-03 15:59:59.999999", "hour", "2026-10-04T01:00:00+10:30"),
        ("2026-10-03 16:00", "hour", "2026-10-04T03:00:00+11:00"),
        ("2026-10-03 15:40:30", "minute", "2026-10-04T02:40:00+11:00"),
        # From 02:00 back to 01:30.
        ("2026-04-04 15:10", "hour", "2026-04-05T01:00:00+11:00"),
        ("2026-04-04 15:30", "hour", "2026-04-05T02:00:00+10:30"),
    ],
)
def test_the_first_bucket_begins_with_a_full_hour_of_the_clock(
    start: str, unit: Unit, first: str
) -> None:
    window = Window(utc(start), utc(start) + timedelta(minutes=2), "Australia/Lord_Howe")
    assert buckets(window, unit).starts[0].isoformat() == first
