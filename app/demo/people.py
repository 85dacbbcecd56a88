"""The team: who is in it, since when and until when, and on which days they work."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from app.demo.habits import CHARACTERS, USUAL, Habits, Rhythm
from app.demo.storyline import A_MONDAY, Storyline
from app.demo.streams import chosen, stream

# No name of a user in the documentation's examples, which erase that user.
FIRST_NAMES = [
    "amira",
    "ben",
    "carla",
    "david",
    "elena",
    "farid",
    "greta",
    "hugo",
    "ines",
    "jonas",
    "kaja",
    "leo",
    "maja",
    "nils",
    "oskar",
    "paula",
    "quentin",
    "rosa",
    "samir",
    "theo",
    "uma",
    "viktor",
    "wanda",
    "xenia",
    "yusuf",
    "zoe",
    "anton",
    "bea",
    "cem",
    "dora",
    "emil",
    "fatma",
    "georg",
    "hanna",
    "ivo",
    "jana",
    "karl",
    "lena",
    "mats",
    "nele",
    "otto",
    "pia",
    "ralf",
    "sina",
    "tom",
    "ute",
    "vera",
    "willi",
    "yara",
    "zeno",
]
USERS_MAX = 1000

# One in so many was there before; of the others, the week of joining counts from the anchor. Some
# join in the same week: of one alone, nobody sees how many stay.
REGULAR_EVERY = 4
JOIN_WEEKS = (-9, -6, -3, -1, -6, -9, -3, 2)
LEAVE_SHARE = 0.5
LEAVE_AFTER_WEEKS = ((1, 0.3), (2, 0.25), (3, 0.2), (4, 0.1), (6, 0.1), (8, 0.05))
REGULARS_LEAVE_SHARE = 0.15
REGULARS_LEAVE_WEEKS = (-6, -1)
HOLIDAY_SHARE = 0.7
HOLIDAY_EVERY_WEEKS = 10
INTENSITY_MIN, INTENSITY_MAX, INTENSITY_POWER = 0.4, 3.2, 0.6
DAY_SHIFT_HOURS = ((-1, 0.25), (0, 0.55), (1, 0.2))
SATURDAY = 5


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One of the team. `number` counts them from 1; both days are inclusive, and None is always."""

    seed: int
    number: int
    email: str
    habits: Habits
    joined_on: date | None = None
    left_on: date | None = None

    def works_on(self, on: date) -> bool:
        """Whether the person works that day; it depends only on person and day."""
        if self.joined_on is not None and on < self.joined_on:
            return False
        if self.left_on is not None and on > self.left_on:
            return False
        if self.habits.takes_holidays and self._is_holiday(on):
            return False
        weekend = on.weekday() >= SATURDAY
        share = self.habits.attendance_weekend if weekend else self.habits.attendance
        return on == self.joined_on or stream(self.seed, self.email, on, "works").random() < share

    def _is_holiday(self, on: date) -> bool:
        term, week = divmod((on - A_MONDAY).days // 7, HOLIDAY_EVERY_WEEKS)
        rng = stream(self.seed, self.email, term, "holiday")
        return rng.random() < HOLIDAY_SHARE and rng.randrange(HOLIDAY_EVERY_WEEKS) == week


def team(seed: int, users: int, storyline: Storyline) -> tuple[Person, ...]:
    """Return a team of this size: first the characters, then ordinary people."""
    people = [
        Person(seed, number, each.email, each.habits) for number, each in enumerate(CHARACTERS, 1)
    ]
    for place in range(users - len(CHARACTERS)):
        people.append(_somebody(seed, place, storyline))
    return tuple(people[:users])


def team_emails() -> frozenset[str]:
    """Return the addresses of all people of any team, of any size and seed."""
    others = (_email_of(place) for place in range(USERS_MAX - len(CHARACTERS)))
    return frozenset([*(each.email for each in CHARACTERS), *others])


def _email_of(place: int) -> str:
    again, which = divmod(place, len(FIRST_NAMES))
    return f"{FIRST_NAMES[which]}{again + 1 if again else ''}@example.com"


def _somebody(seed: int, place: int, storyline: Storyline) -> Person:
    email = _email_of(place)
    rng = stream(seed, email, "person")
    intensity = INTENSITY_MIN * (1 - rng.random()) ** -INTENSITY_POWER
    shift = chosen(rng, DAY_SHIFT_HOURS)
    habits = replace(
        USUAL,
        rhythm=Rhythm(tuple((hour + shift, weight) for hour, weight in USUAL.rhythm.hours)),
        intensity=min(INTENSITY_MAX, intensity),
        attendance=rng.uniform(0.6, 0.96),
        attendance_weekend=rng.choice((0.0, 0.03, 0.06, 0.2)),
        takes_holidays=True,
        reply_share=rng.uniform(0.15, 0.45),
        reply_median_minutes=rng.uniform(15, 90),
        standup=rng.uniform(0.4, 0.95),
    )
    joined_on, left_on = _stay(seed, email, place, storyline)
    return Person(seed, len(CHARACTERS) + place + 1, email, habits, joined_on, left_on)


def _stay(
    seed: int, email: str, place: int, storyline: Storyline
) -> tuple[date | None, date | None]:
    rng = stream(seed, email, "stay")
    if place % REGULAR_EVERY == 0:
        left_weeks = rng.randint(*REGULARS_LEAVE_WEEKS)
        leaves = rng.random() < REGULARS_LEAVE_SHARE
        return None, storyline.anchor_on + timedelta(weeks=left_weeks) if leaves else None
    newcomer = place - place // REGULAR_EVERY - 1
    monday = storyline.anchor_on + timedelta(weeks=JOIN_WEEKS[newcomer % len(JOIN_WEEKS)])
    joined_on = monday + timedelta(days=rng.randrange(SATURDAY))
    weeks = chosen(rng, LEAVE_AFTER_WEEKS)
    leaves = rng.random() < LEAVE_SHARE
    return joined_on, joined_on + timedelta(weeks=weeks, days=-1) if leaves else None
