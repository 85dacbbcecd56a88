"""How much, of what, and when: the summary behind `GET /api/events/analytics`."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Numeric,
    Row,
    Select,
    Text,
    cast,
    column,
    func,
    literal,
    null,
    select,
    union_all,
)

from app.db import ReadSession
from app.models import ActivityEvent
from app.read.filters import EventFilter, conditions
from app.read.window import WINDOW_MAX_DAYS, Window

HOURS = 24
# The most distinct values of a type, category, action or device that an answer holds; the smallest
# counts are the ones left out, and `total_events` still counts them.
VALUES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts descend, then go by name; days and hours are local to the window's zone.

    `most_active_day` is the day with the most events, the latest of several;
    `most_common_action` the action with the most, the first by name of several. Both are None
    where nothing happened. `unique_sessions` counts distinct session ids. `events_by_day` has
    every day that the window touches, in order, `events_by_hour` one number for each hour.
    """

    total_events: int
    events_by_category: dict[str, int]
    events_by_type: dict[str, int]
    most_active_day: date | None
    most_common_action: str | None
    events_by_day: dict[date, int]
    events_by_hour: list[int]
    events_by_device: dict[str, int]
    unique_sessions: int
    avg_duration_ms_by_type: dict[str, float]


async def summary(session: ReadSession, filter_: EventFilter, window: Window) -> Summary:
    """The summary of the events in a window.

    `avg_duration_ms_by_type` averages the events that have a duration, and holds the types that
    have any. An event without a device counts as `unknown`. One statement; one user's events are
    read off the primary key once.

    Raises:
        TooExpensive: too many events in the window.
    """
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    statement = _statement(await conditions(session, filter_, window), window)
    for row in await session.execute(statement):
        found[row.part].append(row)
    by_action = _counts(found["action"])
    by_day = dict.fromkeys(window.local_days(), 0)
    by_day |= {date.fromisoformat(row.value): row.events for row in found["day"]}
    by_hour = [0] * HOURS
    for row in found["hour"]:
        by_hour[int(row.value)] = row.events
    totals = found["total"][0]
    busiest = max(by_day, key=lambda day: (by_day[day], day), default=None)
    return Summary(
        total_events=totals.events,
        events_by_category=_counts(found["category"]),
        events_by_type=_counts(found["type"]),
        most_active_day=busiest if totals.events else None,
        most_common_action=next(iter(by_action), None),
        events_by_day=by_day,
        events_by_hour=by_hour,
        events_by_device=_counts(found["device"]),
        unique_sessions=int(totals.number or 0),
        avg_duration_ms_by_type={
            row.value: round(float(row.number), 1)
            for row in sorted(found["type"], key=lambda row: row.value)
            if row.number is not None
        },
    )


def _statement(where: list[Any], window: Window) -> Select[Any]:
    """Events grouped once by everything that is asked for, then summed up by each of it.

    The grouping runs where the events are, on Citus too; the sums are over its few rows.
    """
    local = func.timezone(window.timezone, ActivityEvent.event_timestamp)
    grouped = (
        select(
            ActivityEvent.event_category.label("category"),
            ActivityEvent.event_type.label("type"),
            ActivityEvent.event_action.label("action"),
            func.coalesce(ActivityEvent.device_type, "unknown").label("device"),
            func.to_char(local, "YYYY-MM-DD").label("day"),
            cast(func.date_part("hour", local), Integer).label("hour"),
            ActivityEvent.session_id.label("session_id"),
            func.count().label("events"),
            func.sum(ActivityEvent.duration_ms).label("duration"),
            func.count(ActivityEvent.duration_ms).label("timed"),
        )
        .where(*where)
        .group_by(*(column(name) for name in _GROUPS))
        .cte("grouped")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    events = cast(func.coalesce(func.sum(grouped.c.events), 0), BigInteger)

    def part(
        name: str,
        value: ColumnElement[Any],
        number: ColumnElement[Any] | None = None,
        at_most: int = VALUES_MAX,
    ) -> Select[Any]:
        key = cast(value, Text)
        bounded = (
            select(
                literal(name).label("part"),
                key.label("value"),
                events.label("events"),
                cast(null() if number is None else number, Numeric).label("number"),
            )
            .group_by(key)
            .order_by(events.desc(), key.collate("C"))
            .limit(at_most)
        )
        return select(bounded.subquery())

    average = func.sum(grouped.c.duration) / func.nullif(func.sum(grouped.c.timed), 0)
    sessions = func.count(grouped.c.session_id.distinct())
    total = select(
        literal("total").label("part"),
        cast(null(), Text).label("value"),
        events.label("events"),
        cast(sessions, Numeric).label("number"),
    )
    answer = union_all(
        total,
        part("category", grouped.c.category),
        part("type", grouped.c.type, average),
        part("action", grouped.c.action),
        part("device", grouped.c.device),
        part("day", grouped.c.day, at_most=WINDOW_MAX_DAYS + 1),
        part("hour", grouped.c.hour),
    )
    return select(answer.subquery())


_GROUPS = ("category", "type", "action", "device", "day", "hour", "session_id")


def _counts(rows: list[Row[Any]]) -> dict[str, int]:
    """Descending by count, then by name, whatever order the union kept."""
    return {row.value: row.events for row in sorted(rows, key=lambda row: (-row.events, row.value))}
