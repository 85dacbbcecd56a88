"""Parameters of queries, and their results."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypedDict

from activity_events.errors import Json

Values = str | Sequence[str]
PAGE_MAX_EVENTS = 1000


class Filters(TypedDict, total=False):
    """Filters of events. Several values of one filter match any of them; different filters must all
    match.

    `metadata` must be contained in the event's. The window is the last `days` x 24 hours, or from
    `start` to before `end`; `tz` is an IANA name. None means no filter.
    """

    event_category: Values | None
    event_type: Values | None
    event_action: Values | None
    entity_type: Values | None
    entity_id: Values | None
    session_id: Values | None
    device_type: Values | None
    metadata: Mapping[str, Any] | None
    days: int | None
    start: datetime | date | str | None
    end: datetime | date | str | None
    tz: str | None
    order: Literal["asc", "desc"] | None


@dataclass(frozen=True, slots=True)
class Page:
    events: list[Json]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """A user's recent activity for a prompt: `str()` is the text. `answer` is the full response,
    with the ids of the events behind each line."""

    answer: Json

    def __str__(self) -> str:
        return str(self.answer["text"])

    @property
    def lines(self) -> list[Json]:
        """Lines with `section`, `text`, `event_ids` and `events`, in the order of the text."""
        lines: list[Json] = self.answer["lines"]
        return lines

    @property
    def opted_out(self) -> bool:
        """Whether the user opted out; the text is empty then."""
        return bool(self.answer["opted_out"])


def params_of(given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return query parameters: without None, and several values as repeated parameters."""
    params: list[tuple[str, str]] = []
    for name, value in given.items():
        match value:
            case None:
                continue
            case datetime() | date():
                params.append((name, value.isoformat()))
            case Mapping():
                params.append((name, json.dumps(value, separators=(",", ":"))))
            case list() | tuple() | set() | frozenset():
                params.extend((name, str(each)) for each in value)
            case _:
                params.append((name, str(value)))
    return tuple(params)


def page_of(body: Json) -> Page:
    return Page(list(body["events"]), body["next_cursor"])


def context_of(body: Json) -> Context:
    if not isinstance(body["text"], str):
        raise TypeError("no text")
    return Context(body)
