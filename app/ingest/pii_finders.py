"""Search for a shape in a text, with bounded cost."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PHONE_CHECKS_MAX = 50  # in an event; past that, a phone's shape will do
# In an event, of what may be personal: more than one of ordinary size has room for.
CANDIDATES_MAX = 4_000
DECODINGS_MAX = 8_000  # of characters that were spelt otherwise
# In all events of a batch, in characters that are gone through: half a second's at most.
WORK_MAX = 600_000
WORK_OF_A_TEXT = 15  # beside its characters
WORK_OF_AN_ITEM = 2
WORK_OF_A_KEY = 8
WORK_OF_A_PHONE_CHECK = 40
NEW_NAMES_MAX = 30_000  # of keys and parameters that are not known yet

# Digits without separators under such a key are a name or a count of something, not a card.
_ID_KEY = re.compile(
    r"(?:^|_)(?:id|ids|sid|uid|trace|span|hash|sha|digest|checksum|uuid|ref|reference|order|tracking"
    r"|serial|number|no|num|at|ms|us|ns|nanos?|micros|time|timestamp|epoch|count|total|bytes|size"
    r"|seed|offset|sequence|seq|index|version|gtin|ean|upc|isbn|sku|barcode|invoice|snowflake"
    r"|population|amount|price|rrn|arn|imei|serials?)$"
)
_CARDS_KEY = re.compile(r"(?:^|_)(?:card|cc|credit|debit|payment|pan)_(?:number|no|num)$")

Span = tuple[int, int]


class SpentError(Exception):
    """A budget is spent: what may be personal goes without a closer look."""


@dataclass(slots=True)
class BatchBudget:
    """Budget for the work of all events of a batch: many events, each within its own limits, would
    together delay other requests."""

    work: int = WORK_MAX
    new_names: int = NEW_NAMES_MAX


@dataclass(slots=True)
class Budget:
    """Budget for checks in one event that cost more than the length of their text."""

    phone_checks: int = PHONE_CHECKS_MAX
    candidates: int = CANDIDATES_MAX
    decodings: int = DECODINGS_MAX
    batch: BatchBudget = field(default_factory=BatchBudget)

    @property
    def is_spent(self) -> bool:
        return self.candidates < 0 or self.decodings < 0 or self.batch.work < 0


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a text: its key in snake case, prefixed by that of the surrounding object, and
    its budget."""

    keys: str
    budget: Budget

    @property
    def is_id(self) -> bool:
        return _ID_KEY.search(self.keys) is not None and _CARDS_KEY.search(self.keys) is None


Finder = Callable[[str, Place], Iterator[Span]]
_Check = Callable[["re.Match[str]", Place], bool]


def matches(
    pattern: "re.Pattern[str]", check: _Check | None = None, sign: str = "", group: int = 0
) -> Finder:
    def find(text: str, place: Place) -> Iterator[Span]:
        if sign in text:
            for match in pattern.finditer(text):
                place.budget.candidates -= 1
                if place.budget.candidates < 0:
                    return
                if check is None or check(match, place):
                    yield match.span(group)

    return find
