"""The summary behind `GET /api/events/analytics`: totals, kinds, sessions, days and hours."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from app.analytics.counts import Counts, count_events
from app.analytics.result import NOWHERE, Provenance
from app.analytics.rollup_counts import OTHER_KIND
from app.database.sessions import ReadSession
from app.read.filters import EventFilter
from app.read.time_buckets import day_of_hour
from app.read.window import Window

HOURS = 24
# The most distinct values of a type, category or device that an answer lists; those with the
# smallest counts are left out, and counted as `other_events`.
VALUES_MAX = 500
LISTED = ("event_category", "event_type", "device_type")


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts descend, then go by name; days and hours are local to the window's zone.

    `most_active_day` is the day with the most events, the latest of several;
    `most_common_action` the action with the most, the first by name of several. Both are None
    where nothing happened. `other_events` counts, for each of the lists, the events whose value
    it does not have. `unique_sessions` counts a user's distinct session ids. `events_by_day`
    has every day that the window touches, in order, `events_by_hour` one number for each hour.
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
    other_events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LISTED, 0))
    about: Provenance = field(default=NOWHERE, compare=False)


async def summary(session: ReadSession, filter_: EventFilter, window: Window) -> Summary:
    """The summary of the events in a window.

    `avg_duration_ms_by_type` averages the events that have a duration, and holds the types that
    have any. An event without a device counts as `unknown`.

    Raises:
        TooExpensive: too many events in the window.
    """
    counts = await count_events(session, filter_, window, sessions=True)
    by_day = dict.fromkeys(window.local_days(), 0)
    by_hour = [0] * HOURS
    for hour, events in counts.hours.items():
        by_day[day_of_hour(hour)] += events
        by_hour[hour % HOURS] += events
    total = sum(by_hour)
    by_type, by_category, by_action, by_device = (
        counted_by(counts, place) for place in (0, 1, 2, 3)
    )
    category, type_, device = (
        most_of(found, VALUES_MAX) for found in (by_category, by_type, by_device)
    )
    of_kinds = sum(numbers[0] for numbers in counts.kinds.values())
    listed = zip(LISTED, (category, type_, device), strict=True)
    other = {name: of_kinds - sum(values.values()) for name, values in listed}
    most_active = max(by_day, key=lambda day: (by_day[day], day), default=None)
    return Summary(
        total_events=total,
        events_by_category=category,
        events_by_type=type_,
        most_active_day=most_active if total else None,
        most_common_action=next(iter(most_of(by_action, 1)), None),
        events_by_day=by_day,
        events_by_hour=by_hour,
        events_by_device=device,
        unique_sessions=counts.sessions,
        avg_duration_ms_by_type=_averages(counts, type_),
        other_events=other,
        about=Provenance(counts.source, counts.rows_read, truncated=any(other.values())),
    )


def counted_by(counts: Counts, place: int) -> Counter[str]:
    """Events by one part of a kind (type, category, action, device), as far as it is known."""
    found: Counter[str] = Counter()
    for kind, numbers in counts.kinds.items():
        if kind != OTHER_KIND:
            found[kind[place]] += numbers[0]
    return found


def most_of(counter: Counter[str], at_most: int) -> dict[str, int]:
    """Descending by count, then by name."""
    return dict(sorted(counter.items(), key=lambda each: (-each[1], each[0]))[:at_most])


def _averages(counts: Counts, types: dict[str, int]) -> dict[str, float]:
    sums: dict[str, list[int]] = {name: [0, 0] for name in types}
    for (event_type, *_), (_, timed, duration_ms) in counts.kinds.items():
        if event_type in sums:
            sums[event_type][0] += timed
            sums[event_type][1] += duration_ms
    return {name: round(ms / timed, 1) for name, (timed, ms) in sorted(sums.items()) if timed}
