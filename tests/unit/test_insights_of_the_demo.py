"""What is learnt from the demo's people is what was planted in them."""

from datetime import timedelta

import pytest

from app.demo.habits import character
from app.insights.patterns.suggestions import suggest
from app.insights.patterns.work_patterns import Patterns, learn
from app.insights.prediction.next_actions import outlook
from app.insights.prediction.population_model import EMPTY_MODEL
from app.read.user_history import Past, PastEvent
from app.read.window import Window
from tests.conftest import NOW
from tests.unit.conftest import PastOf

WINDOW = Window(NOW - timedelta(days=90), NOW, "Europe/Berlin")
MINUTE_MS = 60_000


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
    assert next(iter(outlook(until, now, EMPTY_MODEL).probabilities)) == "email_opened"


def test_what_is_suggested_to_whom(by_user: dict[str, tuple[PastEvent, ...]]) -> None:
    zone, latest = WINDOW.zone, 2_000  # as many as the route reads
    found = {
        email: [each.text for each in suggest(Past(events[-latest:]), NOW, zone)]
        for email, events in by_user.items()
    }
    assert {email: texts for email, texts in found.items() if texts} == {
        character("archives_newsletters").email: [
            'You archive emails labelled "newsletter" soon after opening them, 95% of the time,'
            " 17 times in the last 7 days: a rule could do that."
        ],
        character("morning_routine").email: [
            "Within a minute after standup completed you continue with email opened, 100% of the "
            "time, 5 times in the last 7 days: one step could do both.",
            "Each day around 08:55 you do standup started, 96% of the time,"
            " 5 times in the last 7 days: it could be scheduled.",
        ],
        character("open_threads").email: [
            "You leave sub-tasks unfinished and untouched for two weeks, 95% of the time,"
            " 12 times in the last 7 days: finish or close some before you begin more."
        ],
    }
