"""Series, top values, durations and heatmaps over logs made by hand."""

from typing import Any

import pytest

from app.analytics.durations import Duration, durations
from app.analytics.heatmap import heatmap
from app.analytics.summary import summary
from app.analytics.timeseries import Timeseries, timeseries
from app.analytics.top import Top, top
from app.database.sessions import Database
from app.errors import InvalidRequest
from app.read.filters import EventFilter
from app.read.window import Window
from tests.db.conftest import ADA, BOB, row, store, utc

TWO_DAYS = Window(utc("2026-11-19 00:00"), utc("2026-11-21 00:00"))


async def series(
    database: Database,
    window: Window = TWO_DAYS,
    filter_: EventFilter | None = None,
    **options: Any,
) -> Timeseries:
    async with database.read(heavy=True) as session:
        return await timeseries(session, filter_ or EventFilter(), window, **options)


async def top_of(database: Database, **options: Any) -> Top:
    async with database.read(heavy=True) as session:
        return await top(session, EventFilter(), TWO_DAYS, **options)


def values(found: Top) -> list[tuple[str | None, int]]:
    return [(each.value, each.events) for each in found.rows]


async def test_zero_where_nothing_happened(database: Database) -> None:
    await store(
        database,
        row(1, "2026-11-18 23:59:59.999999"),
        row(2, "2026-11-20 00:00"),
        row(3, "2026-11-20 23:59:59.999999"),
        row(4, "2026-11-21 00:00"),
    )
    found = await series(database)
    assert [each.isoformat() for each in found.buckets] == [
        "2026-11-19T00:00:00+00:00",
        "2026-11-20T00:00:00+00:00",
    ]
    (whole,) = found.series
    assert (whole.value, whole.events, whole.total, found.total_events) == (None, [0, 2], 2, 2)


@pytest.mark.parametrize("users", [(), (ADA,)])
async def test_a_window_that_cuts_days_and_quarter_hours(
    database: Database, users: tuple[str, ...]
) -> None:
    await store(
        database,
        *(row(n, at) for n, at in enumerate(["2026-11-19 09:06", "2026-11-19 09:07"])),
        *(row(n + 9, at) for n, at in enumerate(["2026-11-20 10:00", "2026-11-20 10:01"])),
    )
    window = Window(utc("2026-11-19 09:07"), utc("2026-11-20 10:01"))
    found = await series(database, window, EventFilter(user_email=users))
    assert found.series[0].events == [1, 1]
    minutes = Window(utc("2026-11-20 09:59"), utc("2026-11-20 10:02"))
    found = await series(database, minutes, EventFilter(user_email=users), bucket="minute")
    assert found.series[0].events == [0, 1, 1]


async def test_what_comes_after_the_end_in_its_quarter_hour_is_not_there(
    database: Database,
) -> None:
    """Not even as a value of which there is none."""
    await store(
        database,
        row(1, "2026-11-20 09:01", event_type="task_opened", duration_ms=100),
        row(2, "2026-11-20 09:06:59.999999", event_type="task_opened", duration_ms=300),
        row(3, "2026-11-20 09:07", event_type="task_opened", duration_ms=5000),
        row(4, "2026-11-20 09:14:59.999999", event_type="task_done", duration_ms=5000),
        row(5, "2026-11-20 09:15", event_type="email_opened"),
    )
    until = Window(TWO_DAYS.start, utc("2026-11-20 09:07"))
    found = await series(database, until, bucket="hour", split_by="event_type")
    assert [(each.value, each.total) for each in found.series] == [("task_opened", 2)]
    async with database.read(heavy=True) as session:
        kinds = await top(session, EventFilter(), until)
        whole = await summary(session, EventFilter(), until)
    assert (values(kinds), kinds.distinct_values) == ([("task_opened", 2)], 1)
    assert whole.events_by_type == {"task_opened": 2}
    assert whole.avg_duration_ms_by_type == {"task_opened": 200.0}
    assert whole.events_by_hour == [0] * 9 + [2] + [0] * 14


async def test_hours_of_a_day_with_25(database: Database) -> None:
    """01:30 comes twice in London; each has its own bucket, and both one cell of the heatmap."""
    await store(
        database,
        row(1, "2026-10-25 00:30"),
        row(2, "2026-10-25 01:30"),
        row(3, "2026-10-25 01:59"),
    )
    window = Window(utc("2026-10-24 23:00"), utc("2026-10-26 00:00"), "Europe/London")
    found = await series(database, window, bucket="hour")
    assert len(found.buckets) == 25
    assert found.series[0].events[:4] == [0, 1, 2, 0]
    async with database.read() as session:
        cells = await heatmap(session, EventFilter(), window)
    assert cells.weekdays[6] == "sunday"
    assert cells.events[6] == [0, 3] + [0] * 22
    assert cells.total_events == 3


async def test_a_series_for_each_of_the_most_frequent_values(database: Database) -> None:
    await store(
        database,
        row(1, "2026-11-19 09:00", event_type="b"),
        row(2, "2026-11-20 09:00", event_type="b"),
        row(3, "2026-11-20 09:00", event_type="a"),
        row(4, "2026-11-20 09:00", event_type="c"),
        row(5, "2026-11-20 09:00", event_type="c", device_type="tv"),
        row(6, "2026-11-20 09:00", event_type="d"),
    )
    found = await series(database, split_by="event_type", limit=2)
    assert [(each.value, each.is_other, each.events) for each in found.series] == [
        ("b", False, [1, 1]),
        ("c", False, [0, 2]),
        (None, True, [0, 2]),
    ]
    assert (found.total_events, found.about.truncated) == (6, True)
    found = await series(database, split_by="device_type")
    assert [(each.value, each.total) for each in found.series] == [("unknown", 5), ("tv", 1)]
    found = await series(database, filter_=EventFilter(event_type=("a", "b")))
    assert found.series[0].events == [1, 2]


async def test_beside_the_time_before(database: Database) -> None:
    await store(database, row(1, "2026-11-18 09:00"), row(2, "2026-11-20 09:00"))
    found = await series(database, compare=True)
    assert found.previous is not None
    assert [each.day for each in found.previous.buckets] == [17, 18]
    assert found.previous.series[0].events == [0, 1]
    assert found.previous.previous is None


async def test_top_values(database: Database) -> None:
    await store(
        database,
        row(1, event_type="b", event_metadata='{"k": "x"}', entity_type="t", entity_id="1"),
        row(2, event_type="a", event_metadata='{"k": "x"}', entity_type="t", entity_id="1"),
        row(3, event_type="c", event_metadata='{"k": 1.5}', entity_type="u", entity_id="1"),
        row(4, event_type="c", event_metadata='{"k": {"y": [1]}}', user=BOB),
        row(5, event_type="c", event_metadata='{"k": null}', user=BOB),
        row(6, event_type="c", event_metadata="{}", user=BOB),
    )
    found = await top_of(database, limit=2)
    assert values(found) == [("c", 4), ("a", 1)]
    assert (found.total_events, found.distinct_values, found.about.truncated) == (6, 3, True)
    assert [each.share for each in found.rows] == [0.6667, 0.1667]
    assert values(await top_of(database, by="user")) == [(ADA, 3), (BOB, 3)]
    found = await top_of(database, by="entity")
    assert [(each.entity_type, each.value, each.events) for each in found.rows] == [
        ("t", "1", 2),
        ("u", "1", 1),
    ]
    found = await top_of(database, by="metadata", key="k")
    assert values(found) == [("x", 2), (1.5, 1), (None, 1), ({"y": [1]}, 1)]
    assert found.total_events == 5
    assert values(await top_of(database, by="metadata", key="none")) == []
    with pytest.raises(InvalidRequest, match=r"^`key` is only allowed with `by=metadata`$"):
        await top_of(database, key="k")


async def test_durations_are_interpolated(database: Database) -> None:
    await store(
        database,
        *(row(n, event_type="b", duration_ms=ms) for n, ms in enumerate([0, 10, 100])),
        row(7, event_type="a", duration_ms=5),
        row(8, event_type="c"),
    )
    async with database.read() as session:
        found = await durations(session, EventFilter(), TWO_DAYS)
        assert found.rows == [
            Duration("b", 3, 36.7, 10.0, 82.0, 98.2),
            Duration("a", 1, 5.0, 5.0, 5.0, 5.0),
        ]
        cut = await durations(session, EventFilter(), TWO_DAYS, limit=1)
    assert ([each.event_type for each in cut.rows], cut.about.truncated) == (["b"], True)
