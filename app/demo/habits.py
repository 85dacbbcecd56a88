"""Habits of the demo team: what is usual, and which people differ. Dashboard and insights are
expected to find them again."""

from dataclasses import dataclass, replace
from random import Random

from app.demo.streams import chosen

NEWSLETTER = "newsletter"

Weights = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Working hours of a person: local hours with their weights, in order. Hours from 24 on are
    those after midnight, which belong to the day before."""

    hours: tuple[tuple[int, float], ...]

    @property
    def start_ms(self) -> int:
        return self.hours[0][0] * 3_600_000

    @property
    def end_ms(self) -> int:
        return (self.hours[-1][0] + 1) * 3_600_000

    def moment_ms(self, rng: Random) -> int:
        """A moment, in milliseconds after local midnight."""
        return chosen(rng, self.hours) * 3_600_000 + rng.randrange(3_600_000)


OFFICE = Rhythm(
    (
        (7, 0.15),
        (8, 0.7),
        (9, 1.2),
        (10, 1.3),
        (11, 1.1),
        (12, 0.35),
        (13, 0.6),
        (14, 1.2),
        (15, 1.15),
        (16, 0.9),
        (17, 0.5),
        (18, 0.15),
        (19, 0.06),
        (20, 0.08),
    )
)
NIGHT = Rhythm(
    ((19, 0.1), (20, 0.25), (21, 0.5), (22, 1.5), (23, 1.8), (24, 1.8), (25, 1.4), (26, 0.1))
)
AFTER_THE_ROUTINE = Rhythm(tuple(each for each in OFFICE.hours if 9 < each[0] < 19))


@dataclass(frozen=True, slots=True)
class Habits:
    """How one person works. Shares lie between 0 and 1; what is `a_day` is so at intensity 1.

    Attributes:
        intensity: how much of everything they do, beside the others.
        attendance: of which share of the weekdays they are there.
        attendance_weekend: and of the days of weekends.
        reply_median_minutes: from `email_opened` to `email_replied` of the same email.
        reply_spread: the sigma of those lags, which are log-normal.
        newsletter_share: of the emails, those with the label.
        archives_newsletters: of the opened newsletters, those archived at once.
        task_median_minutes: from `project_subtask_created` to `project_subtask_completed` of the
            same sub-task, where both are on one day; it is the `duration_ms` of the latter.
        tasks_later: of the finished sub-tasks, those finished on a later day.
        tasks_finished: of all sub-tasks; the others stay open forever.
        projects_finished: of all projects; the others are never archived, nor a goal reached.
        standup: of the days, those with a standup.
        morning_routine: each day begins with a standup and the first email, in this order.
    """

    rhythm: Rhythm = OFFICE
    intensity: float = 1.0
    attendance: float = 0.92
    attendance_weekend: float = 0.05
    takes_holidays: bool = False
    devices: Weights = (("desktop", 0.84), ("mobile", 0.12), ("tablet", 0.04))
    priorities: Weights = (("low", 0.25), ("medium", 0.45), ("high", 0.22), ("urgent", 0.08))
    emails_a_day: float = 9.5
    reply_share: float = 0.3
    reply_median_minutes: float = 35.0
    reply_spread: float = 0.9
    newsletter_share: float = 0.22
    archives_newsletters: float = 0.35
    tasks_a_day: float = 2.2
    task_median_minutes: float = 70.0
    task_spread: float = 0.6
    tasks_later: float = 0.35
    tasks_finished: float = 0.85
    projects_a_day: float = 0.14
    projects_finished: float = 0.85
    wizards_a_day: float = 0.3
    standup: float = 0.75
    morning_routine: bool = False


USUAL = Habits()


@dataclass(frozen=True, slots=True)
class Character:
    """A person with a special habit: its `key`, and the command that shows it, without user and
    window."""

    key: str
    first_name: str
    habits: Habits
    question: str

    @property
    def email(self) -> str:
        return f"{self.first_name}@example.com"


# In this order they join the team, before ordinary people.
CHARACTERS: tuple[Character, ...] = (
    Character("night", "nadia", replace(USUAL, rhythm=NIGHT, standup=0.0), "analytics heatmap"),
    Character(
        "priorities",
        "ulla",
        replace(
            USUAL,
            projects_a_day=0.6,
            priorities=(("low", 0.02), ("medium", 0.06), ("high", 0.37), ("urgent", 0.55)),
        ),
        "analytics top --by metadata --key priority --event-type project_created",
    ),
    Character(
        "fast_replies",
        "felix",
        replace(USUAL, reply_share=0.6, reply_median_minutes=6.0, reply_spread=0.35),
        "query --event-type email_opened --event-type email_replied",
    ),
    Character(
        "slow_replies",
        "sven",
        replace(USUAL, reply_share=0.6, reply_median_minutes=180.0, reply_spread=0.3),
        "query --event-type email_opened --event-type email_replied",
    ),
    Character(
        "archives_newsletters",
        "arno",
        replace(USUAL, newsletter_share=0.5, archives_newsletters=0.96),
        'analytics top --event-category email --metadata \'{"label": "newsletter"}\'',
    ),
    Character(
        "tasks",
        "tara",
        replace(
            USUAL,
            tasks_a_day=5.0,
            task_median_minutes=90.0,
            task_spread=0.3,
            tasks_later=0.0,
            tasks_finished=0.96,
        ),
        "analytics durations --event-type project_subtask_completed",
    ),
    Character(
        "morning_routine",
        "petra",
        replace(USUAL, rhythm=AFTER_THE_ROUTINE, standup=1.0, morning_routine=True),
        "analytics paths --anchor standup_completed",
    ),
    Character(
        "mobile",
        "milo",
        replace(USUAL, intensity=0.7, devices=(("mobile", 1.0),)),
        "analytics top --by device_type",
    ),
    Character(
        "streak",
        "stella",
        replace(USUAL, attendance=1.0, attendance_weekend=0.0),
        "analytics timeseries --bucket day",
    ),
    Character(
        "open_threads",
        "olaf",
        replace(
            USUAL, projects_a_day=0.5, projects_finished=0.0, tasks_a_day=3.5, tasks_finished=0.08
        ),
        "analytics top --event-category project",
    ),
)


def character(key: str) -> Character:
    """Return the character with this habit.

    Raises:
        KeyError: No character has it.
    """
    return {each.key: each for each in CHARACTERS}[key]
