"""Plans that take more than a day: projects and their sub-tasks, started on one day and finished on
another. A day's plans depend on that day alone, so a later day can recompute them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from app.demo.people import Person
from app.demo.storyline import A_MONDAY, Storyline
from app.demo.streams import chosen, lags_ms
from app.demo.today import Today, today

PROJECT_DAYS = (6, 24)
TASK_LATER_DAYS = ((1, 0.6), (2, 0.25), (3, 0.15))
TASK_LATER_DAYS_MAX = max(days for days, _ in TASK_LATER_DAYS)
STEPS = ("goal", "scope", "tasks", "review")
SUBJECTS = [
    "website",
    "onboarding",
    "newsletter",
    "billing",
    "search",
    "hiring",
    "budget",
    "roadmap",
    "app",
    "support",
]
AIMS = ["relaunch", "audit", "plan", "cleanup", "pilot", "review", "upgrade", "handbook"]
WIZARD_MS = (45_000, 260_000)
WIZARD_LEFT_MS = (8_000, 120_000)


@dataclass(frozen=True, slots=True)
class Project:
    """A project begun on `on`. It is worked on until `ends_on`, and archived then if `finished`."""

    id: str
    title: str
    priority: str
    on: date
    created_at_ms: int
    ends_on: date
    finished: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """The AI project wizard, started once: it made a project, or why it was cancelled."""

    id: str
    started_at_ms: int
    took_ms: int
    project: Project | None
    reason: str | None
    step: str


@dataclass(frozen=True, slots=True)
class Task:
    """A sub-task. It is finished `lag_ms` later, or on another day, `done_on`, or never."""

    id: str
    project: Project
    created_at_ms: int
    lag_ms: int | None
    done_on: date | None


@dataclass(frozen=True, slots=True)
class Begun:
    """Things that a person begins on one day, without sub-tasks; `projects` are those made
    by hand."""

    projects: tuple[Project, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    def all_projects(self) -> Iterator[Project]:
        yield from self.projects
        yield from (each.project for each in self.attempts if each.project is not None)


class Plans:
    """The plans of a team's days. Each is made once, and forgotten when it is past."""

    def __init__(self, storyline: Storyline, users: int) -> None:
        self._storyline = storyline
        kept = users * (max(PROJECT_DAYS) + TASK_LATER_DAYS_MAX + 2)
        self.begun: Callable[[Person, date], Begun] = lru_cache(kept)(self._begun)
        self.tasks: Callable[[Person, date], tuple[Task, ...]] = lru_cache(kept)(self._tasks)

    def open_projects(self, person: Person, on: date) -> list[Project]:
        """Return the projects in progress that day, oldest first, without those of the day
        itself."""
        return [
            project
            for days in range(max(PROJECT_DAYS), 0, -1)
            for project in self.begun(person, on - timedelta(days=days)).all_projects()
            if project.ends_on >= on
        ]

    def due_tasks(self, person: Person, on: date) -> list[Task]:
        """Sub-tasks of earlier days that are finished that day."""
        return [
            task
            for days in range(TASK_LATER_DAYS_MAX, 0, -1)
            for task in self.tasks(person, on - timedelta(days=days))
            if task.done_on == on
        ]

    def _begun(self, person: Person, on: date) -> Begun:
        if not person.works_on(on):
            return Begun()
        day = today(person, on, self._storyline)
        rng = day.stream("wizard")
        attempts = [
            _attempt(day, place) for place in range(day.how_many(rng, day.habits.wizards_a_day))
        ]
        rng = day.stream("projects")
        projects = [
            _project(day, f"1{place}", day.moment_ms(rng))
            for place in range(day.how_many(rng, day.habits.projects_a_day))
        ]
        return Begun(tuple(projects), tuple(attempts))

    def _tasks(self, person: Person, on: date) -> tuple[Task, ...]:
        open_projects = self.open_projects(person, on)
        if not open_projects or not person.works_on(on):
            return ()
        day = today(person, on, self._storyline)
        habits = day.habits
        rng = day.stream("tasks")
        lags = lags_ms(rng, habits.task_median_minutes, habits.task_spread)
        tasks = []
        for place in range(day.how_many(rng, habits.tasks_a_day)):
            finished = rng.random() < habits.tasks_finished
            later = rng.random() < habits.tasks_later
            lag_ms = next(lags) if finished and not later else None
            tasks.append(
                Task(
                    id=f"t-{_serial(day, f'{place:02d}')}",
                    project=rng.choice(open_projects),
                    created_at_ms=day.moment_with_lag_ms(rng, lag_ms or 0),
                    lag_ms=lag_ms,
                    done_on=_next_day(person, on, chosen(rng, TASK_LATER_DAYS))
                    if finished and later
                    else None,
                )
            )
        return tuple(tasks)


def _attempt(day: Today, place: int) -> Attempt:
    rng = day.stream(f"attempt {place}")
    started_at_ms = day.moment_ms(rng)
    completed = rng.random() < day.storyline.completed_share(day.on)
    error = rng.random() < day.storyline.errors_share(day.on)
    took_ms = rng.randrange(*(WIZARD_MS if completed else WIZARD_LEFT_MS))
    created_at_ms = started_at_ms + took_ms + rng.randrange(2_000, 9_000)
    return Attempt(
        id=f"w-{_serial(day, str(place))}",
        started_at_ms=started_at_ms,
        took_ms=took_ms,
        project=_project(day, f"2{place}", created_at_ms) if completed else None,
        reason=None if completed else "error" if error else "changed_mind",
        step=rng.choice(STEPS),
    )


def _project(day: Today, place: str, created_at_ms: int) -> Project:
    rng = day.stream(f"project {place}")
    lasts_days = rng.randint(*PROJECT_DAYS)
    return Project(
        id=f"p-{_serial(day, place)}",
        title=f"{rng.choice(SUBJECTS)} {rng.choice(AIMS)}",
        priority=chosen(rng, day.habits.priorities),
        on=day.on,
        created_at_ms=created_at_ms,
        ends_on=_next_day(day.person, day.on, lasts_days),
        finished=rng.random() < day.habits.projects_finished,
    )


def _serial(day: Today, place: str) -> str:
    """A number that no other thing of its kind has."""
    return f"{day.person.number}{(day.on - A_MONDAY).days:04d}{place}"


def _next_day(person: Person, on: date, days: int) -> date:
    """Return the working day a number of days later, or the last one before: only people who work
    finish things."""
    for each in range(days, 0, -1):
        if person.works_on(on + timedelta(days=each)):
            return on + timedelta(days=each)
    return on + timedelta(days=days)
