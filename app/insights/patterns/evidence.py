"""Evidence for a habit: how often it occurs, out of how many, compared with the alternative.

Bounds are Wilson's (1927, "Probable inference, the law of succession, and statistical inference",
Journal of the American Statistical Association 22): they hold for small samples and shares near 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from app.read.user_history import PastEvent

SuggestionKind = Literal["email_rule", "sequence", "dropped", "email_hours", "schedule"]

# Of each kind: who looks at thousands finds something in pure chance.
CANDIDATES_MAX = 20
Z_95 = 1.959964
WEEK = timedelta(days=7)

Key = TypeVar("Key", str, tuple[str, str], tuple[str, int])


@dataclass(frozen=True, slots=True)
class Threshold:
    """Minimum evidence, all of it required; `lift` is None if there is no alternative."""

    lower_bound: float = 0.75
    out_of: int = 10
    last_week: int = 3
    lift: float | None = 1.5


MOSTLY = Threshold()


@dataclass(frozen=True, slots=True)
class Hit:
    """A time that it was so: when, and the event to look at."""

    at: datetime
    event: PastEvent


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible habit: observed in `hits` out of `out_of`; `otherwise` is the count of the
    alternative out of its total (None: nothing to compare with). `opening` and `advice` are the
    ends of its sentence. `minute` is its minute of the week, if it has one."""

    kind: SuggestionKind
    opening: str
    advice: str
    hits: Sequence[Hit]
    out_of: int
    otherwise: tuple[int, int] | None
    threshold: Threshold = MOSTLY
    minute: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """`share` is of `out_of`, and `lower_bound` the lower end of its 95 % interval. `lift` says how
    many times as often as otherwise it is so, at the least: the lower bound over the upper bound of
    the share otherwise. `last_week` counts the last 7 days."""

    times: int
    out_of: int
    share: float
    lower_bound: float
    lift: float | None
    last_week: int


def wilson(times: int, out_of: int) -> tuple[float, float]:
    """The 95 % interval of a share; of nothing, all of [0, 1]."""
    if out_of == 0:
        return 0.0, 1.0
    share, z2 = times / out_of, Z_95 * Z_95
    middle = share + z2 / (2 * out_of)
    spread = Z_95 * math.sqrt(share * (1 - share) / out_of + z2 / (4 * out_of * out_of))
    scale = 1 + z2 / out_of
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def weigh(candidate: Candidate, now: datetime) -> Evidence:
    """The evidence for a candidate at a moment."""
    times, out_of = len(candidate.hits), candidate.out_of
    low, _ = wilson(times, out_of)
    otherwise = candidate.otherwise
    return Evidence(
        times=times,
        out_of=out_of,
        share=round(times / out_of, 4),
        lower_bound=round(low, 4),
        lift=None if otherwise is None else round(low / wilson(*otherwise)[1], 4),
        last_week=sum(hit.at > now - WEEK for hit in candidate.hits),
    )


def reaches(evidence: Evidence, threshold: Threshold) -> bool:
    """Whether the evidence is enough."""
    return (
        evidence.out_of >= threshold.out_of
        and evidence.lower_bound >= threshold.lower_bound
        and evidence.last_week >= threshold.last_week
        and (threshold.lift is None or (evidence.lift or 0) >= threshold.lift)
    )


def largest(samples: Mapping[Key, int]) -> list[Key]:
    """Return the names with the largest samples, up to the limit; then by name."""
    return sorted(samples, key=lambda key: (-samples[key], key))[:CANDIDATES_MAX]
