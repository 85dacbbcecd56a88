"""What is learnt from the demo's people is what was planted in them."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from app.demo.fill import Demo, demo_events
from app.demo.habits import character
from app.demo.visits import DemoEvent
from app.insights.everybody import NOBODY
from app.insights.next_actions import outlook
from app.insights.patterns import Patterns, learn
from app.read.past import Past, PastEvent
from app.read.window import Window
from app.schemas.event_types import category_and_action
from tests.conftest import NOW

DEMO = Demo(users=30, days=90, seed=7, timezone="Europe/Berlin", now=NOW)
WINDOW = Window(NOW - timedelta(days=90), NOW, "Europe/Berlin")
MINUTE_MS = 60_000

PastOf = Callable[[str], tuple[PastEvent, ...]]


def as_read(event: DemoEvent) -> PastEvent:
    """As `read_past` has it."""
    metadata = event.get("metadata", {})
    return PastEvent(
        event["event_id"],
        datetime.fromisoformat(event["event_timestamp"]),
        event["event_type"],
        *category_and_action(event["event_type"]),
        event.get("entity_type"),
        event.get("entity_id"),
        event.get("session_id"),
        event.get("duration_ms"),
        *(metadata.get(key) for key in ("title", "label", "priority", "page", "project")),
    )


@pytest.fixture(scope="module")
def past_of() -> PastOf:
    """The events of who has a habit."""
    by_user: defaultdict[str, list[PastEvent]] = defaultdict(list)
    for _, event in demo_events(DEMO):
        by_user[event["user_email"]].append(as_read(event))
    for events in by_user.values():
        events.sort(key=lambda each: (each.event_timestamp, each.event_id))
    return lambda key: tuple(by_user[character(key).email])


def patterns(events: tuple[PastEvent, ...]) -> Patterns:
    return learn(Past(events), WINDOW)


def test_who_works_at_night(past_of: PastOf) -> None:
    hours = patterns(past_of("night")).most_productive_hours
    assert set(hours.value) <= {22, 23, 0, 1}
    assert hours.confidence == "high"
    others = patterns(past_of("fast_replies")).most_productive_hours
    assert set(others.value) <= set(range(8, 19))


def test_who_takes_what_is_urgent(past_of: PastOf) -> None:
    priorities = patterns(past_of("priorities")).preferred_project_priorities
    assert set(priorities.value[:2]) == {"high", "urgent"}
    assert sum(priorities.spread[name] for name in ("high", "urgent")) > 0.85


@pytest.mark.parametrize(("key", "minutes"), [("fast_replies", 6), ("slow_replies", 180)])
def test_how_long_emails_wait(past_of: PastOf, key: str, minutes: int) -> None:
    response = patterns(past_of(key)).email_response_time
    assert response.value["median_ms"] == pytest.approx(minutes * MINUTE_MS, rel=0.1)
    assert response.samples > 50


def test_how_long_tasks_take(past_of: PastOf) -> None:
    found = patterns(past_of("tasks"))
    assert found.avg_task_completion_time.value["median_ms"] == pytest.approx(
        90 * MINUTE_MS, rel=0.1
    )
    assert found.task_duration.value["median_ms"] == pytest.approx(90 * MINUTE_MS, rel=0.1)


def test_who_misses_no_day(past_of: PastOf) -> None:
    streak = patterns(past_of("streak")).streak
    assert streak.value["current_days"] == streak.value["longest_days"] >= 60


def test_what_comes_after_the_standup(past_of: PastOf) -> None:
    events = past_of("morning_routine")
    last = max(n for n, each in enumerate(events) if each.event_type == "standup_completed")
    until = events[: last + 1]
    now = until[-1].event_timestamp + timedelta(seconds=5)
    assert next(iter(outlook(until, now, NOBODY).probabilities)) == "email_opened"
