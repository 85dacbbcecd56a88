"""Decide whether an event passes a filter without the database: as `filters.conditions` does."""

import json
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import text

from app.database.sessions import ReadSession
from app.read.filters import EventFilter

_FIELDS = (
    "user_email",
    "event_category",
    "event_type",
    "event_action",
    "entity_type",
    "entity_id",
    "session_id",
    "device_type",
)
# Budget of one comparison of metadata, about 10 ms of the event loop; PostgreSQL decides beyond.
STEPS_MAX = 100_000
STEPS_OF_A_PAIR = 4  # comparing two objects or lists costs as much as looking at so many scalars

CONTAINS = text("SELECT CAST(:value AS jsonb) @> CAST(:wanted AS jsonb)")


class _BudgetSpentError(Exception):
    """The comparison takes too many steps for the event loop."""


class Matcher:
    """A filter, parsed once for all events that it is compared with."""

    def __init__(self, filter_: EventFilter) -> None:
        values = {name: frozenset[str](getattr(filter_, name)) for name in _FIELDS}
        self._values = [(name, wanted) for name, wanted in values.items() if wanted]
        self._text = filter_.metadata
        self._wanted = None if filter_.metadata is None else _parse(filter_.metadata)

    def decide(self, event: dict[str, Any], metadata: str) -> bool | None:
        """Return whether an event passes; None where comparing its metadata takes too long here,
        and `ask` has to.

        Args:
            event: the event as it is sent.
            metadata: its metadata, as JSON text.
        """
        for name, wanted in self._values:
            if event[name] not in wanted:
                return False
        if self._wanted is None:
            return True
        try:
            return contains(_parse_event(metadata), self._wanted)
        except _BudgetSpentError:
            return None

    async def ask(self, session: ReadSession, metadata: str) -> bool:
        """Ask PostgreSQL whether the metadata contains what the filter wants."""
        values = {"value": metadata, "wanted": self._text}
        return bool((await session.execute(CONTAINS, values)).scalar_one())


def contains(value: Any, wanted: Any) -> bool:
    """Return whether `value @> wanted`, as PostgreSQL has it for jsonb: of an object each wanted
    key, of a list each wanted element somewhere in it.

    Raises:
        _BudgetSpentError: lists of objects or lists on both sides took too many steps.
    """
    return _Comparison().contains(value, wanted)


class _Comparison:
    """One comparison. Scalars are looked up by their hash; an object or a list that is wanted in a
    list has to be compared with each of its elements, which the budget bounds."""

    def __init__(self) -> None:
        self._steps = STEPS_MAX

    def contains(self, value: Any, wanted: Any) -> bool:
        if isinstance(wanted, dict):
            if not isinstance(value, dict):
                return False
            self._spend(STEPS_OF_A_PAIR + len(wanted))
            return all(
                key in value and self.contains(value[key], each) for key, each in wanted.items()
            )
        if isinstance(wanted, list):
            return isinstance(value, list) and self._list_contains(value, wanted)
        return not isinstance(value, dict | list) and _scalar(value) == _scalar(wanted)

    def _list_contains(self, value: list[Any], wanted: list[Any]) -> bool:
        self._spend(STEPS_OF_A_PAIR + len(value) + len(wanted))
        scalars, objects, lists = _sorted_out(wanted)
        own_scalars, own_objects, own_lists = _sorted_out(value)
        return (
            scalars <= own_scalars
            and self._each_in_some(own_objects, objects)
            and self._each_in_some(own_lists, lists)
        )

    def _each_in_some(self, values: list[Any], wanted: list[Any]) -> bool:
        return all(any(self.contains(value, each) for value in values) for each in wanted)

    def _spend(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise _BudgetSpentError


def _sorted_out(items: list[Any]) -> tuple[set[tuple[bool, Any]], list[Any], list[Any]]:
    """The scalars of a list, its objects, and its lists."""
    scalars: set[tuple[bool, Any]] = set()
    objects: list[Any] = []
    lists: list[Any] = []
    for item in items:
        if isinstance(item, dict):
            objects.append(item)
        elif isinstance(item, list):
            lists.append(item)
        else:
            scalars.add(_scalar(item))
    return scalars, objects, lists


def _scalar(value: Any) -> tuple[bool, Any]:
    """Equal where jsonb has them equal: in Python true is 1."""
    return isinstance(value, bool), value


def _parse(text: str) -> Any:
    """JSON with its numbers as they are written: a double holds 2^53 apart from its neighbours, and
    no further (jsonb has them all)."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


@lru_cache(maxsize=1)  # all readers compare one event before the next
def _parse_event(text: str) -> Any:
    return _parse(text)
