"""Top values: kinds of events, entities, users, metadata values."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    case,
    cast,
    func,
    null,
    select,
    true,
)

from app.analytics.counts import count_events
from app.analytics.result import NOWHERE, Provenance, Table
from app.analytics.rollup_counts import OTHER_KIND
from app.analytics.summary import counted_by, most_of
from app.database.sessions import ReadSession
from app.models import ActivityEvent, AppUser
from app.read.conditions import has_entity, has_value
from app.read.filters import EventFilter, compile_filter
from app.read.metadata_values import (
    FOR_TOP,
    as_text,
    check_key,
    constant,
    goes_with,
    json_value,
    text_of,
    type_of,
    value_at,
)
from app.read.window import Window

TopOf = Literal[
    "event_type", "event_category", "event_action", "device_type", "entity", "user", "metadata"
]
NO_VALUE = "No event in this window and filter has {key} in its metadata."
_PLACES = {"event_type": 0, "event_category": 1, "event_action": 2, "device_type": 3}


@dataclass(frozen=True, slots=True)
class TopRow:
    """`value` is a type, a category, ... or an entity's id, a user's email, or JSON of the metadata
    (None is its null); `entity_type` is that of an entity. `share` is of `Top.total_events`, from 0
    to 1."""

    value: Any
    entity_type: str | None
    events: int
    share: float


@dataclass(frozen=True, slots=True)
class Top:
    """The values with the most events, descending; equal ones by value. `total_events` are those
    that have a value, `other_events` those of them whose value is not listed; `distinct_values` how
    many values there are (of types and the like, as far as they are counted separately)."""

    by: TopOf
    key: str | None
    total_events: int
    distinct_values: int
    rows: list[TopRow]
    other_events: int = 0
    note: str | None = None
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        """Return the table, with value types if texts and numbers look the same."""
        columns: tuple[str, ...] = ("value", "entity_type", "events", "share")
        rows = [(each.value, each.entity_type, each.events, each.share) for each in self.rows]
        if self.by != "metadata":
            return Table(columns, rows)
        typed = [(text_of(value), *rest, type_of(value)) for value, *rest in rows]
        return Table((*columns, "value_type"), typed)


async def top(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    by: TopOf = "event_type",
    key: str | None = None,
    elements: bool = False,
    limit: int = 10,
) -> Top:
    """The `limit` values with the most events in a window.

    Args:
        key: the key of the metadata, or the path, whose values are wanted (`value_at`).
        elements: count the elements of lists, each once an event; what is no list is one of itself.

    Raises:
        InvalidRequest: a key or `elements` without `by` metadata, or `by` metadata without a key.
        TooExpensive: too many events that no total answers for.
    """
    check_key(key, needed=by == "metadata")
    if elements and key is None:
        raise goes_with("elements", f"is only allowed with `{FOR_TOP}`", "elements")
    if key is not None:
        return await _of_metadata(session, filter_, window, key, limit, elements=elements)
    if by in _PLACES:
        return await _of_kinds(session, filter_, window, by, limit)
    return await _of_events(session, filter_, window, by, limit)


async def _of_kinds(
    session: ReadSession, filter_: EventFilter, window: Window, by: TopOf, limit: int
) -> Top:
    counts = await count_events(session, filter_, window, hours=False)
    found = counted_by(counts, _PLACES[by])
    total = found.total() + counts.kinds.get(OTHER_KIND, [0])[0]
    listed = most_of(found, limit)
    rows = [TopRow(value, None, events, _share(events, total)) for value, events in listed.items()]
    other = total - sum(listed.values())
    about = Provenance(counts.source, counts.rows_read, truncated=other > 0)
    return Top(by, None, total, len(found), rows, other, about=about)


async def _of_events(
    session: ReadSession, filter_: EventFilter, window: Window, by: TopOf, limit: int
) -> Top:
    event = ActivityEvent
    nothing = cast(null(), Text)
    where = (await compile_filter(session, filter_, window)).where()
    group: tuple[ColumnElement[Any], ColumnElement[Any]]
    if by == "entity":
        where.append(has_entity())
        group = (event.entity_type.label("entity_type"), event.entity_id.label("value"))
    else:
        group = (nothing.label("entity_type"), event.user_id.label("value"))
    found = select(*group, func.count().label("events")).where(*where).group_by(*group).subquery()
    value: ColumnElement[Any] = found.c.value
    joined: FromClause = found
    if by == "user":
        value = AppUser.email.expression
        joined = found.join(AppUser, AppUser.id == found.c.value)
    events = found.c.events
    rows = (
        await session.execute(
            select(
                value.label("value"),
                found.c.entity_type,
                events,
                cast(func.sum(events).over(), BigInteger).label("total"),
                func.count().over().label("distinct_values"),
            )
            .select_from(joined)
            .order_by(events.desc(), value.collate("C"), found.c.entity_type.collate("C"))
            .limit(limit)
        )
    ).all()
    total, distinct = (rows[0].total, rows[0].distinct_values) if rows else (0, 0)
    return Top(
        by,
        None,
        total,
        distinct,
        [TopRow(each[0], each[1], each[2], _share(each[2], total)) for each in rows],
        total - sum(each[2] for each in rows),
        about=Provenance("events", total, truncated=distinct > limit),
    )


async def _of_metadata(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    key: str,
    limit: int,
    *,
    elements: bool,
) -> Top:
    where = (await compile_filter(session, filter_, window)).where()
    value = value_at(key)
    valued = select(value.label("value")).where(*where, has_value(value)).cte("valued")
    each: ColumnElement[Any] = valued.c.value
    values: FromClause = valued
    if elements:
        is_list = func.jsonb_typeof(each) == "array"
        as_list = case((is_list, each), else_=func.jsonb_build_array(each))
        # Twice in one list is one event.
        once = (
            select(func.jsonb_array_elements(as_list).label("value")).distinct().correlate(valued)
        )
        element = once.lateral("element")
        values, each = valued.join(element, true()), element.c.value
    events = func.count().label("events")
    grouped = select(each.label("value"), events).select_from(values).group_by(each).subquery()
    total: ColumnElement[Any] = cast(func.sum(grouped.c.events).over(), BigInteger)
    if elements:
        with_any = select(func.count()).where(valued.c.value != constant("[]"))
        total = with_any.scalar_subquery()
    shown = as_text(grouped.c.value)
    rows = (
        await session.execute(
            select(
                shown.label("value"),
                grouped.c.events,
                total.label("total"),
                func.count().over().label("distinct_values"),
            )
            .order_by(grouped.c.events.desc(), shown.collate("C"))
            .limit(limit)
        )
    ).all()
    all_events, distinct = (rows[0].total, rows[0].distinct_values) if rows else (0, 0)
    return Top(
        "metadata",
        key,
        all_events,
        distinct,
        [
            TopRow(json_value(row.value), None, row.events, _share(row.events, all_events))
            for row in rows
        ],
        0 if elements else all_events - sum(row.events for row in rows),
        None if rows else NO_VALUE.format(key=key),
        Provenance("events", all_events, truncated=distinct > limit),
    )


def _share(events: int, total: int) -> float:
    return round(events / total, 4)
