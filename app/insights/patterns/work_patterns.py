"""Work patterns learned from a user's events: each finding with its sample, spread and confidence.

A finding without enough data says so, and nothing else.
"""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from app.insights.generation.work_items import threads
from app.read.sessions import SESSION_GAP
from app.read.user_history import Past, PastEvent
from app.read.window import Window

Confidence = Literal["not enough data", "low", "medium", "high"]

SAMPLES_MIN = 5
SAMPLES_MEDIUM = 20
SAMPLES_HIGH = 60
HOURS_SHOWN = 3
VALUES_MAX = 50  # priorities and categories that a finding lists, the most frequent ones
A_MILLISECOND = timedelta(milliseconds=1)
FOCUS_MIN = timedelta(minutes=25)
# Of what a focus session may consist: mostly of one category.
FOCUS_SHARE = 0.6
# What counts as work done, when productive hours are looked for.
PRODUCTIVE = frozenset({"completed", "created", "replied", "given", "categorized", "accepted"})
TASKS = frozenset({"project_subtask_created"})
REPLIES = "email_replied"


@dataclass(frozen=True, slots=True)
class Finding:
    """`value` is None where there is not enough data; `samples` is how many events or pairs it is
    made of."""

    value: Any
    samples: int
    confidence: Confidence
    spread: Any = None


@dataclass(frozen=True, slots=True)
class Patterns:
    """Times are in milliseconds, hours and days local to the window's zone."""

    most_productive_hours: Finding
    preferred_project_priorities: Finding
    avg_task_completion_time: Finding
    task_duration: Finding
    email_response_time: Finding
    feature_usage: Finding
    focus_sessions: Finding
    streak: Finding
    weekday_profile: Finding
    events_read: int = 0
    truncated: bool = False
    opted_out: bool = False


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """`trend` is the share of change from the first half of the window to the second; None where
    the first half has none."""

    category: str
    events: int
    share: float
    trend: float | None


@dataclass(slots=True)
class _Stretch:
    """Events without a pause between them."""

    events: list[PastEvent] = field(default_factory=list)

    @property
    def length(self) -> timedelta:
        return self.events[-1].event_timestamp - self.events[0].event_timestamp


def learn(past: Past, window: Window) -> Patterns:
    """Learn a user's work patterns from their history."""
    events = past.events
    return Patterns(
        most_productive_hours=_hours(events, window),
        preferred_project_priorities=_priorities(events),
        avg_task_completion_time=_between(events, TASKS, None),
        task_duration=_of_times(
            [each.duration_ms for each in events if _is_timed_task(each) and each.duration_ms]
        ),
        email_response_time=_between(events, frozenset({"email_opened"}), REPLIES),
        feature_usage=_features(events, window),
        focus_sessions=_focus(events),
        streak=_streak(events, window),
        weekday_profile=_weekdays(events, window),
        events_read=len(events),
        truncated=past.truncated,
        opted_out=past.opted_out,
    )


def confidence_of(samples: int) -> Confidence:
    """Return the confidence for a sample size."""
    if samples < SAMPLES_MIN:
        return "not enough data"
    if samples < SAMPLES_MEDIUM:
        return "low"
    return "medium" if samples < SAMPLES_HIGH else "high"


def _finding(value: Any, samples: int, spread: Any = None) -> Finding:
    confidence = confidence_of(samples)
    if confidence == "not enough data":
        return Finding(None, samples, confidence)
    return Finding(value, samples, confidence, spread)


def _hours(events: Sequence[PastEvent], window: Window) -> Finding:
    """The hours with the most work done; of those who do none, with the most events."""
    done = [event for event in events if event.event_action in PRODUCTIVE]
    counted = done if len(done) >= SAMPLES_MIN else events
    hours = Counter(each.event_timestamp.astimezone(window.zone).hour for each in counted)
    best = sorted(hours, key=lambda hour: (-hours[hour], hour))[:HOURS_SHOWN]
    shares = {str(hour): round(hours[hour] / len(counted), 4) for hour in sorted(hours)}
    return _finding(best, len(counted), shares)


def _priorities(events: Sequence[PastEvent]) -> Finding:
    """Count priorities of the projects that the user created or worked on, each by its last one."""
    last: dict[tuple[str, str], str] = {}
    created: dict[tuple[str, str], str] = {}
    for event in events:
        if event.event_category == "project" and event.priority and event.entity:
            last[event.entity] = event.priority
            if event.event_type == "project_created":
                created[event.entity] = event.priority
    chosen = created if len(created) >= SAMPLES_MIN else last
    counts = Counter(chosen.values())
    ranked = sorted(counts, key=lambda name: (-counts[name], name))[:VALUES_MAX]
    shares = {name: round(counts[name] / len(chosen), 4) for name in ranked}
    return _finding(ranked, len(chosen), shares)


def _is_timed_task(event: PastEvent) -> bool:
    return event.event_type == "project_subtask_completed" and event.duration_ms is not None


def _between(
    events: Sequence[PastEvent], beginnings: frozenset[str], ended_by: str | None
) -> Finding:
    """Return times from the beginning of an item to its end."""
    return _of_times(
        [
            (thread.ended.event_timestamp - thread.begun.event_timestamp)
            / timedelta(milliseconds=1)
            for thread in threads(events)
            if thread.begun.event_type in beginnings
            and thread.ended is not None
            and ended_by in (None, thread.ended.event_type)
        ]
    )


def _of_times(times_ms: Sequence[float]) -> Finding:
    """The median, with the quartiles as its spread: some things lie for a weekend."""
    if len(times_ms) < SAMPLES_MIN:
        return _finding(None, len(times_ms))
    low, middle, high = statistics.quantiles(times_ms, n=4, method="inclusive")
    spread = {
        "p25_ms": round(low),
        "p75_ms": round(high),
        "mean_ms": round(statistics.fmean(times_ms)),
    }
    return _finding({"median_ms": round(middle)}, len(times_ms), spread)


def _features(events: Sequence[PastEvent], window: Window) -> Finding:
    middle = window.start + (window.end - window.start) / 2
    counts: Counter[str] = Counter()
    early: Counter[str] = Counter()
    for event in events:
        counts[event.event_category] += 1
        early[event.event_category] += event.event_timestamp < middle
    used = [
        FeatureUse(
            name,
            counts[name],
            round(counts[name] / len(events), 4),
            round((counts[name] - 2 * early[name]) / early[name], 4) if early[name] else None,
        )
        for name in sorted(counts, key=lambda name: (-counts[name], name))[:VALUES_MAX]
    ]
    return _finding(used, len(events))


def _focus(events: Sequence[PastEvent]) -> Finding:
    """Stretches of some length without a pause, of mostly one category."""
    stretches: list[_Stretch] = []
    for event in events:
        last = stretches[-1].events if stretches else None
        if last is None or event.event_timestamp - last[-1].event_timestamp > SESSION_GAP:
            stretches.append(_Stretch([event]))
        else:
            last.append(event)
    found = []
    for stretch in stretches:
        categories = Counter(
            each.event_category for each in stretch.events if each.event_category != "navigation"
        )
        if stretch.length >= FOCUS_MIN and categories:
            name, most = min(categories.items(), key=lambda each: (-each[1], each[0]))
            if most >= FOCUS_SHARE * categories.total():
                found.append((name, stretch.length / A_MILLISECOND))
    if not found:
        return _finding({"sessions": 0}, len(stretches))
    names = Counter(name for name, _ in found)
    value = {
        "sessions": len(found),
        "median_length_ms": round(statistics.median(length for _, length in found)),
        "categories": dict(
            sorted(names.items(), key=lambda each: (-each[1], each[0]))[:VALUES_MAX]
        ),
    }
    return _finding(value, len(stretches))


def _streak(events: Sequence[PastEvent], window: Window) -> Finding:
    """Working days (Monday to Friday) without a gap: the longest, and the one up to now. Today
    ends none while it lasts."""
    active = {event.event_timestamp.astimezone(window.zone).date() for event in events}
    days = window.local_days()
    longest = running = 0
    for day in days:
        if day in active and day.weekday() < 5:
            running += 1
        elif day.weekday() < 5 and day != days[-1]:
            running = 0
        longest = max(longest, running)
    return _finding({"longest_days": longest, "current_days": running}, len(active))


def _weekdays(events: Sequence[PastEvent], window: Window) -> Finding:
    """The share of each weekday, Monday first."""
    counts = Counter(each.event_timestamp.astimezone(window.zone).weekday() for each in events)
    shares = [round(counts[day] / len(events), 4) if events else 0.0 for day in range(7)]
    return _finding(shares, len(events))
