"""Summaries of logs made by hand, with answers counted by hand."""

from datetime import date
from typing import Any

import pytest

from app.analytics import summary as module
from app.analytics.summary import Summary, summary
from app.database.sessions import Database
from app.read.filters import EventFilter
from app.read.window import Window
from tests.db.conftest import ADA, BOB, row, store, utc

DAY = Window(utc("2026-11-20 00:00"), utc("2026-11-21 00:00"))
NO_HOURS = [0] * 24


async def ask(database: Database, window: Window = DAY, *users: str) -> Summary:
    async with database.read() as session:
        return await summary(session, EventFilter(user_email=users), window)


def hours(**counts: int) -> list[int]:
    """`hours(h9=2)` -> two at nine, nothing else."""
    return [counts.get(f"h{hour}", 0) for hour in range(24)]


def of_type(number: int, at: str, type_: str, **fields: Any) -> Any:
    category, _, action = type_.partition("_")
    kind = {"event_type": type_, "event_category": category, "event_action": action}
    return row(number, at, **kind, **fields)


async def test_a_log_of_two_days(database: Database) -> None:
    await store(
        database,
        of_type(1, "2026-11-19 08:00", "email_opened", device_type="tv", session_id="a"),
        of_type(2, "2026-11-19 08:30", "email_opened", duration_ms=1000, session_id="a"),
        of_type(3, "2026-11-19 09:00", "email_replied", duration_ms=10, session_id="b"),
        of_type(4, "2026-11-20 08:59:59.999999", "task_opened", duration_ms=0, device_type="tv"),
        of_type(5, "2026-11-20 09:00", "email_opened", duration_ms=2001, device_type="desktop"),
        of_type(6, "2026-11-20 23:59:59.999999", "task_done", user=BOB, session_id="c"),
    )
    window = Window(utc("2026-11-19 00:00"), utc("2026-11-21 00:00"))
    assert await ask(database, window) == Summary(
        total_events=6,
        events_by_category={"email": 4, "task": 2},
        events_by_type={"email_opened": 3, "email_replied": 1, "task_done": 1, "task_opened": 1},
        most_active_day=date(2026, 11, 20),  # three on each: the latest
        most_common_action="opened",
        events_by_day={date(2026, 11, 19): 3, date(2026, 11, 20): 3},
        events_by_hour=hours(h8=3, h9=2, h23=1),
        events_by_device={"unknown": 3, "tv": 2, "desktop": 1},
        unique_sessions=3,
        avg_duration_ms_by_type={
            "email_opened": 1500.5,
            "email_replied": 10.0,
            "task_opened": 0.0,
        },
    )
    assert (await ask(database, window, ADA)).total_events == 5
    assert (await ask(database, window, BOB)).events_by_type == {"task_done": 1}
    assert (await ask(database, window, ADA, BOB)).total_events == 6
    assert (await ask(database, window, "nobody@example.com")).total_events == 0


async def test_nothing_in_the_window(database: Database) -> None:
    await store(database, row(1, "2026-11-19 23:59:59.999999"), row(2, "2026-11-21 00:00"))
    assert await ask(database) == Summary(
        total_events=0,
        events_by_category={},
        events_by_type={},
        most_active_day=None,
        most_common_action=None,
        events_by_day={date(2026, 11, 20): 0},
        events_by_hour=NO_HOURS,
        events_by_device={},
        unique_sessions=0,
        avg_duration_ms_by_type={},
    )


async def test_a_window_of_no_length(database: Database) -> None:
    await store(database, row(1))
    found = await ask(database, Window(utc("2026-11-20 09:00"), utc("2026-11-20 09:00")))
    assert found.total_events == 0
    assert found.events_by_day == {}
    assert found.most_active_day is None


async def test_the_window_holds_its_start_and_not_its_end(database: Database) -> None:
    await store(database, row(1, "2026-11-20 00:00"), row(2, "2026-11-21 00:00"))
    assert (await ask(database)).total_events == 1


async def test_equal_counts_go_by_name_and_the_latest_day_wins(database: Database) -> None:
    await store(
        database,
        of_type(1, "2026-11-18 09:00", "b_y"),
        of_type(2, "2026-11-19 09:00", "a_z"),
        of_type(3, "2026-11-19 10:00", "B_x"),
        of_type(4, "2026-11-18 10:00", "ä_x"),
        of_type(5, "2026-11-17 10:00", "c_y"),
        of_type(6, "2026-11-17 10:00", "c_z"),
    )
    found = await ask(database, Window(utc("2026-11-17 00:00"), utc("2026-11-21 00:00")))
    assert list(found.events_by_category.items()) == [
        ("c", 2),
        ("B", 1),
        ("a", 1),
        ("b", 1),
        ("ä", 1),
    ]
    assert found.most_common_action == "x"  # two of x, y and z: the first by name
    assert found.most_active_day == date(2026, 11, 19)
    assert list(found.events_by_day.items()) == [
        (date(2026, 11, 17), 2),
        (date(2026, 11, 18), 2),
        (date(2026, 11, 19), 2),
        (date(2026, 11, 20), 0),
    ]


@pytest.mark.parametrize(
    ("tz", "days", "by_hour"),
    [
        ("UTC", {19: 2, 20: 1}, hours(h18=2, h0=1)),
        # 18:14:59 is 23:59:59 there, 18:15 is midnight
        ("Asia/Kathmandu", {19: 1, 20: 2}, hours(h23=1, h0=1, h6=1)),
        # 18:14:59 is 23:44:59 there, 18:15 is 23:45
        ("Asia/Kolkata", {19: 2, 20: 1}, hours(h23=2, h6=1)),
        # 18:14:59 is 14:44:59 there, 00:30 is 21:00 the day before
        ("America/St_Johns", {19: 3, 20: 0}, hours(h14=2, h21=1)),
        # 18:14:59 is 07:59:59 there the next day; the window begins at 01:45 of it
        ("Pacific/Chatham", {20: 3}, hours(h7=1, h8=1, h14=1)),
    ],
)
async def test_days_and_hours_are_those_of_the_zone(
    database: Database, tz: str, days: dict[int, int], by_hour: list[int]
) -> None:
    await store(
        database,
        row(1, "2026-11-19 18:14:59.999999"),
        row(2, "2026-11-19 18:15"),
        row(3, "2026-11-20 00:30"),
    )
    window = Window(utc("2026-11-19 12:00"), utc("2026-11-20 08:00"), tz)
    found = await ask(database, window)
    assert found.total_events == 3
    assert found.events_by_day == {date(2026, 11, day): count for day, count in days.items()}
    assert found.events_by_hour == by_hour


async def test_a_day_of_23_hours(database: Database) -> None:
    """London's clocks go from 00:59 to 02:00."""
    at = [f"2026-03-29 {hour:02}:30" for hour in range(23)]
    await store(database, *(row(number, each) for number, each in enumerate(at)))
    window = Window(utc("2026-03-29 00:00"), utc("2026-03-29 23:00"), "Europe/London")
    found = await ask(database, window)
    assert found.events_by_day == {date(2026, 3, 29): 23}
    assert found.events_by_hour == [1, 0, *[1] * 22]


async def test_a_day_of_25_hours(database: Database) -> None:
    """London's clocks go from 01:59 back to 01:00: that hour is there twice, and counts as one."""
    at = ["2026-10-24 23:30", *(f"2026-10-25 {hour:02}:30" for hour in range(24))]
    await store(database, *(row(number, each) for number, each in enumerate(at)))
    window = Window(utc("2026-10-24 23:00"), utc("2026-10-26 00:00"), "Europe/London")
    found = await ask(database, window)
    assert found.events_by_day == {date(2026, 10, 25): 25}
    assert found.events_by_hour == [1, 2, *[1] * 22]


async def test_averages_are_over_the_events_that_have_a_duration(database: Database) -> None:
    await store(
        database,
        of_type(1, "2026-11-20 09:00", "b_x", duration_ms=1, device_type="tv"),
        of_type(2, "2026-11-20 10:00", "b_x", duration_ms=1, device_type="desktop"),
        of_type(3, "2026-11-20 11:00", "b_x", duration_ms=0),
        of_type(4, "2026-11-20 12:00", "b_x"),
        of_type(5, "2026-11-20 13:00", "a_x", duration_ms=315_360_000_000),
        of_type(6, "2026-11-20 14:00", "c_x"),
    )
    found = await ask(database)
    assert list(found.avg_duration_ms_by_type.items()) == [
        ("a_x", 315_360_000_000.0),
        ("b_x", 0.7),
    ]


async def test_sessions_are_counted_once_across_days_and_types(database: Database) -> None:
    await store(
        database,
        of_type(1, "2026-11-19 23:59", "a_x", session_id="s"),
        of_type(2, "2026-11-20 00:01", "b_y", session_id="s", device_type="tv"),
        of_type(3, "2026-11-20 00:02", "b_y"),
        of_type(4, "2026-11-20 00:03", "b_y", session_id="t"),
    )
    window = Window(utc("2026-11-19 00:00"), utc("2026-11-21 00:00"))
    assert (await ask(database, window)).unique_sessions == 2


async def test_values_past_the_bound_are_left_out_and_still_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VALUES_MAX", 2)
    await store(
        database,
        of_type(1, "2026-11-20 09:00", "a_x"),
        of_type(2, "2026-11-20 09:00", "c_x"),
        of_type(3, "2026-11-20 09:00", "c_x"),
        of_type(4, "2026-11-20 09:00", "b_x"),
    )
    found = await ask(database)
    assert found.events_by_category == {"c": 2, "a": 1}
    assert found.total_events == 4
