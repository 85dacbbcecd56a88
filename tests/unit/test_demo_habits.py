"""What the demo says of its people and weeks is so in its events."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from app.demo.fill import Demo
from app.demo.habits import CHARACTERS, character
from app.demo.stories import WHAT, newcomers, stories
from app.demo.visits import DemoEvent
from app.schemas.event_types import KNOWN_TYPES
from tests.conftest import NOW, ROOT
from tests.unit.conftest import DEMO

BERLIN = ZoneInfo("Europe/Berlin")
BROKEN = [date(2026, 10, 12) + timedelta(days=count) for count in range(7)]
LAUNCHED_ON = date(2026, 9, 29)

Of = Callable[[str], list[DemoEvent]]


@pytest.fixture(scope="module")
def of(demo_log: list[DemoEvent]) -> Of:
    """The events of who has the habit."""
    by_user: defaultdict[str, list[DemoEvent]] = defaultdict(list)
    for each in demo_log:
        by_user[each["user_email"]].append(each)
    return lambda key: by_user[character(key).email]


def at(event: DemoEvent) -> datetime:
    return datetime.fromisoformat(event["event_timestamp"]).astimezone(BERLIN)


def lags_minutes(events: list[DemoEvent], first: str, then: str) -> list[float]:
    """Of each entity that has both."""
    began = {each["entity_id"]: at(each) for each in events if each["event_type"] == first}
    return [
        (at(each) - began[each["entity_id"]]).total_seconds() / 60
        for each in events
        if each["event_type"] == then and each["entity_id"] in began
    ]


def types_of(events: list[DemoEvent]) -> Counter[str]:
    return Counter(each["event_type"] for each in events)


def test_every_known_type_is_there_and_no_other(demo_log: list[DemoEvent]) -> None:
    assert 60_000 < len(demo_log) < 120_000
    assert set(types_of(demo_log)) == set(KNOWN_TYPES)


def test_the_week_and_the_day_have_their_shape(demo_log: list[DemoEvent]) -> None:
    weekdays = Counter(at(each).weekday() for each in demo_log)
    assert all(weekdays[day] < weekdays[0] / 5 for day in (5, 6))
    assert all(weekdays[day] > weekdays[0] * 0.8 for day in range(5))
    hours = Counter(at(each).hour for each in demo_log)
    assert hours[12] < 0.7 * min(hours[11], hours[15])
    assert sum(hours[hour] for hour in range(8, 18)) > 0.8 * len(demo_log)


def test_some_do_much_and_many_do_little(demo_log: list[DemoEvent]) -> None:
    counts = [count for _, count in Counter(e["user_email"] for e in demo_log).most_common()]
    assert counts[0] > 10 * counts[-5]


def test_people_join_and_some_leave(demo_log: list[DemoEvent]) -> None:
    first: dict[str, date] = {}
    last: dict[str, date] = {}
    for each in demo_log:
        day = at(each).date()
        first.setdefault(each["user_email"], day)
        last[each["user_email"]] = max(day, last.get(each["user_email"], day))
    joined = [email for email, day in first.items() if day > DEMO.start_on + timedelta(days=10)]
    assert set(joined) <= set(newcomers(DEMO))
    assert len(joined) >= 8
    weeks = Counter(first[email].isocalendar().week for email in joined)
    assert len(weeks) >= 4
    assert max(weeks.values()) >= 3
    gone = [email for email in joined if last[email] < DEMO.end_on - timedelta(days=14)]
    assert 2 <= len(gone) < len(joined)


def test_some_visits_are_glances(demo_log: list[DemoEvent]) -> None:
    sizes = Counter(Counter(each["session_id"] for each in demo_log).values())
    assert 0.03 < sizes[1] / sizes.total() < 0.2


def test_one_works_at_night(of: Of) -> None:
    hours = Counter(at(each).hour for each in of("night"))
    assert {hour for hour, _ in hours.most_common(4)} == {22, 23, 0, 1}
    assert sum(hours[hour] for hour in (22, 23, 0, 1)) > 0.75 * hours.total()


def test_the_wizard_is_broken_for_a_week(demo_log: list[DemoEvent]) -> None:
    of_broken = types_of([each for each in demo_log if at(each).date() in BROKEN])
    of_others = types_of([each for each in demo_log if at(each).date() not in BROKEN])
    # Of some 30 attempts at 10 %, and of some 300 at 70 %: three standard deviations.
    broken = of_broken["ai_wizard_completed"] / of_broken["ai_wizard_started"]
    others = of_others["ai_wizard_completed"] / of_others["ai_wizard_started"]
    assert of_broken["ai_wizard_started"] >= 15
    assert broken < 0.27
    assert 0.62 < others < 0.78
    errors = Counter(
        at(each).date() in BROKEN
        for each in demo_log
        if each["event_type"] == "ai_wizard_cancelled" and each["metadata"]["reason"] == "error"
    )
    # One week against twelve.
    assert errors[True] > errors[False]


def test_a_completed_wizard_makes_a_project(demo_log: list[DemoEvent]) -> None:
    made = [
        each
        for each in demo_log
        if each["event_type"] == "project_created" and each["metadata"]["source"] == "wizard"
    ]
    assert len(made) == types_of(demo_log)["ai_wizard_completed"]


def test_suggestions_are_there_from_their_day_on_and_grow(demo_log: list[DemoEvent]) -> None:
    users: defaultdict[int, set[str]] = defaultdict(set)
    acted: Counter[tuple[int, str]] = Counter()
    for each in demo_log:
        if each["event_type"].startswith("ai_suggestion_"):
            week = (at(each).date() - LAUNCHED_ON).days // 7
            users[week].add(each["user_email"])
            acted[week, each["event_type"]] += 1
    assert min(users) == 0
    assert len(users[0]) < len(users[2]) < len(users[5])
    accepted = [acted[week, "ai_suggestion_accepted"] for week in range(7)]
    dismissed = [acted[week, "ai_suggestion_dismissed"] for week in range(7)]
    assert sum(accepted[:2]) * 5 < sum(accepted[5:])
    assert sum(accepted[5:]) > 1.5 * sum(dismissed[5:])


def test_one_takes_what_is_urgent(of: Of, demo_log: list[DemoEvent]) -> None:
    def share(some: list[DemoEvent]) -> float:
        taken = [e["metadata"]["priority"] for e in some if e["event_type"] == "project_created"]
        assert len(taken) >= 20
        return sum(each in {"high", "urgent"} for each in taken) / len(taken)

    # 92 % of some 40, and 30 % of all others.
    assert share(of("priorities")) > 0.78
    assert share([e for e in demo_log if e["user_email"] != character("priorities").email]) < 0.4


@pytest.mark.parametrize(
    ("key", "first", "then", "minutes"),
    [
        ("fast_replies", "email_opened", "email_replied", 6),
        ("slow_replies", "email_opened", "email_replied", 180),
        ("tasks", "project_subtask_created", "project_subtask_completed", 90),
    ],
)
def test_lags_have_their_median(of: Of, key: str, first: str, then: str, minutes: float) -> None:
    lags = lags_minutes(of(key), first, then)
    assert len(lags) > 150
    assert median(lags) == pytest.approx(minutes, rel=0.05)


def test_a_finished_subtask_says_how_long_it_took(of: Of) -> None:
    tasks = of("tasks")
    lags = lags_minutes(tasks, "project_subtask_created", "project_subtask_completed")
    said = [
        each["duration_ms"] / 60_000
        for each in tasks
        if each["event_type"] == "project_subtask_completed"
    ]
    assert said[-len(lags) :] == pytest.approx(lags, abs=0.01)


def test_one_archives_newsletters(of: Of) -> None:
    def share(key: str) -> float:
        opened = {
            each["entity_id"]
            for each in of(key)
            if each["event_type"] == "email_opened" and each["metadata"]["label"] == "newsletter"
        }
        archived = {e["entity_id"] for e in of(key) if e["event_type"] == "email_archived"}
        assert len(opened) > 80
        return len(opened & archived) / len(opened)

    assert share("archives_newsletters") > 0.9
    assert share("fast_replies") < 0.6


def test_one_begins_each_day_alike(of: Of) -> None:
    days: defaultdict[date, list[DemoEvent]] = defaultdict(list)
    for each in of("morning_routine"):
        days[at(each).date()].append(each)
    assert len(days) > 50
    for day in days.values():
        assert day[0]["metadata"] == {"page": "/standup"}
        assert [each["event_type"] for each in day[:4]] == [
            "page_viewed",
            "standup_started",
            "standup_completed",
            "email_opened",
        ]


def test_one_is_on_the_phone_only(of: Of, demo_log: list[DemoEvent]) -> None:
    assert {each["device_type"] for each in of("mobile")} == {"mobile"}
    assert {each["device_type"] for each in demo_log} == {"desktop", "mobile", "tablet"}


def test_one_has_missed_no_working_day(of: Of) -> None:
    days = {at(each).date() for each in of("streak")}
    # 90 days from a Sunday to a Friday.
    assert DEMO.start_on == date(2026, 8, 23)
    assert len(days) == 65
    assert {day.weekday() for day in days} == {0, 1, 2, 3, 4}
    assert len({at(each).date() for each in of("tasks") if at(each).weekday() < 5}) < 65


def test_one_leaves_everything_open(of: Of) -> None:
    types = types_of(of("open_threads"))
    assert types["project_created"] > 20
    assert (types["project_archived"], types["project_goal_completed"]) == (0, 0)
    assert types["project_subtask_completed"] < 0.16 * types["project_subtask_created"]


def test_what_takes_time_says_how_long(demo_log: list[DemoEvent]) -> None:
    timed = {each["event_type"] for each in demo_log if each["duration_ms"] is not None}
    assert timed == {
        "project_subtask_completed",
        "standup_completed",
        "ai_wizard_completed",
        "ai_wizard_cancelled",
        "modal_closed",
        "page_left",
    }


def test_stories_are_told_where_they_can_be_seen() -> None:
    told = stories(DEMO)
    assert set(WHAT) == {each.key for each in CHARACTERS}
    assert [each.who for each in told[:2]] == ["the team", "the team"]
    assert (told[0].first_on, told[0].last_on) == (BROKEN[0], BROKEN[-1])
    assert told[1].first_on == LAUNCHED_ON
    assert len(told) == 2 + len(CHARACTERS)
    small = Demo(users=3, days=10, seed=7, timezone="UTC", now=NOW)
    assert [each.who for each in stories(small)] == [each.email for each in CHARACTERS[:3]]


def test_the_quickstart_tells_them() -> None:
    page = (ROOT / "docs" / "quickstart.md").read_text()
    for each in stories(DEMO):
        question = each.command.removeprefix("activity-events ").split(" --user-email")[0]
        assert f"| {each.who} | {each.what} | `{question.split(' --start')[0]}` |" in page
