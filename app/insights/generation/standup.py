"""A standup: its days, its shape, and what of a model's is believed."""

from dataclasses import dataclass
from datetime import date

from app.insights.generation.context import ASIDE, Context
from app.insights.generation.grounding import Claim, Examination, GroundedClaim
from app.read.user_history import Past, PastEvent
from app.read.window import AN_INSTANT, Window


@dataclass(frozen=True, slots=True)
class Days:
    """`today` is the last day of the window; `yesterday` the last one before it on which the user
    did something, None where there is none."""

    today: date
    yesterday: date | None


@dataclass(frozen=True, slots=True)
class StandupSaid:
    """A standup as a model gives it."""

    yesterday: list[Claim]
    today: list[Claim]
    blockers: list[Claim]
    one_thing: Claim | None


@dataclass(frozen=True, slots=True)
class Standup:
    """Claims, each with its citations."""

    yesterday: tuple[GroundedClaim, ...] = ()
    today: tuple[GroundedClaim, ...] = ()
    blockers: tuple[GroundedClaim, ...] = ()
    one_thing: GroundedClaim | None = None

    def claims(self) -> tuple[GroundedClaim, ...]:
        """All of them."""
        last = () if self.one_thing is None else (self.one_thing,)
        return (*self.yesterday, *self.today, *self.blockers, *last)


def days_of(past: Past, window: Window) -> Days:
    """The days that a standup at the end of the window is about."""
    today = (window.end - AN_INSTANT).astimezone(window.zone).date()
    for event in reversed(past.events):
        on = day_of(event, window)
        if on < today and event.event_category not in ASIDE:
            return Days(today, on)
    return Days(today, None)


def day_of(event: PastEvent, window: Window) -> date:
    """The local day of an event."""
    return event.event_timestamp.astimezone(window.zone).date()


def examine(said: StandupSaid, context: Context) -> tuple[Standup, Examination]:
    """Return the accepted part of a model's standup, and the faults of the rest."""
    found = Examination(context)
    standup = Standup(
        yesterday=found.claims("yesterday", said.yesterday),
        today=found.claims("today", said.today),
        blockers=found.claims("blockers", said.blockers),
        one_thing=found.claim("one_thing", said.one_thing),
    )
    return standup, found
