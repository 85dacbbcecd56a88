"""What a user did, for those who read or learn from it: their last events, oldest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import text

from app.db import ReadSession
from app.read.window import Window

Purpose = Literal["ai_context", "learning"]


class PastEvent(NamedTuple):
    """An event, with what of its metadata says something to others: texts, or None. (A tuple, as
    thousands are made for each question.)"""

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

    @property
    def entity(self) -> tuple[str, str] | None:
        """Its thing, where it has one."""
        if self.entity_id is None:
            return None
        return self.entity_type or "", self.entity_id


@dataclass(frozen=True, slots=True)
class Past:
    """`events` ascend by `(event_timestamp, event_id)`; none where the user has opted out of what
    they are wanted for, or isn't known. `truncated` says that older ones were left out; `user_id`
    is None for who isn't known."""

    events: tuple[PastEvent, ...] = ()
    truncated: bool = False
    opted_out: bool = False
    user_id: int | None = None


# Not LATERAL, which Citus does not know how to spread: there is one row of `who` at most.
LAST_EVENTS = text(
    """
    WITH who AS MATERIALIZED (
      SELECT id, CASE WHEN :purpose = 'learning' THEN learning_opt_out ELSE ai_context_opt_out END
        OR analytics_opt_out AS opted_out
      FROM app_user WHERE email = :email
    )
    SELECT who.id, who.opted_out, event.*
    FROM who LEFT JOIN (
      SELECT event_id::text, event_timestamp, event_type, event_category, event_action, entity_type,
        entity_id, session_id, duration_ms, event_metadata ->> 'title' AS title,
        event_metadata ->> 'label' AS label, event_metadata ->> 'priority' AS priority,
        event_metadata ->> 'page' AS page, event_metadata ->> 'project' AS project
      FROM activity_event
      WHERE user_id = (SELECT id FROM who WHERE NOT opted_out)
        AND event_timestamp >= :start AND event_timestamp < :end
      ORDER BY event_timestamp DESC, activity_event.event_id DESC LIMIT :at_most
    ) AS event ON true
    """
)


async def read_past(
    session: ReadSession, email: str, window: Window, *, purpose: Purpose, at_most: int
) -> Past:
    """One user's last events in a window: one statement, off the primary key.

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
    if not rows:
        return Past()
    if rows[0].opted_out:
        return Past(opted_out=True, user_id=rows[0].id)
    found = [row for row in rows if row.event_id is not None]
    kept = found[:at_most]
    events = tuple(PastEvent._make(row[2:]) for row in reversed(kept))
    return Past(events, truncated=len(found) > at_most, user_id=rows[0].id)
