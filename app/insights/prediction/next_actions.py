"""Prediction of next actions, by a Markov model (`app/insights/prediction/markov.py`) over the
user's own events, backed off to the population (`app/insights/prediction/population_model.py`).

The user's part is computed per request from the latest events: the newest one counts, and users who
are erased or opt out leave nothing behind.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import exp, log
from typing import Literal

from app.insights.patterns.suggestions import Suggestion
from app.insights.patterns.work_patterns import Confidence, confidence_of
from app.insights.prediction.markov import (
    BEGINNING,
    ORDER_MAX,
    Types,
    chained,
    followers_of,
    logarithms,
    pooled,
)
from app.insights.prediction.population_model import USER_HALF_LIFE, PopulationModel, goes_on
from app.read.sessions import SESSION_GAP
from app.read.user_history import Past, PastEvent

# Of so many of these steps, this share stayed with the same thing: then the next one will.
ENTITY_SAMPLES_MIN = 5
ENTITY_SHARE_MIN = 0.6

Source = Literal["user", "everybody", "nothing"]


@dataclass(frozen=True, slots=True)
class NextAction:
    """A predicted action. `probability` belongs to the type; the entity is None if unknown."""

    event_type: str
    probability: float
    entity_type: str | None
    entity_id: str | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """`actions` descend by probability, then go by name. `after` is the longest context that was
    seen before, oldest first (the empty text is the beginning of a session), and `samples` how
    often something followed it."""

    actions: tuple[NextAction, ...]
    after: tuple[str, ...]
    samples: int
    confidence: Confidence
    source: Source
    events_read: int
    opted_out: bool
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """The distribution of the next action: `probabilities` of types descend, then go by name, and
    sum to one. `seen` counts what followed the user's context, for each of its lengths."""

    probabilities: dict[str, float]
    context: Types
    seen: tuple[int, ...]

    @property
    def rested(self) -> bool:
        """Whether the user's session is over, or never was."""
        return self.context == (BEGINNING,)


def outlook(events: Sequence[PastEvent], now: datetime, everybody: PopulationModel) -> Outlook:
    """Predict the probability of each type to come next.

    Args:
        events: one user's latest, ascending by time.
    """
    series, weights, context = _series(events, now)
    own, seen = followers_of(series, weights, context)
    types = sorted({*everybody.types, *own[0]})
    if not types:
        return Outlook({}, context, tuple(seen))
    theirs = chained(everybody.followers(context), types, [1 / len(types)] * len(types))
    logs = logarithms([*theirs, *chained(own, types, theirs[0])])
    shares = zip(types, pooled(logs, everybody.weights[len(context) - 1]), strict=True)
    ranked = sorted(shares, key=lambda each: (-each[1], each[0]))
    return Outlook(dict(ranked), context, tuple(seen))


def predict(
    past: Past, found: Outlook, limit: int, suggestions: tuple[Suggestion, ...] = ()
) -> Prediction:
    """The likeliest next types of events, and how well they are founded."""
    if past.opted_out:
        return Prediction((), (), 0, confidence_of(0), "nothing", 0, opted_out=True)
    order = max((n for n, times in enumerate(found.seen) if times), default=0)
    samples = found.seen[order]
    stays = _stays(past.events)
    return Prediction(
        actions=tuple(
            NextAction(name, round(share, 4), *stays.get(name, (None, None)))
            for name, share in list(found.probabilities.items())[:limit]
        ),
        after=found.context[len(found.context) - order :],
        samples=samples,
        confidence=confidence_of(samples),
        source="user" if samples else "everybody" if found.probabilities else "nothing",
        events_read=len(past.events),
        opted_out=False,
        suggestions=suggestions,
    )


def _series(events: Sequence[PastEvent], now: datetime) -> tuple[list[str], list[float], Types]:
    """The types with the beginnings of sessions, each with its weight, and the context of this
    moment, which after a pause is the beginning of a session."""
    series: list[str] = []
    weights: list[float] = []
    fading = -log(2) / USER_HALF_LIFE.total_seconds()
    before: PastEvent | None = None
    for event in events:
        if before is None or not goes_on(
            before.event_timestamp, before.session_id, event.event_timestamp, event.session_id
        ):
            series.append(BEGINNING)
            weights.append(0.0)
        series.append(event.event_type)
        weights.append(exp(fading * (now - event.event_timestamp).total_seconds()))
        before = event
    if before is None or now - before.event_timestamp > SESSION_GAP:
        series.append(BEGINNING)
        weights.append(0.0)
    context = series[-ORDER_MAX:]
    if BEGINNING in context:
        context = context[len(context) - 1 - context[::-1].index(BEGINNING) :]
    return series, weights, tuple(context)


def _stays(events: Sequence[PastEvent]) -> dict[str, tuple[str | None, str | None]]:
    """The last event's thing, for each type at which the user mostly stays with it."""
    if not events or events[-1].entity is None:
        return {}
    last = events[-1]
    steps: Counter[str] = Counter()
    stayed: Counter[str] = Counter()
    for before, event in pairwise(events):
        if before.event_type == last.event_type:
            steps[event.event_type] += 1
            stayed[event.event_type] += before.entity is not None and before.entity == event.entity
    return {
        name: (last.entity_type, last.entity_id)
        for name, times in steps.items()
        if times >= ENTITY_SAMPLES_MIN and stayed[name] >= ENTITY_SHARE_MIN * times
    }
