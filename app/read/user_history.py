"""A user's latest events, oldest first, for insights."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Row, text

from app.database.sessions import ReadSession
from app.read.order import order_sql
from app.read.window import Window

# Of a text in the metadata: nothing longer is told to anybody, and thousands are read at once.
TEXT_MAX_CHARS = 256

Purpose = Literal["ai_context", "learning"]


class PastEvent(NamedTuple):
    """An event, with what of its metadata says something to others: texts, or None; and its place
    in the user's past. (A tuple, as thousands are made for each question.)"""

    event_id: str
    event_timestamp: datetime
    event_type: str
    event_category: str
    event_action: str
    entity_type: str | None
    entity_id: str | None
    session_id: str | None
    duration_ms: int | None
    title: str | None
    label: str | None
    priority: str | None
    page: str | None
    project: str | None = None
    place: int = 0

    @property
    def order(self) -> tuple[datetime, int]:
        """Sort key: by time, and events of one moment as they were read."""
        return self.event_timestamp, self.place

    @property
    def entity(self) -> tuple[str, str] | None:
        """Its thing, where it has one."""
        if self.entity_id is None:
            return None
        return self.entity_type or "", self.entity_id


@dataclass(frozen=True, slots=True)
class Past:
    """`events` ascend by `EVENT_ORDER`; none where the user has opted out of what
    they are wanted for, or isn't known. `truncated` says that older ones were left out; `user_id`
    is None for who isn't known."""

    events: tuple[PastEvent, ...] = ()
    truncated: bool = False
    opted_out: bool = False
    user_id: int | None = None


_TEXTS = ", ".join(
    f"left(event_metadata ->> '{name}', {TEXT_MAX_CHARS}) AS {name}"
    for name in ("title", "label", "priority", "page", "project")
)

# Not LATERAL, which Citus does not know how to spread: there is one row of `who` at most.
LAST_EVENTS = text(
    f"""
    WITH who AS MATERIALIZED (
      SELECT id, CASE WHEN :purpose = 'learning' THEN learning_opt_out ELSE ai_context_opt_out END
        OR analytics_opt_out AS opted_out
      FROM app_user WHERE email = :email
    )
    SELECT who.id, who.opted_out, event.*
    FROM who LEFT JOIN (
      SELECT event_id::text, event_timestamp, event_type, event_category, event_action, entity_type,
        entity_id, session_id, duration_ms, {_TEXTS}
      FROM activity_event
      WHERE user_id = (SELECT id FROM who WHERE NOT opted_out)
        AND event_timestamp >= :start AND event_timestamp < :end
      ORDER BY {order_sql("activity_event", descending=True)} LIMIT :at_most
    ) AS event ON true
    """  # noqa: S608 (our own names)
)


async def read_past(
    session: ReadSession, email: str, window: Window, *, purpose: Purpose, at_most: int
) -> Past:
    """One user's last events in a window: one statement, off the index that begins with
    `(user_id, event_timestamp)`.

    Args:
        purpose: what for: who has opted out of it, or of analytics, has no past.
        at_most: so many, the latest.

    Raises:
        TooExpensive: it took too long.
    """
    given = {
        "email": email,
        "purpose": purpose,
        "start": window.start,
        "end": window.end,
        "at_most": at_most + 1,
    }
    rows = (await session.execute(LAST_EVENTS, given)).all()
    # Thousands of them would delay other requests.
    return await asyncio.to_thread(_past, rows, at_most)


def _past(rows: Sequence[Row[Any]], at_most: int) -> Past:
    if not rows:
        return Past()
    if rows[0].opted_out:
        return Past(opted_out=True, user_id=rows[0].id)
    found = [row for row in rows if row.event_id is not None]
    kept = found[:at_most]
    events = tuple(PastEvent._make((*row[2:], place)) for place, row in enumerate(reversed(kept)))
    return Past(events, truncated=len(found) > at_most, user_id=rows[0].id)
