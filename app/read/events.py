"""Events themselves, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Row,
    Select,
    Text,
    bindparam,
    cast,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute

from app.database.sessions import ReadSession
from app.models import ActivityEvent, AppUser
from app.read.cursor import Cursor, Order, decode_cursor
from app.read.filters import (
    EventFilter,
    Shape,
    beyond,
    compile_filter,
    values_beyond,
    where_of,
)
from app.read.order import EVENT_KEY, NO_SEQ, order_of, ordered
from app.read.window import Window
from app.schemas.export_fields import EXPORT_FIELDS

STATEMENTS_KEPT = 256


def _as_read(column: InstrumentedAttribute[Any]) -> Any:
    """Return the column, JSON as text: it is never parsed here."""
    is_json = isinstance(column.type, JSONB)
    return cast(column, Text).label(column.key) if is_json else column


# As on the wire, in this order, after the user.
_COLUMNS = (
    *(
        _as_read(getattr(ActivityEvent, name))
        for name in EXPORT_FIELDS.values()
        if name != "user_email"
    ),
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
    ids: list[int] | None = None,
) -> EventPage:
    """Return one page of events by `EVENT_KEY`; `desc` is newest first.

    One user's pages are read from the index that begins with `(user_id, event_timestamp)`, those of
    all users from that on `event_timestamp`, a session's from `(session_id, event_timestamp)`; only
    events of one moment are sorted.

    Args:
        ids: of the filter's users, where they are known.

    Raises:
        BadCursor: the cursor is none of this list.
        TooExpensive: a filter that matches too rarely in too wide a window.
    """
    after = decode_cursor(cursor, order) if cursor is not None else None
    if after is not None:
        window = Window(after.start, after.end, window.timezone)
    compiled = await compile_filter(session, filter_, window, ids)
    values = compiled.values | {"limit": limit + 1}
    if after is not None:
        values |= values_beyond(after)
    statement = _page(compiled.shape, order, after is not None)
    rows = (await session.execute(statement, values)).all()
    more = len(rows) > limit
    rows = rows[:limit]
    return EventPage(
        events=[as_sent(row) for row in rows],
        next_cursor=cursor_at(rows[-1], window, order).encode() if more else None,
    )


@lru_cache(maxsize=STATEMENTS_KEPT)
def _page(shape: Shape, order: Order, is_beyond: bool) -> Select[tuple[Any, ...]]:
    """Putting a statement together takes as long as running it: each shape's is kept."""
    where = where_of(shape) + (beyond(order) if is_beyond else [])
    return page_of(where, limit=bindparam("limit", type_=Integer), order=order)


def page_of(
    where: Sequence[ColumnElement[bool]], *, limit: int | BindParameter[int], order: Order
) -> Select[tuple[Any, ...]]:
    """The first events of those conditions by `EVENT_KEY`, each with its user's email.

    There is no email where the user is being erased.
    """
    descending = order == "desc"
    page = (
        select(*_COLUMNS)
        .where(*where)
        .order_by(*ordered(EVENT_KEY, descending=descending))
        .limit(limit)
        .subquery()
    )
    keys = (*order_of(page.c), page.c.user_id)
    return (
        select(page, AppUser.email.label("user_email"))
        .join(AppUser, AppUser.id == page.c.user_id, isouter=True)
        .order_by(*ordered(keys, descending=descending))
    )


def cursor_at(row: Row[*tuple[Any, ...]], window: Window, order: Order) -> Cursor:
    """Return the cursor of a page that ends with this row."""
    return Cursor(
        order,
        window.start,
        window.end,
        row.event_timestamp,
        NO_SEQ if row.session_seq is None else row.session_seq,
        row.received_at,
        row.event_id,
        row.user_id,
    )


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
