"""The only builder of WHERE: what was asked, as conditions on bound values."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    literal,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, UUID
from sqlalchemy.orm import InstrumentedAttribute

from app.db import ReadSession
from app.errors import InvalidRequest, UnreadableBody
from app.models import ActivityEvent, AppUser
from app.read.cursor import Cursor
from app.read.window import Window
from app.schemas.event_types import PAGE_VIEWED
from app.schemas.queries import EventFilterQuery
from app.schemas.strict_json import find_fault, parse_json


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Each field's values are any-of, the fields all-of; an empty field asks for nothing.

    `user_email` holds normalised addresses; `own` says that who asks is that very user, who may
    see what they have hidden from others; `metadata` is JSON text of an object that the event's
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


# The order of all lists of events, and what a cursor points to.
EVENT_KEY = (ActivityEvent.event_timestamp, ActivityEvent.event_id, ActivityEvent.user_id)
PAGE = ActivityEvent.event_metadata["page"].astext

_COLUMNS: dict[str, InstrumentedAttribute[Any]] = {
    "event_category": ActivityEvent.event_category,
    "event_type": ActivityEvent.event_type,
    "event_action": ActivityEvent.event_action,
    "entity_type": ActivityEvent.entity_type,
    "entity_id": ActivityEvent.entity_id,
    "session_id": ActivityEvent.session_id,
    "device_type": ActivityEvent.device_type,
}


def event_filter(
    query: EventFilterQuery, users: tuple[str, ...], *, own: bool = False
) -> EventFilter:
    """The filter that a request asks for, on the users that its caller may ask for.

    Raises:
        InvalidRequest: `metadata` is no JSON object that could be stored.
    """
    values = {name: tuple(getattr(query, name)) for name in _COLUMNS}
    return EventFilter(user_email=users, **values, metadata=_contained(query.metadata), own=own)


def _contained(metadata: str | None) -> str | None:
    if metadata is None:
        return None
    try:
        value = parse_json(metadata.encode("utf-8", "surrogatepass"))
    except UnreadableBody as error:
        raise InvalidRequest.of("metadata", error.message) from error
    if fault := find_fault(value, "metadata"):
        raise InvalidRequest.of(fault.field, fault.message)
    if not isinstance(value, dict):
        raise InvalidRequest.of("metadata", "must be a JSON object")
    return metadata


async def conditions(
    session: ReadSession, filter_: EventFilter, window: Window
) -> list[ColumnElement[bool]]:
    """The conditions of a statement on `activity_event`.

    Users are looked up first, so that the statement names ids: that is what the indexes and Citus'
    routing to one shard go by. A user who isn't known has no events.
    """
    found: list[ColumnElement[bool]] = [
        ActivityEvent.event_timestamp >= window.start,
        ActivityEvent.event_timestamp < window.end,
    ]
    if filter_.user_email:
        ids = await user_ids(session, filter_.user_email, hidden=filter_.own)
        found.append(_user_is_any_of(ids))
    else:
        found.append(ActivityEvent.user_id.not_in(select(AppUser.id).where(is_hidden())))
    for name, column in _COLUMNS.items():
        values: tuple[str, ...] = getattr(filter_, name)
        if len(values) == 1:
            found.append(column == values[0])
        elif values:
            found.append(column == any_(bindparam(None, list(values), type_=ARRAY(Text))))
    if filter_.metadata is not None:
        found.append(
            ActivityEvent.event_metadata.op("@>", is_comparison=True)(
                cast(bindparam(None, filter_.metadata, type_=Text), JSONB)
            )
        )
    return found


def beyond(cursor: Cursor) -> list[ColumnElement[bool]]:
    """Past the cursor. The condition on the time alone says nothing new, but prunes partitions."""
    at = literal(cursor.event_timestamp, TIMESTAMP(timezone=True))
    last = tuple_(at, literal(cursor.event_id, UUID(as_uuid=True)), cursor.user_id)
    if cursor.order == "asc":
        return [ActivityEvent.event_timestamp >= at, tuple_(*EVENT_KEY) > last]
    return [ActivityEvent.event_timestamp <= at, tuple_(*EVENT_KEY) < last]


def has_device() -> ColumnElement[bool]:
    return ActivityEvent.device_type.is_not(None)


def views_page() -> ColumnElement[bool]:
    """A `page_viewed` event that says which page."""
    return and_(ActivityEvent.event_type == PAGE_VIEWED, PAGE.is_not(None))


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
    statement = select(AppUser.id).where(
        AppUser.email == any_(bindparam(None, list(emails), type_=ARRAY(Text)))
    )
    if not hidden:
        statement = statement.where(not_(AppUser.analytics_opt_out))
    return list(await session.scalars(statement))


def _user_is_any_of(ids: list[int]) -> ColumnElement[bool]:
    if len(ids) == 1:
        return ActivityEvent.user_id == ids[0]
    return ActivityEvent.user_id.in_(ids)
