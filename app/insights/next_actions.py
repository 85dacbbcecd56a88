"""What a user is likely to do next: a Markov model of variable order over their own events.

The last types of events in a session are the context; what followed it before, weighs the less the
longer ago it was. Contexts of every length are blended as Witten and Bell do it (1991, "The
zero-frequency problem", method C): a context that was followed by many different things trusts
itself less, and hands on to the shorter one; the shortest, to what everybody does.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from app.insights.patterns import Confidence, confidence_of
from app.read.past import Past, PastEvent

ORDER_MAX = 3
HALF_LIFE = timedelta(days=14)
PAUSE = timedelta(minutes=30)
# Of so many of these steps, this share stayed with the same thing: then the next one will.
ENTITY_SAMPLES_MIN = 5
ENTITY_SHARE_MIN = 0.6
# Stands before the first event of a session.
BEGINNING = ""

Source = Literal["user", "everybody", "nothing"]
Types = tuple[str, ...]
Followers = dict[str, float]
Counts = dict[Types, Followers]
Seen = dict[Types, int]


@dataclass(frozen=True, slots=True)
class NextAction:
    """`probability` is of the type; the entity is None where it can't be told."""

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


def predict(past: Past, now: datetime, everybody: Mapping[str, float], limit: int) -> Prediction:
    """The likeliest next types of events.

    Args:
        everybody: what everybody does: types and their shares.
    """
    counts, seen, context = _counted(past.events, now)
    probabilities = {} if past.opted_out else dict(everybody)
    after: tuple[str, ...] = ()
    for key in _suffixes(context):
        if followers := counts.get(key):
            probabilities = _blended(followers, probabilities)
            after = key
    samples = seen.get(after, 0)
    stays = _stays(past.events)
    ranked = sorted(probabilities, key=lambda name: (-probabilities[name], name))[:limit]
    return Prediction(
        actions=tuple(
            NextAction(name, round(probabilities[name], 4), *stays.get(name, (None, None)))
            for name in ranked
        ),
        after=after,
        samples=samples,
        confidence=confidence_of(samples),
        source="user" if samples else "everybody" if ranked else "nothing",
        events_read=len(past.events),
        opted_out=past.opted_out,
    )


def _counted(events: Sequence[PastEvent], now: datetime) -> tuple[Counts, Seen, Types]:
    """What followed each context, weighed by its age; how often anything did; and the context of
    this moment, which after a pause is the beginning of a session."""
    counts: Counts = defaultdict(lambda: defaultdict(float))
    seen: Seen = defaultdict(int)
    context: Types = (BEGINNING,)
    before: PastEvent | None = None
    for event in events:
        if before is not None and not _goes_on(before, event):
            context = (BEGINNING,)
        weight = 0.5 ** ((now - event.event_timestamp) / HALF_LIFE)
        for key in _suffixes(context):
            counts[key][event.event_type] += weight
            seen[key] += 1
        context = (*context, event.event_type)[-ORDER_MAX:]
        before = event
    if before is not None and now - before.event_timestamp > PAUSE:
        context = (BEGINNING,)
    return counts, seen, context


def _suffixes(context: Types) -> Iterator[Types]:
    """The contexts of every length, the empty one first."""
    for order in range(len(context) + 1):
        yield context[len(context) - order :]


def _goes_on(before: PastEvent, event: PastEvent) -> bool:
    """Whether two events in a row are of one session."""
    if before.session_id is not None and event.session_id is not None:
        return before.session_id == event.session_id
    return event.event_timestamp - before.event_timestamp <= PAUSE


def _blended(followers: Followers, shorter: dict[str, float]) -> dict[str, float]:
    """What followed a context, with what is known of the shorter one: as many different followers,
    so much of the weight goes there."""
    total, distinct = sum(followers.values()), len(followers) if shorter else 0
    return {
        name: (followers.get(name, 0.0) + distinct * shorter.get(name, 0.0)) / (total + distinct)
        for name in followers.keys() | shorter.keys()
    }


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
