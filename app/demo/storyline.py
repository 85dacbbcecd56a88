"""Events that affect the whole team, and their dates.

The dates depend on an anchor that moves only every few weeks: filling again within that time adds
only new events, and changes none that exist.
"""

from dataclasses import dataclass
from datetime import date, timedelta

ANCHORS_WEEKS = 4
A_MONDAY = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class BrokenFunnel:
    """`ai_wizard_started` -> `ai_wizard_completed` -> `project_created`, and a week in which the
    second step fails: most are `ai_wizard_cancelled` with `reason` "error". Shares of attempts."""

    completed_usually: float = 0.7
    completed_when_broken: float = 0.1
    errors_usually: float = 0.12
    errors_when_broken: float = 0.92
    starts_weeks_before: int = 3


@dataclass(frozen=True, slots=True)
class Launch:
    """A feature that isn't there before its day: `ai_suggestion_accepted` and `_dismissed`.

    People take to it one after the other, each within `adopted_within_days`, and then use it more
    and more for `growing_days`; the share that they accept grows as well.
    """

    days_before: int = 34
    adopted_within_days: int = 28
    growing_days: int = 28
    a_day_at_last: float = 5.0
    accepted_at_first: float = 0.4
    accepted_at_last: float = 0.72


BROKEN_FUNNEL = BrokenFunnel()
LAUNCH = Launch()


@dataclass(frozen=True, slots=True)
class Storyline:
    """The days of the team's stories, all local and inclusive. `anchor_on` is a Monday."""

    anchor_on: date
    broken_first_on: date
    broken_last_on: date
    launched_on: date

    @property
    def last_on(self) -> date:
        """The last day with this anchor; it moves on the next day."""
        return self.anchor_on + timedelta(weeks=ANCHORS_WEEKS, days=-1)

    def is_broken(self, on: date) -> bool:
        return self.broken_first_on <= on <= self.broken_last_on

    def completed_share(self, on: date) -> float:
        """The share of wizards started on that day that are completed."""
        broken = self.is_broken(on)
        return BROKEN_FUNNEL.completed_when_broken if broken else BROKEN_FUNNEL.completed_usually

    def errors_share(self, on: date) -> float:
        """The share of wizards cancelled on that day because of errors."""
        return (
            BROKEN_FUNNEL.errors_when_broken if self.is_broken(on) else BROKEN_FUNNEL.errors_usually
        )


def storyline_at(end_on: date) -> Storyline:
    """Return the storyline as of that day."""
    anchor_on = end_on - timedelta(days=(end_on - A_MONDAY).days % (7 * ANCHORS_WEEKS))
    broken_first_on = anchor_on - timedelta(weeks=BROKEN_FUNNEL.starts_weeks_before)
    return Storyline(
        anchor_on=anchor_on,
        broken_first_on=broken_first_on,
        broken_last_on=broken_first_on + timedelta(days=6),
        launched_on=anchor_on - timedelta(days=LAUNCH.days_before),
    )
