"""The population model: next actions of all users, trained on a sample and kept in memory.

Nothing of it is stored, so users who are erased or opt out are gone with the next training. An
unknown event type counts only if several users have it, because one user's type names must not be
visible to others.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.insights.prediction.markov import (
    BEGINNING,
    ORDER_MAX,
    Types,
    Weights,
    chained,
    corrected,
    logarithms,
    pooled,
    suffixes,
)
from app.insights.prediction.training_sample import SampledEvent
from app.read.sessions import SESSION_GAP
from app.schemas.event_types import KNOWN_TYPES

HALF_LIFE = timedelta(days=90)
USER_HALF_LIFE = timedelta(days=30)
USERS_MIN = 5
# The weights are learnt from so many of the latest events: that is what takes time.
WEIGHED_MAX = 4_000
# A context of two types or more that was seen just once says nothing.
SEEN_MIN = 2
# Only the most frequent types are distinguished: a step costs as much as their number.
TYPES_MAX = 200
# Stands for all other types, in the sample alone: no event has this name.
UNLISTED = "\0"

# Where learning begins, for contexts of one to three types: what it led to on the data sets of
# `benchmarks/predict.py`, rounded.
WEIGHTS: tuple[Weights, ...] = (
    (0.0, 0.2, 0.2, 0.2, 0.1, 0.3, 0.2, 0.2),
    (0.0, 0.1, 0.25, 0.25, 0.0, 0.2, 0.15, 0.15),
    (-0.1, 0.05, 0.2, 0.5, 0.1, 0.15, 0.05, 0.15),
)


@dataclass(frozen=True, slots=True)
class PopulationModel:
    """`contexts` has what followed each context, weighed by its age; `weights` are those of the
    pool, by the length of the context less one."""

    types: tuple[str, ...] = ()
    contexts: dict[Types, dict[str, float]] = field(default_factory=dict)
    weights: tuple[Weights, ...] = WEIGHTS
    events: int = 0
    users: int = 0

    def followers(self, context: Types) -> list[dict[str, float]]:
        """Followers for each length of the context."""
        return [self.contexts.get(key, {}) for key in suffixes(context)]


EMPTY_MODEL = PopulationModel()


def goes_on(before: datetime, session: str | None, at: datetime, its_session: str | None) -> bool:
    """Whether two events in a row are of one session."""
    if session is not None and its_session is not None:
        return session == its_session
    return at - before <= SESSION_GAP


@dataclass(slots=True)
class _User:
    context: Types = (BEGINNING,)
    at: datetime | None = None
    session: str | None = None
    contexts: dict[Types, dict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )


class Learner:
    """Learns from a sample in small steps, so that its caller can do other work in between."""

    def __init__(self, sample: Sequence[SampledEvent]) -> None:
        """
        Args:
            sample: events of some users, ascending by time.
        """
        self._sample = sample
        frequent = Counter(event.event_type for event in sample).most_common(TYPES_MAX)
        self._listed = frozenset(name for name, _ in frequent)
        self._types = (*sorted(self._listed), UNLISTED)
        self._common = _common(sample, self._listed)
        self._index = {name: n for n, name in enumerate(self._types)}
        self._contexts: dict[Types, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._seen: dict[Types, int] = defaultdict(int)
        self._users: dict[int, _User] = defaultdict(_User)
        self._weights = list(WEIGHTS)

    def steps(self) -> Iterator[None]:
        """One event a step."""
        if not self._sample:
            return
        first = self._sample[0].event_timestamp
        weighed_from = len(self._sample) - WEIGHED_MAX
        for n, event in enumerate(self._sample):
            user = self._users[event.user_id]
            if user.at is None or not goes_on(
                user.at, user.session, event.event_timestamp, event.session_id
            ):
                user.context = (BEGINNING,)
            since = event.event_timestamp - first
            name = event.event_type if event.event_type in self._listed else UNLISTED
            if n >= weighed_from:
                self._weigh(user, name, since)
            self._count(user, name, since)
            user.at, user.session = event.event_timestamp, event.session_id
            yield

    def _weigh(self, user: _User, name: str, since: timedelta) -> None:
        length, types = len(user.context), self._types
        # What is counted later weighs more than what was counted first: here, it is the present.
        ours, theirs = 0.5 ** (since / HALF_LIFE), 0.5 ** (since / USER_HALF_LIFE)
        keys = list(suffixes(user.context))
        everybody = chained(
            [_scaled(self._contexts.get(key), ours) for key in keys],
            types,
            [1 / len(types)] * len(types),
        )
        own = chained(
            [_scaled(user.contexts.get(key), theirs) for key in keys], types, everybody[0]
        )
        logs = logarithms([*everybody, *own])
        weights = self._weights[length - 1]
        shares = pooled(logs, weights)
        came = self._index[name]
        self._weights[length - 1] = corrected(weights, logs, shares, came)

    def _count(self, user: _User, name: str, since: timedelta) -> None:
        ours, theirs = 2 ** (since / HALF_LIFE), 2 ** (since / USER_HALF_LIFE)
        for key in suffixes(user.context):
            user.contexts[key][name] += theirs
            if name in self._common and self._common.issuperset(key):
                self._contexts[key][name] += ours
                self._seen[key] += 1
        user.context = (*user.context, name)[-ORDER_MAX:]

    def learnt(self, now: datetime) -> PopulationModel:
        """The model after the steps so far."""
        if not self._sample:
            return EMPTY_MODEL
        scale = 0.5 ** ((now - self._sample[0].event_timestamp) / HALF_LIFE)
        contexts = {
            key: _scaled(found, scale)
            for key, found in self._contexts.items()
            if len(key) < 2 or self._seen[key] >= SEEN_MIN
        }
        return PopulationModel(
            tuple(sorted(self._common - {BEGINNING})),
            contexts,
            tuple(self._weights),
            len(self._sample),
            len(self._users),
        )


def _common(sample: Sequence[SampledEvent], listed: frozenset[str]) -> set[str]:
    """Return the listed types that other users may see."""
    users: dict[str, set[int]] = defaultdict(set)
    for event in sample:
        if event.event_type in listed:
            users[event.event_type].add(event.user_id)
    return {BEGINNING} | {
        name for name, who in users.items() if name in KNOWN_TYPES or len(who) >= USERS_MIN
    }


def _scaled(followers: dict[str, float] | None, scale: float) -> dict[str, float]:
    return {name: count * scale for name, count in followers.items()} if followers else {}
