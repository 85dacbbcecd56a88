"""A Markov model of variable order, for one user on top of the population.

What followed a context (the last types of events in a session) is counted, with less weight the
longer ago it was. For each length of context there is a distribution, smoothed by that of the next
shorter context with a Dirichlet prior (MacKay and Peto 1995, "A hierarchical Dirichlet language
model"): four of the population, and four of the user, the shortest of which is based on the
population's. The eight are pooled in logarithms (Genest and Zidek 1986, "Combining probability
distributions"), with weights that are learned one event after the other by descending the log loss
(Mattern 2012, "Mixing strategies in data compression").
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import exp, log

ORDER_MAX = 3
# So many imagined events, spread as the shorter context says, stand beside the counted ones.
PRIOR = 5.0
RATE = 0.002
LEAST = 1e-6

# Stands before the first event of a session.
BEGINNING = ""

Types = tuple[str, ...]
Followers = Mapping[str, float]
Distribution = list[float]
# First the population's distributions, then the user's, from the shortest context to the longest.
Weights = tuple[float, ...]


def suffixes(context: Types) -> Iterator[Types]:
    """The contexts of every length, the empty one first."""
    for order in range(len(context) + 1):
        yield context[len(context) - order :]


def followers_of(
    series: Sequence[str], weights: Sequence[float], context: Types
) -> tuple[list[dict[str, float]], list[int]]:
    """Return what followed the context and its shorter forms: weights by type, and the number of
    occurrences for each length.

    Args:
        series: types, oldest first, with `BEGINNING` before each session's first.
        weights: one for each of the series.
    """
    padded = (None,) * (ORDER_MAX - len(context)) + context
    third, second, first = padded
    found: list[dict[str, float]] = [defaultdict(float) for _ in range(len(context) + 1)]
    seen = [0] * (len(context) + 1)
    before3: str | None = None
    before2: str | None = None
    before: str | None = None
    for name, weight in zip(series, weights, strict=True):
        if name != BEGINNING:
            order = 0
            if before == first:
                order = 1
                if second is not None and before2 == second:
                    order = 3 if third is not None and before3 == third else 2
            for each in range(order + 1):
                found[each][name] += weight
                seen[each] += 1
        before3, before2, before = before2, before, name
    return found, seen


def chained(
    followers: Sequence[Followers], types: Sequence[str], shortest: Distribution
) -> list[Distribution]:
    """A distribution over `types` for each length of context, on top of `shortest`; of a length
    that the context doesn't have, or that was never seen, that of the shorter one again."""
    below = shortest
    chain = []
    for order in range(ORDER_MAX + 1):
        counts = followers[order] if order < len(followers) else None
        if counts:
            total = sum(counts.values()) + PRIOR
            known = counts.get
            below = [
                (known(name, 0.0) + PRIOR * share) / total
                for name, share in zip(types, below, strict=True)
            ]
        chain.append(below)
    return chain


def logarithms(experts: Sequence[Distribution]) -> list[list[float]]:
    """Return the logarithms of each expert's probabilities, with a lower bound."""
    kept: dict[int, list[float]] = {}
    for expert in experts:
        if id(expert) not in kept:
            kept[id(expert)] = [log(share if share > LEAST else LEAST) for share in expert]
    return [kept[id(expert)] for expert in experts]


def pooled(logs: Sequence[Sequence[float]], weights: Weights) -> Distribution:
    """The experts' weighted geometric mean, made to add up to one."""
    sums = [
        sum(weight * each for weight, each in zip(weights, column, strict=True))
        for column in zip(*logs, strict=True)
    ]
    highest = max(sums)
    powers = [exp(each - highest) for each in sums]
    total = sum(powers)
    return [each / total for each in powers]


def corrected(
    weights: Weights, logs: Sequence[Sequence[float]], shares: Distribution, came: int
) -> Weights:
    """The weights after one step down the log loss: who gave more to what came than the pool
    would expect, gains.

    Args:
        shares: what the pool said.
        came: the index of what came.
    """
    return tuple(
        weight + RATE * (each[came] - sum(a * b for a, b in zip(shares, each, strict=True)))
        for weight, each in zip(weights, logs, strict=True)
    )
