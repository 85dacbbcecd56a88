"""What there is most of: kinds of events, entities, users, values in the metadata."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, FromClause, Text, cast, func, null, select

from app.db import ReadSession
from app.errors import InvalidRequest
from app.models import ActivityEvent, AppUser
from app.read.analytics.summary import counted_by, most_of
from app.read.answer import NOWHERE, About, Table
from app.read.conditions import has_entity, has_metadata_key
from app.read.counts import count_events
from app.read.filters import EventFilter, conditions
from app.read.window import Window

TopOf = Literal[
    "event_type", "event_category", "event_action", "device_type", "entity", "user", "metadata"
]
_PLACES = {"event_type": 0, "event_category": 1, "event_action": 2, "device_type": 3}


@dataclass(frozen=True, slots=True)
class TopRow:
    """`value` is a type, a category, ... or an entity's id, a user's email, a value as text;
    `entity_type` is that of an entity. `share` is of `Top.total_events`, from 0 to 1."""

    value: str | None
    entity_type: str | None
    events: int
    share: float


@dataclass(frozen=True, slots=True)
class Top:
    """The values with the most events, descending; equal ones by value. `total_events` are those
    that have a value, listed or not; `distinct_values` how many there are."""

    by: TopOf
    key: str | None
    total_events: int
    distinct_values: int
    rows: list[TopRow]
    about: About = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        rows = [(each.value, each.entity_type, each.events, each.share) for each in self.rows]
        return Table(("value", "entity_type", "events", "share"), rows)


async def top(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    by: TopOf = "event_type",
    key: str | None = None,
    limit: int = 10,
) -> Top:
    """The `limit` values with the most events in a window.

    Args:
        key: the key of the metadata whose values are wanted; text as it is, others as JSON.

    Raises:
        InvalidRequest: a key without `by` metadata, or the other way round.
        TooExpensive: too many events that no total answers for.
    """
    if (key is not None) != (by == "metadata"):
        raise InvalidRequest.of("key", "goes with by=metadata, which needs it")
    if by in _PLACES:
        return await _of_kinds(session, filter_, window, by, limit)
    return await _of_events(session, filter_, window, by, key, limit)


async def _of_kinds(
    session: ReadSession, filter_: EventFilter, window: Window, by: TopOf, limit: int
) -> Top:
    counts = await count_events(session, filter_, window, hours=False)
    found = counted_by(counts, _PLACES[by])
    total = found.total()
    rows = [
        TopRow(value, None, events, _share(events, total))
        for value, events in most_of(found, limit).items()
    ]
    truncated = counts.truncated or len(found) > limit
    about = About(counts.source, counts.rows_read, truncated=truncated)
    return Top(by, None, total, len(found), rows, about)


async def _of_events(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    by: TopOf,
    key: str | None,
    limit: int,
) -> Top:
    event = ActivityEvent
    nothing = cast(null(), Text)
    where = await conditions(session, filter_, window)
    group: tuple[ColumnElement[Any], ColumnElement[Any]]
    if by == "entity":
        where.append(has_entity())
        group = (event.entity_type.label("entity_type"), event.entity_id.label("value"))
    elif by == "user":
        group = (nothing.label("entity_type"), event.user_id.label("value"))
    else:
        where.append(has_metadata_key(key or ""))
        text = event.event_metadata[key].astext
        group = (nothing.label("entity_type"), text.label("value"))
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
        key,
        total,
        distinct,
        [TopRow(each[0], each[1], each[2], _share(each[2], total)) for each in rows],
        About("events", total, truncated=distinct > limit),
    )


def _share(events: int, total: int) -> float:
    return round(events / total, 4)
