"""Conditions beside the filters: on what is kept beside the events, and on single fields."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Interval, Subquery, and_, literal, not_, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.errors import InvalidRequest
from app.models import (
    ActivityEvent,
    ActivityRollup,
    ActivitySession,
)
from app.read.cursor import SessionCursor
from app.read.filters import (
    Conditions,
    EventFilter,
    any_value,
    has_metadata,
    in_range,
    json_object,
)
from app.read.window import Window
from app.totals import Level

Direction = Literal["after", "before"]
# The order of sessions.
SESSION_KEY = (ActivitySession.started_at, ActivitySession.user_id, ActivitySession.session_id)


_TOTAL_COLUMNS: dict[str, InstrumentedAttribute[Any]] = {
    "event_category": ActivityRollup.event_category,
    "event_type": ActivityRollup.event_type,
    "event_action": ActivityRollup.event_action,
    "device_type": ActivityRollup.device_type,
}


def total_conditions(filter_: EventFilter, level: Level) -> Conditions:
    """The rows of `activity_rollup` on one level, of the filter's kinds."""
    found: Conditions = [ActivityRollup.level == int(level)]
    for name, column in _TOTAL_COLUMNS.items():
        found += any_value(column, getattr(filter_, name))
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """An event of one type; `metadata` is JSON text of an object that its metadata contains."""

    event_type: str
    metadata: str | None = None


def parse_step(given: str) -> Step:
    """A type of event, or a JSON object with `event_type` and `metadata`.

    Raises:
        InvalidRequest: it is neither.
    """
    if not given.lstrip().startswith("{"):
        return Step(given.strip())
    step = json_object(given, "step")
    if not isinstance(step.get("event_type"), str) or not step.keys() <= {"event_type", "metadata"}:
        raise InvalidRequest.of("step", "a JSON object has an event_type, and may have metadata")
    wanted = step.get("metadata")
    if wanted is not None and not isinstance(wanted, dict):
        raise InvalidRequest.of("step", "metadata must be a JSON object")
    return Step(step["event_type"], None if wanted is None else orjson.dumps(wanted).decode())


def is_step(step: Step) -> ColumnElement[bool]:
    is_type = ActivityEvent.event_type == step.event_type
    return is_type if step.metadata is None else and_(is_type, has_metadata(step.metadata))


def is_beside(start: Subquery, direction: Direction, within: timedelta) -> Conditions:
    """Events of the same user after those of `start` (`user_id`, `at`, `event_id`), or before them;
    those of one moment go by their ids."""
    event, at = ActivityEvent, ActivityEvent.event_timestamp
    key = tuple_(at, event.event_id)
    from_ = tuple_(start.c.at, start.c.event_id)
    reach = literal(within, Interval)
    beside: Conditions = (
        [key > from_, at <= start.c.at + reach, at >= start.c.at]
        if direction == "after"
        else [key < from_, at >= start.c.at - reach, at <= start.c.at]
    )
    return [event.user_id == start.c.user_id, *beside]


def started_in(window: Window) -> Conditions:
    """Sessions that began in the window."""
    return in_range(ActivitySession.started_at, window.start, window.end)


def sessions_before(last: SessionCursor) -> Conditions:
    """Past a page's last session, descending. The condition on the time alone says nothing new,
    but is what an index is searched by."""
    values = (last.started_at, last.user_id, last.session_id)
    return [
        ActivitySession.started_at <= last.started_at,
        tuple_(*SESSION_KEY) < tuple_(*(literal(value) for value in values)),
    ]


def carried_into(window: Window, *, long: bool) -> Conditions:
    """Sessions that began before the window and have an event in it: the `long` ones, or those
    that began a day before it at most."""
    table, start, end = ActivitySession, window.start, window.end
    in_window = (
        select(1)
        .select_from(ActivityEvent)
        .where(
            ActivityEvent.user_id == table.user_id,
            ActivityEvent.session_id == table.session_id,
            *in_range(ActivityEvent.event_timestamp, start, end),
        )
    )
    return [
        table.is_long.expression if long else not_(table.is_long),
        table.started_at < start,
        *([] if long else [table.started_at >= start - timedelta(days=1)]),
        table.ended_at >= start,
        # It ends in the window with an event; else there may be none in it.
        or_(table.ended_at < end, in_window.exists()),
    ]


def has_session() -> ColumnElement[bool]:
    return ActivityEvent.session_id.is_not(None)


def has_entity() -> ColumnElement[bool]:
    return ActivityEvent.entity_id.is_not(None)


def has_metadata_key(key: str) -> ColumnElement[bool]:
    """The metadata has this key at its top, with a value that is not null."""
    found: ColumnElement[bool] = ActivityEvent.event_metadata[key].astext.is_not(None)
    return found


def has_duration() -> ColumnElement[bool]:
    return ActivityEvent.duration_ms.is_not(None)


def has_no_session() -> ColumnElement[bool]:
    return ActivityEvent.session_id.is_(None)
