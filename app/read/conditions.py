"""Conditions beside the filters: on what is kept beside the events, and on single fields."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Interval,
    Subquery,
    and_,
    any_,
    literal,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import InstrumentedAttribute

from app.database.rollup_sql import Level
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
)
from app.read.metadata_filter import json_object
from app.read.order import EVENT_ORDER, order_of
from app.read.window import Window
from app.schemas.names import normalise_name
from app.schemas.strict_json import dump_json

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


def is_other_of(days: list[datetime]) -> Conditions:
    """The rows of `activity_rollup` for the kinds of some UTC days that are counted together. One
    search of the primary key for each day."""
    midnights = literal(days, ARRAY(TIMESTAMP(timezone=True)))
    return [
        ActivityRollup.level == int(Level.KIND_DAY),
        ActivityRollup.bucket == any_(midnights),
        ActivityRollup.event_type == "",
    ]


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
        return Step(normalise_name(given.strip()))
    step = json_object(given, "step")
    if not isinstance(step.get("event_type"), str) or not step.keys() <= {"event_type", "metadata"}:
        raise InvalidRequest.of(
            "step", "a JSON object must have an event_type, and can have metadata"
        )
    wanted = step.get("metadata")
    if wanted is not None and not isinstance(wanted, dict):
        raise InvalidRequest.of("step", "metadata must be a JSON object")
    event_type = normalise_name(step["event_type"])
    return Step(event_type, None if wanted is None else dump_json(wanted).decode())


def is_step(step: Step) -> ColumnElement[bool]:
    is_type = ActivityEvent.event_type == step.event_type
    return is_type if step.metadata is None else and_(is_type, has_metadata(step.metadata))


def begins(step: Step, before: datetime) -> ColumnElement[bool]:
    """An event of the step, from before then."""
    return and_(is_step(step), ActivityEvent.event_timestamp < before)


def is_beside(start: Subquery, direction: Direction, within: timedelta) -> Conditions:
    """Events of the same user after those of `start` (which has the columns of their order), or
    before them."""
    event, at = ActivityEvent, ActivityEvent.event_timestamp
    key, from_ = tuple_(*EVENT_ORDER), tuple_(*order_of(start.c))
    start_at = start.c.event_timestamp
    reach = literal(within, Interval)
    beside: Conditions = (
        [key > from_, at <= start_at + reach, at >= start_at]
        if direction == "after"
        else [key < from_, at >= start_at - reach, at <= start_at]
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


def has_value(value: ColumnElement[Any]) -> ColumnElement[bool]:
    return value.is_not(None)


def has_duration() -> ColumnElement[bool]:
    return ActivityEvent.duration_ms.is_not(None)


def has_no_session() -> ColumnElement[bool]:
    return ActivityEvent.session_id.is_(None)
