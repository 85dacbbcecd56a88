"""Suggestions, of habits made by hand; and that there are none where there is no habit."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest  # type: ignore[import-untyped]

from app.insights.generation.escaping import QUOTED_MAX_CHARS
from app.insights.patterns.evidence import (
    CANDIDATES_MAX,
    Evidence,
    Threshold,
    largest,
    reaches,
    wilson,
)
from app.insights.patterns.suggestions import Suggestion, suggest
from app.read.user_history import Past, PastEvent
from app.schemas.event_types import KNOWN_TYPES
from tests.unit.test_insights import BARE, INJECTIONS
from tests.unit.user_history import MONDAY, event, on

BERLIN = ZoneInfo("Europe/Berlin")
# The day's end, in Berlin seven in the evening.
NOW = MONDAY + timedelta(hours=9)
DAY = 24 * 60


def suggested(
    events: Iterable[PastEvent], now: datetime = NOW, zone: ZoneInfo = BERLIN
) -> tuple[Suggestion, ...]:
    ordered = sorted(events, key=lambda each: (each.event_timestamp, each.event_id))
    return suggest(Past(tuple(ordered)), now, zone)


def emails(
    label: str | None,
    archived: int,
    others: int,
    *,
    first: int = 0,
    after: float = 2,
    apart: float = 600,
) -> list[PastEvent]:
    """Emails back from today, some hours apart: the latest ones archived so many minutes after."""
    found = []
    for n in range(archived + others):
        number, at = 1000 * first + 10 * n, -apart * n - first
        thing = {**on("email", f"m-{number}"), "session_id": f"s-{number}", "label": label}
        found.append(event(number, "email_opened", at, **thing))
        if n < archived:
            found.append(event(number + 1, "email_archived", at + after, **thing))
    return found


def days(
    *types: str, weekdays: Sequence[int] = range(5), count: int, at: float = 0
) -> list[PastEvent]:
    """The same on each of the last days, two minutes apart, so many minutes after ten in Berlin,
    in summer (until the 24th of October) and in winter."""
    found = []
    for back in range(count):
        ten = datetime.combine(MONDAY.date() - timedelta(days=back), time(10), BERLIN)
        if ten.weekday() in weekdays:
            for place, name in enumerate(types):
                minutes = (ten - MONDAY) / timedelta(minutes=1) + at + 2 * place
                number = 900_000 + 1000 * back + place + int(at)
                found.append(event(number, name, minutes, session_id=f"d-{back}"))
    return found


def ids(*numbers: int) -> tuple[str, ...]:
    return tuple(str(UUID(int=number)) for number in numbers)


def test_a_rule_for_emails_of_a_label() -> None:
    events = [*emails("newsletter", 41, 3), *emails("customer", 6, 44, first=1)]
    (found,) = suggested(events)
    assert found.kind == "email_rule"
    assert found.text == (
        'You archive emails labelled "newsletter" soon after opening them, 93% of the time,'
        " 16 times in the last 7 days: a rule could do that."
    )
    assert found.evidence == Evidence(
        # 6 of 50 of the others: at most 23.8 %.
        times=41, out_of=44, share=0.9318, lower_bound=0.8177, lift=3.4352, last_week=16
    )  # fmt: skip
    assert found.threshold == Threshold(lower_bound=0.75, out_of=10, last_week=3, lift=1.5)
    assert found.event_ids == ids(*(10 * n + 1 for n in range(20)))


def test_a_template_for_replies_to_a_label() -> None:
    events = [
        each._replace(event_type="email_replied") if each.event_type == "email_archived" else each
        for each in [*emails("invoice", 20, 0), *emails("team", 2, 20, first=1)]
    ]
    assert [each.text for each in suggested(events)] == [
        'You reply to emails labelled "invoice" soon after opening them, 100% of the time,'
        " 16 times in the last 7 days: a template could begin the reply."
    ]


def test_who_archives_everything_is_told_so_once_if_at_all() -> None:
    labels = ["newsletter", "customer", "team", None]
    slowly = [each for n, label in enumerate(labels) for each in emails(label, 20, 1, first=n)]
    assert suggested(slowly) == ()
    at_once = [
        each for n, label in enumerate(labels) for each in emails(label, 20, 1, first=n, after=0.5)
    ]
    assert [each.text for each in suggested(at_once)] == [
        "Within a minute after email opened you continue with email archived, 95% of the time,"
        " 64 times in the last 7 days: one step could do both."
    ]


@pytest.mark.parametrize(
    ("own", "others", "shown"),
    [
        pytest.param(emails("n", 20, 0), (2, 20), True, id="all of it"),
        pytest.param(emails("n", 17, 3), (2, 20), False, id="85 %: at the least 64 %"),
        pytest.param(emails("n", 12, 0), (2, 20), True, id="12 of 12: at the least 75.7 %"),
        pytest.param(emails("n", 11, 0), (2, 20), False, id="11 of 11: at the least 74.1 %"),
        pytest.param(emails("n", 20, 0, apart=2 * DAY), (2, 20), True, id="4 last week"),
        pytest.param(emails("n", 20, 0, apart=3 * DAY), (2, 20), True, id="3 last week"),
        pytest.param(emails("n", 20, 0, apart=4 * DAY), (2, 20), False, id="2 last week"),
        pytest.param(emails("n", 20, 0), (10, 20), True, id="33 % of others: at most 51 %"),
        pytest.param(emails("n", 20, 0), (14, 14), False, id="50 % of others: at most 67 %"),
        pytest.param(emails("n", 20, 0), (0, 0), False, id="there are no others"),
        pytest.param(emails("n", 20, 0, after=29), (2, 20), True, id="after 29 minutes"),
        pytest.param(emails("n", 20, 0, after=31), (2, 20), False, id="after 31 minutes"),
        pytest.param(emails(None, 20, 0), (2, 20), False, id="no label"),
        pytest.param(emails("", 20, 0), (2, 20), False, id="an empty label"),
    ],
)
def test_where_the_thresholds_are(
    own: list[PastEvent], others: tuple[int, int], shown: bool
) -> None:
    found = suggested([*own, *emails("other", *others, first=7)])
    assert [each.kind for each in found] == ["email_rule"] * shown


def test_an_email_that_was_only_just_opened_says_nothing_yet() -> None:
    events = [*emails("n", 12, 0), *emails("other", 2, 20, first=7)]
    thing = {**on("email", "m-new"), "session_id": "new", "label": "n"}
    lately = [event(99, "email_opened", 520, **thing)]  # 20 minutes ago
    (found,) = suggested([*events, *lately])
    assert (found.evidence.times, found.evidence.out_of) == (12, 12)
    assert suggested([*events, *lately], NOW + timedelta(minutes=10)) == ()


def test_a_label_may_be_told_at_the_end_alone() -> None:
    events = [
        each._replace(label=None) if each.event_type == "email_opened" else each
        for each in emails("n", 20, 0)
    ]
    assert len(suggested([*events, *emails("other", 2, 20, first=7)])) == 1


def test_hundred_percent_is_all() -> None:
    events = [*emails("n", 249, 1, apart=60), *emails("other", 2, 200, first=7)]
    (found,) = suggested(events)
    assert "99% of the time" in found.text


def test_an_email_counts_once() -> None:
    opened, archived = emails("n", 1, 0)
    again = [
        each._replace(event_id=str(UUID(int=500 + 2 * n + place)),
                event_timestamp=each.event_timestamp + timedelta(minutes=10 * n))
        for n in range(20)
        for place, each in enumerate((opened, archived))
    ]  # fmt: skip
    assert suggested([*again, *emails("other", 2, 20, first=7)]) == ()


def steps(first: str, second: str, seconds: float, count: int = 20) -> list[PastEvent]:
    """One after the other, in visits of their own at different times of the day."""
    found = []
    for n in range(count):
        at, session = -613 * n, f"v-{n}"
        found += [
            event(10 * n, first, at, session_id=session),
            event(10 * n + 1, second, at + seconds / 60, session_id=session),
            event(10 * n + 2, "search_performed", at + 10, session_id=session),
            event(10 * n + 3, "calendar_view_changed", at + 20, session_id=session),
        ]
    return found


def test_one_step_after_another() -> None:
    (found,) = suggested(steps("project_updated", "project_goal_added", 20))
    assert found.kind == "sequence"
    assert found.text == (
        "Within a minute after project updated you continue with project goal added,"
        " 100% of the time, 16 times in the last 7 days: one step could do both."
    )
    assert found.evidence.lower_bound == 0.8389
    # Of 60 other steps, none led there.
    assert found.evidence.lift == pytest.approx(0.8389 / 0.0602, rel=0.001)
    assert found.event_ids == ids(*(10 * n + 1 for n in range(20)))


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        pytest.param("project_updated", "project_goal_added", 61, id="after more than a minute"),
        pytest.param("project_updated", "project_goal_added", 0.5, id="faster than anybody"),
        pytest.param("project_updated", "project_updated", 20, id="the same again"),
        pytest.param("standup_started", "standup_completed", 40, id="what was begun ends"),
        pytest.param("review_started", "review_completed", 40, id="of an unknown type, too"),
        pytest.param("ai_wizard_completed", "project_created", 5, id="done by the app"),
        pytest.param("page_viewed", "page_left", 20, id="only looking"),
    ],
)
def test_what_is_no_sequence(first: str, second: str, seconds: float) -> None:
    assert suggested(steps(first, second, seconds)) == ()


def test_two_tabs_are_no_sequence() -> None:
    events = [
        each._replace(session_id="other") if each.event_type == "project_goal_added" else each
        for each in steps("project_updated", "project_goal_added", 20)
    ]
    assert suggested(events) == ()


def subtasks(left: int, done: int, touched: int = 0) -> list[PastEvent]:
    """Sub-tasks created at 8 hours' distance, the latest 14 days ago; `touched` ones lately."""
    found = []
    for n in range(left + done):
        at, thing = -8 * 60 * n - 14 * DAY, on("subtask", f"t-{n}")
        found.append(event(10 * n, "project_subtask_created", at, **thing, session_id=f"c-{n}"))
        if n >= left:
            found.append(event(10 * n + 1, "project_subtask_completed", at + 97, **thing))
        elif n < touched:
            found.append(event(10 * n + 1, "project_subtask_opened", -60 * n, **thing))
    return found


def test_what_is_begun_and_left() -> None:
    (found,) = suggested(subtasks(37, 3))
    assert found.kind == "dropped"
    assert found.text == (
        "You leave sub-tasks unfinished and untouched for two weeks, 92% of the time,"
        " 20 times in the last 7 days: finish or close some before you begin more."
    )
    assert (found.evidence.lower_bound, found.evidence.lift) == (0.8014, None)
    assert found.threshold.lift is None
    assert found.event_ids == ids(*(10 * n for n in range(20)))


def test_what_has_never_an_end_is_perhaps_not_told_of() -> None:
    assert suggested(subtasks(40, 2)) == ()


def test_what_is_touched_is_not_left() -> None:
    assert suggested(subtasks(37, 3, touched=8)) == ()


def test_what_is_young_is_not_left() -> None:
    events = subtasks(37, 3)
    assert [each.evidence.out_of for each in suggested(events, NOW - timedelta(days=3))] == [32]


def test_best_hours_that_go_to_email() -> None:
    events = []
    for back in range(20):
        morning = [("email_opened", 6), ("project_subtask_completed", 2)]
        for hour, types in ((0, morning), (4, [("project_opened", 4), ("email_opened", 1)])):
            names = [name for name, count in types for _ in range(count)]
            for place, name in enumerate(names):
                number = 10_000 * hour + 100 * back + place
                at = -DAY * back + 60 * hour + (7 * place + 11 * back) % 59
                events.append(event(number, name, at, session_id=f"h-{number}"))
    # An hour with two things in it says nothing.
    events += [
        event(90_000 + 2 * n + place, name, -DAY * n + 5 + 31 * place, session_id=f"r-{n}")
        for n in range(20, 40)
        for place, name in enumerate(("email_opened", "email_opened"))
    ]
    (found,) = [each for each in suggested(events) if each.kind == "email_hours"]
    assert found.text == (
        "In your best hours for other work (10:00) most of what you do is email, 100% of the time,"
        " 7 times in the last 7 days: email could wait for other hours."
    )
    assert found.threshold.lower_bound == 0.5
    # Who does email in all hours can't move it.
    everywhere = [
        each._replace(event_type="email_opened", event_category="email")
        if each.event_type == "project_opened"
        else each
        for each in events
    ]
    assert "email_hours" not in {each.kind for each in suggested(everywhere)}


def busy_days(count: int) -> list[PastEvent]:
    """What else there is to do, all over the day."""
    names = ("project_opened", "search_performed", "email_opened", "calendar_event_opened")
    found = []
    for back in range(count):
        if (MONDAY - timedelta(days=back)).weekday() < 5:
            for n in range(-1, 4):
                number, minutes = 700_000 + 10 * back + n, -DAY * back + 130 * n + 37 * (back % 3)
                session = f"b-{back}-{n}"
                found.append(event(number, names[(n + back) % 4], minutes, session_id=session))
    return found


def test_what_is_done_at_the_same_time_each_day() -> None:
    # A routine of three is said once.
    routine = days("standup_started", "standup_completed", "timesheet_opened", count=42)
    (found,) = suggested([*routine, *busy_days(42)])
    assert found.kind == "schedule"
    assert found.text == (
        "Each day around 10:00 you do standup started, 100% of the time,"
        " 5 times in the last 7 days: it could be scheduled."
    )
    assert found.event_ids[0] == str(UUID(int=900_000))
    # At most 3.0 % of the 124 hours that don't touch the half hours before and after ten.
    assert found.evidence.lift == 29.5017
    # What ends it goes with its beginning, however much later.
    later = days("standup_completed", count=42, at=90)
    assert len(suggested([*days("standup_started", count=42), *later, *busy_days(42)])) == 1
    winter = [*days("standup_started", count=22), *busy_days(22)]
    (found,) = suggested(winter, zone=ZoneInfo("Asia/Kathmandu"))
    assert found.text.startswith("Each day around 14:45 you do standup started, ")


def test_today_counts_when_its_time_is_over() -> None:
    events = [
        each
        for each in [*days("standup_started", count=42), *busy_days(42)]
        if each.event_timestamp < MONDAY or each.event_type != "standup_started"
    ]
    for minutes, out_of in ((30, 29), (31, 30)):
        now = MONDAY + timedelta(minutes=minutes)
        until = [each for each in events if each.event_timestamp <= now]
        (found,) = suggested(until, now)
        assert (found.evidence.times, found.evidence.out_of) == (29, out_of)
    done = [*events, event(1, "standup_started", -5)]
    (found,) = suggested([each for each in done if each.event_timestamp < MONDAY], MONDAY)
    assert (found.evidence.times, found.evidence.out_of) == (30, 30)


def test_what_is_done_at_the_same_time_each_week() -> None:
    fridays = days("report_sent", weekdays=[4], count=90, at=360)
    (found,) = suggested([*fridays, *busy_days(90)])
    assert found.text == (
        'On Fridays around 16:00 you do "report_sent", 100% of the time,'
        " once in the last 7 days: it could be scheduled."
    )
    assert found.threshold == Threshold(lower_bound=0.65, out_of=10, last_week=1, lift=1.5)
    # On Mondays as on all others: that is a daily habit.
    daily = days("report_sent", count=90, at=360)
    (found,) = suggested([*daily, *busy_days(90)])
    assert found.text.startswith('Each day around 16:00 you do "report_sent", ')


def many_habits() -> list[PastEvent]:
    found = [*emails("other", 0, 200, first=9, apart=400)]
    for n in range(4):
        found += emails(f"label {n}", 20 + n, 0, first=n)
        found += [
            each._replace(event_id=str(UUID(int=5_000_000 + 10_000 * n + k)),
                    event_timestamp=each.event_timestamp + timedelta(minutes=31 * n + 3),
                    session_id=f"{each.session_id}-{n}")
            for k, each in enumerate(steps(f"a{n}_done", f"b{n}_done", 20, count=20 + n))
        ]  # fmt: skip
    found += subtasks(37, 3)
    return [*found, *days("report_sent", weekdays=range(7), count=60, at=222)]


def test_five_at_most_the_best_first_and_two_of_a_kind() -> None:
    found = suggested(many_habits())
    assert [(each.kind, each.evidence.lower_bound) for each in found] == [
        ("schedule", 0.9398),
        ("sequence", 0.8569),
        ("email_rule", 0.8569),
        ("sequence", 0.8513),
        ("email_rule", 0.8513),
    ]


def test_two_of_a_kind_at_most() -> None:
    rules = [each for n in range(4) for each in emails(f"label {n}", 20 + n, 0, first=n)]
    found = suggested([*rules, *emails("other", 0, 200, first=9, apart=400)])
    assert [each.evidence.out_of for each in found] == [23, 22]


def test_of_who_opted_out_and_of_nobody_there_is_nothing() -> None:
    events = tuple(sorted(many_habits(), key=lambda each: each.event_timestamp))
    assert suggest(Past(events), NOW, BERLIN) != ()
    assert suggest(Past(events, opted_out=True), NOW, BERLIN) == ()
    assert suggest(Past(opted_out=True), NOW, BERLIN) == ()
    assert suggest(Past(), NOW, BERLIN) == ()


@pytest.mark.parametrize("injection", INJECTIONS)
def test_no_injection_leaves_its_quotes(injection: str) -> None:
    cleaned = injection.replace("\x00", "")
    events = [
        *emails(cleaned, 20, 0),
        *emails("other", 0, 20, first=7),
        *steps(f"{cleaned} a", f"{cleaned} b", 20),
        *days(cleaned, weekdays=range(7), count=42),
    ]
    for n in range(40):
        thing = on("x", f"x-{n}")
        at = -14 * DAY - 300 * n
        events.append(event(60_000 + n, f"{cleaned}_started", at, **thing))
        if n < 3:
            events.append(event(61_000 + n, f"{cleaned}_completed", at + 90, **thing))
    found = suggested(events)
    assert {each.kind for each in found} == {"email_rule", "sequence", "dropped", "schedule"}
    for each in found:
        bare = BARE.sub("", each.text)
        assert '"' not in bare
        assert re.fullmatch(r"[A-Za-z0-9 ,.:;()%-]*", bare), bare
        for word in ("gnore", "system", "obey", "evil", "delete", "esrever", "im_end", "aaaa"):
            assert word not in bare
        for inside in BARE.findall(each.text):
            assert inside.isascii()
            assert not set(inside) & set("<>`{}[]|#*\n")
            assert len(json.loads(inside)) <= QUOTED_MAX_CHARS


@pytest.mark.parametrize(("times", "out_of"), [(0, 1), (1, 1), (41, 44), (10, 10), (3, 2000)])
def test_bounds_are_wilson_s(times: int, out_of: int) -> None:
    interval = binomtest(times, out_of).proportion_ci(0.95, method="wilson")
    assert wilson(times, out_of) == pytest.approx((interval.low, interval.high), abs=1e-6)
    assert wilson(0, 0) == (0.0, 1.0)


def test_evidence_has_to_reach_all_of_a_threshold() -> None:
    threshold = Threshold(lower_bound=0.75, out_of=10, last_week=3, lift=1.5)
    enough = Evidence(times=9, out_of=10, share=0.9, lower_bound=0.75, lift=1.5, last_week=3)
    assert reaches(enough, threshold)
    assert not reaches(replace(enough, lower_bound=0.7499), threshold)
    assert not reaches(replace(enough, out_of=9), threshold)
    assert not reaches(replace(enough, last_week=2), threshold)
    assert not reaches(replace(enough, lift=1.4999), threshold)
    assert not reaches(replace(enough, lift=None), threshold)
    assert reaches(replace(enough, lift=None), replace(threshold, lift=None))


def test_no_more_candidates_than_stated() -> None:
    assert largest({f"{n:02}": n // 2 for n in range(50)})[:3] == ["48", "49", "46"]
    assert len(largest({f"{n:02}": n for n in range(50)})) == CANDIDATES_MAX == 20


TEXTS = st.one_of(
    st.sampled_from([*KNOWN_TYPES, "x_started", "x_completed", "", "_started", "_completed"]),
    st.text(max_size=12),
)
SOME_EVENTS = st.lists(
    st.builds(
        lambda number, name, minutes, entity, session, label: event(
            number,
            name,
            minutes,
            entity_type="thing" if entity else None,
            entity_id=entity,
            session_id=session,
            label=label,
        ),
        st.integers(0, 10_000),
        TEXTS,
        st.one_of(st.integers(-90 * DAY, 600), st.sampled_from([-DAY * n for n in range(30)])),
        st.sampled_from([None, "a", "b", "c", "d"]),
        st.sampled_from([None, "s", "t"]),
        st.one_of(st.none(), st.sampled_from(["n", "m"]), st.text(max_size=5)),
    ),
    max_size=120,
    unique_by=lambda each: each.event_id,
)


@settings(max_examples=60)
@given(SOME_EVENTS, st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns"]))
def test_of_any_events_it_says_what_it_has_evidence_for(events: list[PastEvent], zone: str) -> None:
    habit = [*emails("n", 15, 0, first=50), *emails("other", 1, 20, first=60)]
    found = suggested([*events, *habit], zone=ZoneInfo(zone))
    assert found == suggested([*reversed(habit), *events], zone=ZoneInfo(zone))
    assert len(found) <= 5
    known = {each.event_id for each in [*events, *habit]}
    for each in found:
        evidence = each.evidence
        assert reaches(evidence, each.threshold)
        assert 0 < evidence.times <= evidence.out_of
        assert evidence.last_week <= evidence.times
        assert evidence.lower_bound <= evidence.share == round(evidence.times / evidence.out_of, 4)
        assert len(each.event_ids) == min(20, evidence.times) == len(set(each.event_ids))
        assert set(each.event_ids) <= known
        assert "\n" not in each.text


CHANCE = (
    *("email_opened", "project_created", "project_subtask_created", "project_opened"),
    *("project_updated", "project_goal_added", "standup_started", "standup_skipped"),
    *("email_categorized", "email_feedback_given", "calendar_event_opened", "search_performed"),
    *("calendar_event_created", "calendar_view_changed", "ai_wizard_started", "page_viewed"),
    *("ai_suggestion_accepted", "ai_suggestion_dismissed", "report_sent", "timesheet_opened"),
)
ENDS = {
    "email_opened": ("email_archived", "email_replied"),
    "project_created": ("project_archived",),
    "project_subtask_created": ("project_subtask_completed",),
    "ai_wizard_started": ("ai_wizard_completed", "ai_wizard_cancelled"),
}


def somebody(seed: int) -> list[PastEvent]:
    """Without a habit: what, when and on what is chosen by chance. Everybody does some things more
    often, and ends more or less of what they begin, whatever it is, sooner or later."""
    rng = Random(seed)
    weights = [rng.gammavariate(0.7, 1) for _ in CHANCE]
    ended, within_minutes = rng.uniform(0.4, 1), rng.choice((1, 20, 600, 3 * DAY))
    first_end = rng.random()
    step_s, visits, length = rng.uniform(5, 300), rng.uniform(1, 6), rng.uniform(2, 15)
    labels = [f"label {n}" for n in range(rng.randint(1, 30))]
    begins, hours = rng.uniform(0, 12), rng.uniform(4, 10)
    found: list[PastEvent] = []

    def do(name: str, at: float, session: str | None, **fields: str) -> None:
        if at <= 0:
            number = len(found)
            found.append(event(number, name, at + 540, session_id=session, **fields))

    for back in range(90):
        for visit in range(round(rng.expovariate(1 / visits))):
            at = -DAY * (back + 1) + 60 * (begins + rng.random() * hours)
            for _ in range(round(rng.expovariate(1 / length))):
                at += rng.expovariate(1 / step_s) / 60
                name, session = rng.choices(CHANCE, weights)[0], f"{back}-{visit}"
                fields = on("thing", f"t-{len(found)}") if name in ENDS else {}
                if name == "email_opened":
                    fields["label"] = rng.choice(labels)
                do(name, at, session, **fields)
                if name in ENDS and rng.random() < ended:
                    end = ENDS[name][0 if rng.random() < first_end else -1]
                    lag = rng.expovariate(1 / within_minutes)
                    do(end, at + lag, session if lag < 30 else None, **fields)
    return sorted(found, key=lambda each: (each.event_timestamp, each.event_id))[-2000:]


def told(people: list[list[PastEvent]]) -> int:
    """How many of them get a suggestion."""
    return sum(suggested(events) != () for events in people)


def test_of_chance_it_suggests_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [somebody(seed) for seed in range(150)]
    assert told(people) <= 1
    # There is enough to be mistaken about: by shares alone, a third would be told something.
    monkeypatch.setattr(
        "app.insights.patterns.suggestions.reaches",
        lambda evidence, threshold: evidence.share >= threshold.lower_bound,
    )
    assert told(people) > 50
