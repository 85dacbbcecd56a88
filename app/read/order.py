"""The order of events: by time; of one moment by the session's number, then as they arrived.

The events of a batch or a file arrive one microsecond after another (`EventRow.received_at`), so
that theirs is the order they were sent in. What has no number in its session comes before what has
one. Ids decide only between events that were stored before batches had an order.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, func, text

from app.models import ActivityEvent

NO_SEQ = -1
_SQL = ("event_timestamp", f"coalesce(session_seq, {NO_SEQ})", "received_at", "event_id")


def order_of(columns: Any) -> tuple[ColumnElement[Any], ...]:
    """The order of one user's events, ascending.

    No index holds all of it: one on `event_timestamp` does, and what is left to sort are the events
    of one moment.

    Args:
        columns: of `ActivityEvent`, or of a subquery that has the same names.
    """
    return (
        columns.event_timestamp,
        func.coalesce(columns.session_seq, text("-1")),
        columns.received_at,
        columns.event_id,
    )


def ordered(
    columns: Sequence[SQLColumnExpression[Any]], *, descending: bool
) -> list[ColumnElement[Any]]:
    """The same for ORDER BY."""
    return [each.desc() if descending else each.asc() for each in columns]


def order_sql(table: str, *, descending: bool = False) -> str:
    """The same in statements that are text."""
    names = (name.replace("(", f"({table}.") if "(" in name else f"{table}.{name}" for name in _SQL)
    return ", ".join(f"{name} DESC" if descending else name for name in names)


# One user's events, and all users': of lists, of exports, and what a cursor points to.
EVENT_ORDER = order_of(ActivityEvent)
EVENT_KEY = (*EVENT_ORDER, ActivityEvent.user_id)
