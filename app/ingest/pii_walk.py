"""A value of JSON, gone through for personal data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.ingest.pii_finders import (
    WORK_OF_A_KEY,
    WORK_OF_A_TEXT,
    WORK_OF_AN_ITEM,
    BatchBudget,
    Budget,
    Place,
    SpentError,
)
from app.ingest.pii_key_names import Promise
from app.ingest.pii_keys import (
    KEY_KNOWN_MAX_CHARS,
    PAIR_KEYS,
    PAIR_VALUE,
    KeyRules,
    below,
    kept_promises,
    pair_name,
    snake,
)
from app.ingest.pii_shapes import SHAPES, is_cards_number
from app.ingest.pii_signs import is_worth_a_look
from app.ingest.pii_text import KEY_KIND, clean_text, find
from app.ingest.pii_values import has_shape

PII_NAMED_MAX = 20
PATH_MAX_CHARS = 200
_KIND_OF_PROMISE = {
    Promise.EMAIL: "email",
    Promise.PHONE: "phone",
    Promise.CARD: "card",
    Promise.IBAN: "iban",
    Promise.IP: "ip",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data: of what kind, and under which path. Never the data itself."""

    kind: str
    path: str


@dataclass(slots=True)
class Findings:
    """Findings: the first ones, and the number of the others."""

    named: list[Finding]
    more: int

    def note(self, kind: str, trail: list[str]) -> None:
        if len(self.named) < PII_NAMED_MAX:
            self.named.append(Finding(kind, "".join(trail)[:PATH_MAX_CHARS]))
        else:
            self.more += 1


@dataclass(frozen=True, slots=True)
class Known:
    """A key: what it promises, and how it may be shown."""

    promise: Promise | None
    shown: str


class Walk:
    """One value, gone through. Its path is put together for what is found and named only: one for
    each of many values below one very long key would cost the product of both."""

    def __init__(
        self, rules: KeyRules, known: Callable[[str], Known], field: str, batch: BatchBudget
    ) -> None:
        self.findings = Findings([], 0)
        self._rules = rules
        self._known = known
        self._trail = [field]
        self._budget = Budget(batch=batch)

    def clean_object(
        self, value: dict[str, Any], promise: Promise | None, around: str
    ) -> dict[str, Any]:
        """A copy of an object without personal data.

        Args:
            promise: what the key of an object around it promises.
            around: the nearest key around it.

        Raises:
            SpentError: there was more to look at than the budget has.
        """
        for name in value:
            # Each as if it were new: what is stored must not depend on what came before.
            long = len(name) > KEY_KNOWN_MAX_CHARS
            self._budget.batch.work -= WORK_OF_A_KEY + (4 * len(name) if long else 0)
        self._check()
        known = {name: self._known(name) for name in value}
        promises = {name: each.promise for name, each in known.items() if each.promise is not None}
        pair = pair_name(value)
        if pair is not None:
            promises = self._promises_of_pair(pair, promises)
        if promises:
            promises = kept_promises(value, around, promises)
        found: dict[str, Any] = {}
        for name, item in value.items():
            shown = known[name].shown
            own = promises.get(name)
            nested = own is None and promise is not None
            if nested and promise is not None:
                own = below(promise, name)
            self._trail.append(f".{shown}")
            if shown != name:
                self._note(shown.partition("[redacted:")[2].partition("]")[0])
                shown = free_name(shown, found)
            found[shown] = self._clean(
                item, own, nested, pair if pair and name == PAIR_VALUE else name, around
            )
            self._trail.pop()
        return found

    def _promises_of_pair(self, name: str, promises: dict[str, Promise]) -> dict[str, Promise]:
        """Return the promise of a name for its value, in an object that is such a pair. The name
        itself is not a person's."""
        self._budget.batch.work -= WORK_OF_A_KEY
        promised = self._known(name).promise
        if promised is None or promised is Promise.WEAK_NAME:
            return promises
        found = {key: promise for key, promise in promises.items() if key not in PAIR_KEYS}
        return found | {PAIR_VALUE: promised}

    def _clean(
        self, value: Any, promise: Promise | None, nested: bool, key: str, around: str
    ) -> Any:
        if isinstance(value, dict):
            return self.clean_object(value, promise, key)
        if isinstance(value, list):
            found = []
            self._budget.batch.work -= WORK_OF_AN_ITEM * len(value)
            self._check()
            for number, item in enumerate(value):
                self._trail.append(f"[{number}]")
                found.append(self._clean(item, promise, nested, key, around))
                self._trail.pop()
            return found
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            return value
        if promise is not None:
            length = len(value) if isinstance(value, str) else 0
            self._budget.batch.work -= WORK_OF_A_TEXT + length
            if has_shape(promise, value, nested=nested):
                kind = _KIND_OF_PROMISE.get(promise) or self._kind_of(value)
                self._note(kind)
                self._check()
                return f"[redacted:{kind}]"
        if isinstance(value, float):
            if not value.is_integer() or self._clean_number(int(value), key) == int(value):
                return value
            return "[redacted:card]"
        if isinstance(value, int):
            return self._clean_number(value, key)
        if not is_worth_a_look(value):
            return value
        place = Place(f"{snake(around)}_{snake(key)}", self._budget)
        text, kinds = clean_text(value, self._rules, place)
        for kind in kinds:
            self._note(kind)
        return text

    def _clean_number(self, value: int, key: str) -> Any:
        """Redact a number if it is a card number; a phone number has no shape of its own without a
        key."""
        if not 10**12 <= value < 10**19:
            return value
        self._budget.batch.work -= WORK_OF_AN_ITEM
        self._check()
        if not is_cards_number(str(value), Place(snake(key), self._budget)):
            return value
        self._note("card")
        return "[redacted:card]"

    def _kind_of(self, value: str | float) -> str:
        """Return the kind of a value that matches its key as a whole."""
        is_whole = isinstance(value, float) and value.is_integer()
        text = str(int(value)) if is_whole else str(value)
        for start, end, kind in find(text, self._rules, Place("", self._budget), SHAPES):
            if (start, end) == (0, len(text)):
                return kind
        return KEY_KIND

    def _check(self) -> None:
        if self._budget.is_spent:
            raise SpentError

    def _note(self, kind: str) -> None:
        self.findings.note(kind, self._trail)


def free_name(name: str, taken: dict[str, Any]) -> str:
    """The name, with a number behind it where it is taken."""
    if name not in taken:
        return name
    number = len(taken) + 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
