"""The only builder of WHERE: what was asked, as conditions on bound values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Text,
    any_,
    bindparam,
    cast,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, UUID
from sqlalchemy.orm import InstrumentedAttribute

from app.database.sessions import ReadSession
from app.models import (
    ActivityEvent,
    AppUser,
)
from app.read.cursor import Cursor, Order
from app.read.metadata_filter import json_text
from app.read.order import EVENT_KEY
from app.read.window import Window
from app.schemas.queries import StreamQuery


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Each field's values are any-of, the fields all-of; an empty field asks for nothing.

    `user_email` holds normalised addresses; `own` is true when the caller is that user, who
    can see what they have hidden from others; `metadata` is JSON text of an object that the event's
    metadata must contain.
    """

    user_email: tuple[str, ...] = ()
    event_category: tuple[str, ...] = ()
    event_type: tuple[str, ...] = ()
    event_action: tuple[str, ...] = ()
    entity_type: tuple[str, ...] = ()
    entity_id: tuple[str, ...] = ()
    session_id: tuple[str, ...] = ()
    device_type: tuple[str, ...] = ()
    metadata: str | None = None
    own: bool = False


Conditions = list[ColumnElement[bool]]

_COLUMNS: dict[str, InstrumentedAttribute[Any]] = {
    "event_category": ActivityEvent.event_category,
    "event_type": ActivityEvent.event_type,
    "event_action": ActivityEvent.event_action,
    "entity_type": ActivityEvent.entity_type,
    "entity_id": ActivityEvent.entity_id,
    "session_id": ActivityEvent.session_id,
    "device_type": ActivityEvent.device_type,
}


def event_filter(query: StreamQuery, users: tuple[str, ...], *, own: bool = False) -> EventFilter:
    """The filter that a request asks for, on the users that its caller may ask for.

    Raises:
        InvalidRequest: `metadata` is no JSON object that could be stored.
    """
    values = {name: tuple(getattr(query, name)) for name in _COLUMNS}
    metadata = None
    if query.metadata is not None:
        metadata = json_text(query.metadata, "metadata")
    return EventFilter(user_email=users, **values, metadata=metadata, own=own)


@dataclass(frozen=True, slots=True)
class Shape:
    """The parts of a filter that its SQL depends on: for each field whether it has no, one or more
    values (0, 1, 2); for `users`, -1 means all users."""

    users: int
    fields: tuple[int, ...]
    has_metadata: bool


@dataclass(frozen=True, slots=True)
class CompiledFilter:
    """A filter and a window as conditions on `activity_event`.

    Filters of one `shape` have the same SQL, so that a statement can be kept for it; `values` are
    its parameters, by name.
    """

    shape: Shape
    values: dict[str, Any]

    def where(self) -> Conditions:
        """Return the conditions with their values in them."""
        return _where(self.shape, self.values)


async def compile_filter(
    session: ReadSession, filter_: EventFilter, window: Window, ids: list[int] | None = None
) -> CompiledFilter:
    """Return a filter's conditions, with ids in place of its users' addresses.

    Users are looked up first, so that the statement names ids: that is what the indexes and Citus'
    routing to one shard go by. A user who isn't known has no events.

    Args:
        ids: the ids of the filter's users, where they are known.
    """
    if ids is None:
        ids = await user_ids(session, filter_.user_email, hidden=filter_.own)
    values: dict[str, Any] = {"start": window.start, "end": window.end}
    for name in _COLUMNS:
        if wanted := getattr(filter_, name):
            values[name] = wanted[0] if len(wanted) == 1 else list(wanted)
    if filter_.metadata is not None:
        values["metadata"] = filter_.metadata
    if filter_.user_email:
        values |= {"user_id": ids[0]} if len(ids) == 1 else {"user_ids": ids}
    shape = Shape(
        min(len(ids), 2) if filter_.user_email else -1,
        tuple(min(len(getattr(filter_, name)), 2) for name in _COLUMNS),
        filter_.metadata is not None,
    )
    return CompiledFilter(shape, values)


def where_of(shape: Shape) -> Conditions:
    """Return the conditions of all filters of a shape, with parameters for their values."""
    return _where(shape, None)


def _where(shape: Shape, values: dict[str, Any] | None) -> Conditions:
    def value(name: str, type_: Any) -> BindParameter[Any]:
        """A parameter by its name, or one that has its value."""
        if values is None:
            return bindparam(name, type_=type_)
        return bindparam(None, values[name], type_=type_)

    instant = TIMESTAMP(timezone=True)
    at = ActivityEvent.event_timestamp
    where: Conditions = in_range(at, value("start", instant), value("end", instant))
    for (name, column), count in zip(_COLUMNS.items(), shape.fields, strict=True):
        if count == 1:
            where.append(column == value(name, Text))
        elif count:
            where.append(column == any_(value(name, ARRAY(Text))))
    if shape.has_metadata:
        where.append(has_metadata(value("metadata", Text)))
    if shape.users < 0:
        return [*where, ActivityEvent.user_id.not_in(select(AppUser.id).where(is_hidden()))]
    if shape.users == 1:
        return [*where, ActivityEvent.user_id == value("user_id", BigInteger)]
    return [*where, ActivityEvent.user_id == any_(value("user_ids", ARRAY(BigInteger)))]


def has_metadata(text: str | BindParameter[str]) -> ColumnElement[bool]:
    """The event's metadata contains this JSON object."""
    wanted = bindparam(None, text, type_=Text) if isinstance(text, str) else text
    return ActivityEvent.event_metadata.op("@>", is_comparison=True)(cast(wanted, JSONB))


def any_value(column: InstrumentedAttribute[Any], values: Sequence[str]) -> Conditions:
    """Return the condition that a column has one of some values; none where there are none."""
    if not values:
        return []
    if len(values) == 1:
        return [column == values[0]]
    return [column == any_(bindparam(None, list(values), type_=ARRAY(Text)))]


def counts_kinds(filter_: EventFilter) -> bool:
    """Whether the rollups suffice: the filter is about all users, and at most about kinds."""
    return not (
        filter_.user_email
        or filter_.entity_type
        or filter_.entity_id
        or filter_.session_id
        or filter_.metadata
    )


def asks_for_kinds(filter_: EventFilter) -> bool:
    """Whether it asks for some kinds of events only."""
    return any(
        (filter_.event_type, filter_.event_category, filter_.event_action, filter_.device_type)
    )


def asks_for_one_user(filter_: EventFilter) -> bool:
    """Whether it is about one user, and about all of their events."""
    return len(filter_.user_email) == 1 and asks_for_users(filter_)


def in_range(at: InstrumentedAttribute[datetime], start: Any, end: Any) -> Conditions:
    """`start <= at < end`, of values or of columns."""
    return [at >= start, at < end]


async def of_users(
    session: ReadSession, filter_: EventFilter, user_id: InstrumentedAttribute[int]
) -> Conditions:
    """The rows of the filter's users, or of all who are not hidden, in any table of theirs."""
    if filter_.user_email:
        ids = await user_ids(session, filter_.user_email, hidden=filter_.own)
        return [user_id == ids[0] if len(ids) == 1 else user_id.in_(ids)]
    return [user_id.not_in(select(AppUser.id).where(is_hidden()))]


def asks_for_users(filter_: EventFilter) -> bool:
    """Whether the filter covers all events of some users, or of all users."""
    return filter_ == EventFilter(user_email=filter_.user_email, own=filter_.own)


def beyond(order: Order) -> Conditions:
    """Past the parameters of `values_beyond`. The condition on the time alone says nothing new, but
    prunes partitions, and is what an index is searched by."""
    at = bindparam("after_at", type_=TIMESTAMP(timezone=True))
    last = tuple_(
        at,
        bindparam("after_seq", type_=Integer),
        bindparam("after_received", type_=TIMESTAMP(timezone=True)),
        bindparam("after_id", type_=UUID(as_uuid=True)),
        bindparam("after_user", type_=BigInteger),
    )
    if order == "asc":
        return [ActivityEvent.event_timestamp >= at, tuple_(*EVENT_KEY) > last]
    return [ActivityEvent.event_timestamp <= at, tuple_(*EVENT_KEY) < last]


def values_beyond(cursor: Cursor) -> dict[str, Any]:
    """The parameters of `beyond`."""
    return {
        "after_at": cursor.event_timestamp,
        "after_seq": cursor.session_seq,
        "after_received": cursor.received_at,
        "after_id": cursor.event_id,
        "after_user": cursor.user_id,
    }


def is_hidden() -> ColumnElement[bool]:
    """A user who has opted out of analytics, or is being erased (partial index on `app_user`)."""
    return or_(AppUser.email.is_(None), AppUser.analytics_opt_out)


async def user_ids(
    session: ReadSession, emails: tuple[str, ...], *, hidden: bool = False
) -> list[int]:
    """The ids of those who are known, in no order (unique index on `app_user.email`).

    Args:
        hidden: also of those who have opted out of analytics.
    """
    statement = _IDS if hidden else _VISIBLE_IDS
    return list(await session.scalars(statement, {"emails": list(emails)}))


_IDS = select(AppUser.id).where(AppUser.email == any_(bindparam("emails", type_=ARRAY(Text))))
_VISIBLE_IDS = _IDS.where(not_(AppUser.analytics_opt_out))
