"""Windows that end or begin beside a change of clocks."""

from datetime import UTC, datetime, timedelta

import pytest

from app.read.window import Window
from app.read.zones import Stretch, Unit, buckets, stretches


def utc(instant: str) -> datetime:
    return datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize("past", [1, 500_000, 999_999])
def test_a_window_that_ends_within_a_second_after_the_change(past: int) -> None:
    start, change = utc("2026-03-28"), utc("2026-03-29 01:00")
    end = change + timedelta(microseconds=past)
    assert stretches(Window(start, end, "Europe/London")) == [
        Stretch(start, change, timedelta(0)),
        Stretch(change, end, timedelta(hours=1)),
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
