"""Events themselves, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, Select, Text, cast, select

from app.db import ReadSession
from app.models import ActivityEvent, AppUser
from app.read.cursor import Cursor, Order, decode_cursor
from app.read.filters import EVENT_KEY, EventFilter, beyond, conditions
from app.read.window import Window

# As on the wire, in this order, after the user. JSON stays text: it is never parsed here.
_COLUMNS = (
    ActivityEvent.event_id,
    ActivityEvent.event_timestamp,
    ActivityEvent.event_type,
    ActivityEvent.event_category,
    ActivityEvent.event_action,
    ActivityEvent.entity_type,
    ActivityEvent.entity_id,
    cast(ActivityEvent.event_metadata, Text).label("event_metadata"),
    ActivityEvent.session_id,
    ActivityEvent.session_seq,
    ActivityEvent.device_type,
    cast(ActivityEvent.context_snapshot, Text).label("context_snapshot"),
    ActivityEvent.duration_ms,
    ActivityEvent.received_at,
    ActivityEvent.user_id,
)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events as they go out (`metadata` is the wire's name), and where the next page begins."""

    events: list[dict[str, Any]]
    next_cursor: str | None


async def list_events(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    limit: int,
    order: Order = "desc",
    cursor: str | None = None,
) -> EventPage:
    """One page of events by `(event_timestamp, event_id, user_id)`; `desc` is newest first.

    One user's pages are read off the primary key, everybody's off the index on
    `event_timestamp`, a session's off `(session_id, event_timestamp)`.

    Raises:
        BadCursor: the cursor is none of this list.
        TooExpensive: a filter that matches too rarely in too wide a window.
    """
    after = decode_cursor(cursor, order) if cursor is not None else None
    if after is not None:
        window = Window(after.start, after.end, window.timezone)
    where = await conditions(session, filter_, window)
    if after is not None:
        where += beyond(after)
    rows = (await session.execute(page_of(where, limit=limit + 1, order=order))).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return EventPage(
        events=[as_sent(row) for row in rows],
        next_cursor=_after(rows[-1], window, order).encode() if more else None,
    )


def page_of(
    where: Sequence[ColumnElement[bool]], *, limit: int, order: Order
) -> Select[tuple[Any, ...]]:
    """The first events of those conditions by `EVENT_KEY`, each with its user's email.

    There is no email where the user is being erased.
    """
    page = (
        select(*_COLUMNS)
        .where(*where)
        .order_by(*((key.asc() if order == "asc" else key.desc()) for key in EVENT_KEY))
        .limit(limit)
        .subquery()
    )
    keys = (page.c.event_timestamp, page.c.event_id, page.c.user_id)
    return (
        select(page, AppUser.email.label("user_email"))
        .join(AppUser, AppUser.id == page.c.user_id, isouter=True)
        .order_by(*((key.asc() if order == "asc" else key.desc()) for key in keys))
    )


def _after(row: Row[Any], window: Window, order: Order) -> Cursor:
    return Cursor(order, window.start, window.end, row.event_timestamp, row.event_id, row.user_id)


def as_sent(row: Row[Any]) -> dict[str, Any]:
    """The event as orjson is to write it, in the order of the wire's fields."""
    return {
        "event_id": str(row.event_id),
        "user_email": row.user_email,
        "event_timestamp": row.event_timestamp,
        "event_type": row.event_type,
        "event_category": row.event_category,
        "event_action": row.event_action,
        "entity_type": row.entity_type,
        "entity_id": row.entity_id,
        "metadata": orjson.Fragment(row.event_metadata),
        "session_id": row.session_id,
        "session_seq": row.session_seq,
        "device_type": row.device_type,
        "context_snapshot": (
            None if row.context_snapshot is None else orjson.Fragment(row.context_snapshot)
        ),
        "duration_ms": row.duration_ms,
        "received_at": row.received_at,
    }
