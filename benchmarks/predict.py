"""How well the next event is predicted, beside simpler models and one of scikit-learn.

`python -m benchmarks.predict [--csv FILE] [--git PATH ...] [--json]` (make bench-predict). The
events are gone through in order of time. Of the last 30 %, each is predicted from those before it,
and then learnt, as the service does it; the model of scikit-learn is fitted anew four times on the
way. Every model is given the same: the user, what they did before, and how long ago that was.

With `--csv FILE` (columns `user_id, session_id, event, timestamp`) that file alone is gone
through, and the JSON has for each model's name `hit_1`, `hit_3`, `mrr` and `log_loss`; else there
is one such object for each data set.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import log
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from app.insights.prediction.next_actions import outlook
from app.insights.prediction.population_model import EMPTY_MODEL, Learner
from app.insights.prediction.service import NEXT_EVENTS_MAX
from app.insights.prediction.training_sample import (
    EVENTS_PER_USER_MAX,
    USERS_MAX,
    SampledEvent,
    events_per_user,
)
from app.read.sessions import SESSION_GAP
from app.read.user_history import PastEvent
from benchmarks.predict_data import Row, UnreadableData, csv_rows, demo_rows, git_rows

TEST_SHARE = 0.3
LAST_FIVE = 5
FITS = 4
LEARNT_TIMES = 40  # by the service: every few hours, or minutes
LEAST = 1e-6  # for what a model holds impossible
EVENTS_MIN = 50

ROOT = Path(__file__).resolve().parent.parent
console = Console(width=100)

Shares = Mapping[str, float]


@dataclass(slots=True)
class Moment:
    """What is known when something is about to come: who, when, and what they did before, in this
    session (an empty text is its beginning)."""

    user: str
    at: datetime
    before: tuple[str, ...]


class Model(Protocol):
    def shares(self, moment: Moment) -> Shares:
        """How likely each event is."""

    def learn(self, moment: Moment, row: Row) -> None:
        """What came."""


@dataclass
class Counting:
    """Counts what came by a key of the moment; one imagined event is spread over all."""

    key: Callable[[Moment], Any]
    counts: defaultdict[Any, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    events: set[str] = field(default_factory=set)

    def shares(self, moment: Moment) -> Shares:
        found = self.counts[self.key(moment)]
        total, even = found.total() + 1, 1 / max(1, len(self.events))
        return {event: (found[event] + even) / total for event in self.events}

    def learn(self, moment: Moment, row: Row) -> None:
        self.counts[self.key(moment)][row.event] += 1
        self.events.add(row.event)


@dataclass
class LastFive:
    """scikit-learn's logistic regression on the user's last five events, one-hot."""

    fit_at: frozenset[int]
    known: list[tuple[str, ...]] = field(default_factory=list)
    came: list[str] = field(default_factory=list)
    model: Any = None

    def shares(self, moment: Moment) -> Shares:
        if len(self.came) in self.fit_at:
            self.model = make_pipeline(
                OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=300)
            )
            self.model.fit(self.known, self.came)
        found = self.model.predict_proba([_five(moment)])[0]
        return dict(zip(self.model.classes_, found.tolist(), strict=True))

    def learn(self, moment: Moment, row: Row) -> None:
        self.known.append(_five(moment))
        self.came.append(row.event)


def _five(moment: Moment) -> tuple[str, ...]:
    return (("",) * LAST_FIVE + moment.before)[-LAST_FIVE:]


class Ours:
    """What `GET /api/insights/next-actions` answers with, from as many events as it reads."""

    def __init__(self, learn_every: int) -> None:
        self._learn_every = learn_every
        self._past: dict[str, deque[PastEvent]] = {}
        self._latest: deque[str] = deque(maxlen=10_000)
        self._numbers: dict[str, int] = {}
        self._everybody = EMPTY_MODEL
        self._count = 0

    def shares(self, moment: Moment) -> Shares:
        past = list(self._past.get(moment.user, ()))[-NEXT_EVENTS_MAX:]
        return outlook(past, moment.at, self._everybody).probabilities

    def learn(self, moment: Moment, row: Row) -> None:
        past = self._past.setdefault(row.user, deque(maxlen=EVENTS_PER_USER_MAX))
        past.append(_past_event(row))
        self._numbers.setdefault(row.user, len(self._numbers))
        self._latest.append(row.user)
        self._count += 1
        if self._count % self._learn_every == 0:
            self._learn_everybody(row.at)

    def _learn_everybody(self, now: datetime) -> None:
        users = sorted(set(self._latest), key=lambda user: crc32(user.encode()))[:USERS_MAX]
        sample = [
            SampledEvent(
                event.event_timestamp, self._numbers[user], event.event_type, event.session_id
            )
            for user in users
            for event in list(self._past[user])[-events_per_user(len(users)) :]
        ]
        learner = Learner(sorted(sample, key=lambda event: event.event_timestamp))
        for _ in learner.steps():
            pass
        self._everybody = learner.learnt(now)


def _past_event(row: Row) -> PastEvent:
    nothing: tuple[Any, ...] = (None,) * 5
    return PastEvent("", row.at, row.event, "", "", None, None, row.session or None, *nothing)


@dataclass(slots=True)
class Score:
    """Sums over the predictions."""

    events: int = 0
    hit_1: int = 0
    hit_3: int = 0
    reciprocal_rank: float = 0.0
    loss: float = 0.0

    def add(self, shares: Shares, came: str) -> None:
        ranked = sorted(shares, key=lambda event: (-shares[event], event))
        rank = ranked.index(came) + 1 if came in shares else len(ranked) + 1
        self.events += 1
        self.hit_1 += rank == 1
        self.hit_3 += rank <= 3
        self.reciprocal_rank += 1 / rank
        self.loss -= log(max(LEAST, shares.get(came, 0.0)))

    def as_json(self) -> dict[str, float]:
        return {
            "hit_1": round(self.hit_1 / self.events, 4),
            "hit_3": round(self.hit_3 / self.events, 4),
            "mrr": round(self.reciprocal_rank / self.events, 4),
            "log_loss": round(self.loss / self.events, 4),
        }


def evaluate(rows: Sequence[Row], progress: Callable[[], None]) -> dict[str, dict[str, float]]:
    """Each model's scores over the last part of the events, which ascend by time."""
    first = int(len(rows) * (1 - TEST_SHARE))
    fit_at = frozenset(first + (len(rows) - first) * n // FITS for n in range(FITS))
    models: dict[str, Model] = {
        "activity_events": Ours(max(1, len(rows) // LEARNT_TIMES)),
        "most_frequent": Counting(lambda moment: None),
        "user_most_frequent": Counting(lambda moment: moment.user),
        "markov_1": Counting(lambda moment: moment.before[-1]),
        "logistic_regression": LastFive(fit_at),
    }
    scores = {name: Score() for name in models}
    known: dict[str, Row] = {}
    before: dict[str, tuple[str, ...]] = {}
    for number, row in enumerate(rows):
        last = known.get(row.user)
        rested = last is None or row.at - last.at > SESSION_GAP
        moment = Moment(row.user, row.at, ("",) if rested else before[row.user])
        for name, model in models.items():
            if number >= first:
                scores[name].add(model.shares(moment), row.event)
            model.learn(moment, row)
        begun = last is not None and bool(row.session and row.session != last.session)
        ahead = ("",) if begun else moment.before
        before[row.user] = (*ahead, row.event)[-LAST_FIVE:]
        known[row.user] = row
        progress()
    return {name: score.as_json() for name, score in scores.items()}


def show(name: str, rows: Sequence[Row], found: dict[str, dict[str, float]]) -> None:
    users, kinds = len({row.user for row in rows}), len({row.event for row in rows})
    title = f"{name}: {len(rows):,} events of {kinds} kinds by {users:,} users"
    table = Table("model", "hit@1", "hit@3", "MRR", "log loss", title=title, title_justify="left")
    for model, scores in found.items():
        table.add_row(model, *(f"{value:.4f}" for value in scores.values()))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="this file alone")
    parser.add_argument(
        "--git", type=Path, metavar="PATH", nargs="*", default=[], help="these histories, too"
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    given = parser.parse_args()
    try:
        if given.csv:
            data = {given.csv.name: csv_rows(given.csv)}
        else:
            paths = {"git": ROOT} | {f"git {path}": path for path in given.git}
            data = {"demo": demo_rows()} | {name: git_rows(path) for name, path in paths.items()}
    except UnreadableData as error:
        sys.exit(str(error))
    results: dict[str, dict[str, dict[str, float]]] = {}
    with Progress(console=Console(stderr=True)) as bar:
        for name, rows in data.items():
            if len(rows) < EVENTS_MIN:
                sys.exit(f"{name}: {len(rows)} events are too few to learn from ({EVENTS_MIN}).")
            task = bar.add_task(name, total=len(rows))
            results[name] = evaluate(rows, lambda task=task: bar.advance(task))  # type: ignore[misc]
    for name, found in results.items():
        show(name, data[name], found)
    if given.json:
        print(json.dumps(results[given.csv.name] if given.csv else results))


if __name__ == "__main__":
    main()
