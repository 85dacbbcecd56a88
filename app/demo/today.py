"""One day of one person: when they are there, and the things that they do then."""

from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from app.demo.habits import Habits
from app.demo.people import Person
from app.demo.storyline import Storyline
from app.demo.streams import some, stream

HOME = "/dashboard"
VISITS_MIN = 2
VISITS_MORE = 2.6
VISIT_MINUTES = (6.0, 32.0)
DRAWS_MAX = 60

# How long a hand needs between two things, in milliseconds.
STEP_MS = (1_500, 22_000)


@dataclass(frozen=True, slots=True)
class Act:
    """Something done, `at_ms` milliseconds after local midnight of its day.

    `page` is where in the product; None is wherever they are. `entity` is its type and its id.
    """

    at_ms: int
    event_type: str
    page: str | None
    entity: tuple[str, str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Today:
    """A day of a person who works on it. `visits` are the times of presence, from and to, in
    milliseconds after local midnight; they can overlap."""

    person: Person
    on: date
    storyline: Storyline
    visits: tuple[tuple[int, int], ...]

    @property
    def habits(self) -> Habits:
        return self.person.habits

    def stream(self, purpose: str) -> Random:
        return stream(self.person.seed, self.person.email, self.on, purpose)

    def moment_ms(self, rng: Random, before_ms: int | None = None) -> int:
        """Return a moment of presence; if possible, before the given one."""
        for _ in range(DRAWS_MAX):
            start, end = rng.choice(self.visits)
            at = rng.randrange(start, end)
            if before_ms is None or at < before_ms:
                return at
        return self.habits.rhythm.start_ms + rng.randrange(3_600_000)

    def moment_with_lag_ms(self, rng: Random, lag_ms: int) -> int:
        """A moment after which so much of the day is left. It is the moment that is chosen by the
        lag: chosen the other way round, long lags would go missing."""
        return self.moment_ms(rng, self.habits.rhythm.end_ms - lag_ms)

    def how_many(self, rng: Random, a_day: float) -> int:
        return some(rng, a_day * self.habits.intensity)


def step_ms(rng: Random) -> int:
    """The time between two things done one after the other."""
    return rng.randrange(*STEP_MS)


def today(person: Person, on: date, storyline: Storyline) -> Today:
    """The day with its visits."""
    rng = stream(person.seed, person.email, on, "visits")
    visits = []
    for _ in range(VISITS_MIN + some(rng, VISITS_MORE * person.habits.intensity)):
        start = person.habits.rhythm.moment_ms(rng)
        visits.append((start, start + round(rng.uniform(*VISIT_MINUTES) * 60_000)))
    return Today(person, on, storyline, tuple(sorted(visits)))
