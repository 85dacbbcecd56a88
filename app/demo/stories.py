"""Stories of the demo: who, what, when, and the command that shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from app.demo.fill import Demo
from app.demo.habits import CHARACTERS, Habits
from app.demo.storyline import BROKEN_FUNNEL

TEAM = "the team"
BUSY_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Story:
    """`who` is an email, or `TEAM`; the local days are inclusive; `command` shows it."""

    who: str
    what: str
    first_on: date
    last_on: date
    command: str


def _busy_hours(habits: Habits) -> str:
    busy = [hour for hour, weight in habits.rhythm.hours if weight > BUSY_WEIGHT]
    return f"works at night, mostly from {busy[0] % 24}:00 to {(busy[-1] + 1) % 24}:00"


def _priorities(habits: Habits) -> str:
    weights = dict(habits.priorities)
    share = (weights["high"] + weights["urgent"]) / sum(weights.values())
    return f"takes high and urgent projects ({share:.0%})"


def _reply(habits: Habits) -> str:
    return f"answers an email after {habits.reply_median_minutes:.0f} minutes (median)"


WHAT: dict[str, Callable[[Habits], str]] = {
    "night": _busy_hours,
    "priorities": _priorities,
    "fast_replies": _reply,
    "slow_replies": _reply,
    "archives_newsletters": lambda habits: (
        f"archives {habits.archives_newsletters:.0%} of the newsletters once opened"
    ),
    "tasks": lambda habits: (
        f"finishes a sub-task after {habits.task_median_minutes:.0f} minutes (median)"
    ),
    "morning_routine": lambda _: "starts every day the same way: the standup, then the first email",
    "mobile": lambda _: "uses only a phone",
    "streak": lambda _: "is active on every working day",
    "open_threads": lambda _: "starts projects and finishes none",
}


TEAM_FUNNEL = (
    "analytics funnel --step ai_wizard_started --step ai_wizard_completed --step project_created"
)
TEAM_LAUNCH = "analytics timeseries --bucket week --event-category ai --split-by event_type"


def stories(demo: Demo, program: str = "activity-events") -> list[Story]:
    """Return the stories that the demo's people and days show, the team's own first.

    Args:
        program: how the commands begin.
    """
    line, start_on, end_on = demo.storyline, demo.start_on, demo.end_on

    def story(who: str, what: str, question: str, first_on: date, last_on: date) -> Story:
        whom = "" if who == TEAM else f" --user-email {who}"
        window = f"--start {first_on} --end {last_on + timedelta(days=1)} --tz {demo.timezone}"
        command = f"{program} {question}{whom} {window}"
        return Story(who, what, first_on, last_on, command)

    usual, broken = BROKEN_FUNNEL.completed_usually, BROKEN_FUNNEL.completed_when_broken
    fails = f"the AI wizard fails: {broken:.0%} complete it, otherwise {usual:.0%}"
    launch = "AI suggestions launch, and the team adopts them one by one"
    found = [
        story(TEAM, fails, TEAM_FUNNEL, line.broken_first_on, line.broken_last_on),
        story(TEAM, launch, TEAM_LAUNCH, line.launched_on, end_on),
    ]
    found += [
        story(each.email, WHAT[each.key](each.habits), each.question, start_on, end_on)
        for each in CHARACTERS[: demo.users]
    ]
    return [each for each in found if each.first_on >= start_on]


def newcomers(demo: Demo) -> list[str]:
    """Emails of those who joined within the demo's days, in the order in which they did."""
    joined = [
        (person.joined_on, person.email)
        for person in demo.people
        if person.joined_on is not None and demo.start_on <= person.joined_on <= demo.end_on
    ]
    return [email for _, email in sorted(joined)]
