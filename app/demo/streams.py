"""Chance that repeats itself: everything made up comes from a stream named by what it is for.

No stream is shared between two days or two purposes, so that one more event of one kind changes
nothing of the others, and a day is the same from wherever the filling starts.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from random import Random
from statistics import NormalDist
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

# The outermost lags are left out: one reply after a week would say nothing of a habit.
LAG_SHARE_MIN = 0.03
_NORMAL = NormalDist()


def stream(*names: object) -> Random:
    """The stream of what the names say; the same names, the same numbers, on any machine."""
    return Random(_joined(names))  # noqa: S311 (a play, no secret)


def short_hash(*names: object) -> str:
    """A name of eight hexadecimal digits for what the names say."""
    return blake2b(_joined(names).encode(), digest_size=4).hexdigest()


def uuid7_of(at: datetime, *names: object) -> UUID:
    """An id in the shape of a UUIDv7 of that moment; its random part is what the names say."""
    milliseconds = round(at.timestamp() * 1000)
    drawn = blake2b(_joined(names).encode(), digest_size=16).digest()
    value = (milliseconds << 80) | (int.from_bytes(drawn) & ((1 << 80) - 1))
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    return UUID(int=(value & ~(0b11 << 62)) | (0b10 << 62))


def chosen(rng: Random, weighted: Sequence[tuple[T, float]]) -> T:
    """One of the weighted, by its weight."""
    left = rng.random() * sum(weight for _, weight in weighted)
    for item, weight in weighted:
        left -= weight
        if left < 0:
            return item
    return weighted[-1][0]


def some(rng: Random, mean: float) -> int:
    """Draw a number of events with this `mean` (Poisson)."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def lags_ms(rng: Random, median_minutes: float, spread: float) -> Iterator[int]:
    """Endless lags, log-normal. They come in pairs, one on each side of the median, so that this
    is the median of a few already."""
    while True:
        share = rng.uniform(LAG_SHARE_MIN, 0.5)
        pair = (share, 1 - share) if rng.random() < 0.5 else (1 - share, share)
        for each in pair:
            yield round(median_minutes * 60_000 * math.exp(spread * _NORMAL.inv_cdf(each)))


def _joined(names: tuple[object, ...]) -> str:
    return "|".join(str(name) for name in names)
