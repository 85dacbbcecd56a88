"""The latest events of some users: what is common to all is learnt from them."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

from app.database.sessions import ReadSession
from app.read.order import order_sql
from app.read.window import Window

USERS_MAX = 100
EVENTS_MAX = 40_000
EVENTS_PER_USER_MAX = 2_000
# Those who were active last are found among so many events.
LATEST_MAX = 10_000


class SampledEvent(NamedTuple):
    """The part of an event that the model learns from."""

    event_timestamp: datetime
    user_id: int
    event_type: str
    session_id: str | None


LATEST = text(
    """
    SELECT DISTINCT user_id FROM (
      SELECT user_id FROM activity_event
      WHERE event_timestamp >= :start AND event_timestamp < :end
      ORDER BY event_timestamp DESC LIMIT :at_most
    ) AS latest
    """
)

WILLING = text(
    """
    SELECT id FROM app_user
    WHERE id = ANY(:ids) AND email IS NOT NULL AND NOT learning_opt_out AND NOT analytics_opt_out
    ORDER BY hashint8(id), id LIMIT :at_most
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

EVENTS_OF = text(
    f"""
    SELECT event_timestamp, user_id, event_type, session_id FROM activity_event
    WHERE user_id = :user_id AND event_timestamp >= :start AND event_timestamp < :end
    ORDER BY {order_sql("activity_event", descending=True)} LIMIT :at_most
    """  # noqa: S608 (our own names)
)


def events_per_user(users: int) -> int:
    """Fewer users are read further back."""
    return min(EVENTS_PER_USER_MAX, EVENTS_MAX // users)


async def read_sample(session: ReadSession, window: Window) -> list[SampledEvent]:
    """Read the sample, ascending by time: up to 40,000 events of 100 recently active users who have
    not opted out of learning. It uses many small statements, because no request waits for it.

    Raises:
        TooExpensive: one took too long.
    """
    between: dict[str, Any] = {"start": window.start, "end": window.end}
    latest = await session.scalars(LATEST, {**between, "at_most": LATEST_MAX})
    willing = await session.scalars(WILLING, {"ids": list(latest), "at_most": USERS_MAX})
    users = list(willing)
    found: list[SampledEvent] = []
    for user_id in users:
        rows = await session.execute(
            EVENTS_OF, {**between, "user_id": user_id, "at_most": events_per_user(len(users))}
        )
        found += (SampledEvent(*row) for row in reversed(rows.all()))
    # Stable: a user's events of one moment stay as they are.
    return sorted(found, key=lambda event: event.event_timestamp)
