"""One session: who, when, what, and from which page to which."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text

from app.database.sessions import ReadSession
from app.errors import AmbiguousSession, NotFound
from app.read.filters import EventFilter
from app.read.order import order_sql
from app.schemas.event_types import PAGE_VIEWED

# A pause longer than this ends a session that has no id.
SESSION_GAP = timedelta(minutes=30)

TYPES_MAX = 1000


@dataclass(frozen=True, slots=True)
class ListedSession:
    """Times are aware UTC."""

    session_id: str
    user_email: str | None
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    total_events: int


@dataclass(frozen=True, slots=True)
class SessionSummary(ListedSession):
    """`events_by_type` descends by count, then by name; `user_id` is for what is read next."""

    events_by_type: dict[str, int]
    device_type: str | None
    first_page: str | None
    last_page: str | None
    user_id: int = field(default=0, compare=False)


# Whose it is: two rows where that is not clear.
WHOSE = text(
    """
    SELECT kept.user_id, kept.started_at, kept.ended_at, kept.events, app_user.email
    FROM activity_session AS kept LEFT JOIN app_user ON app_user.id = kept.user_id
    WHERE kept.session_id = :session_id AND (
      :everybody AND (app_user.id IS NULL
        OR app_user.email IS NOT NULL AND NOT app_user.analytics_opt_out)
      OR app_user.email = ANY(CAST(:emails AS text[])) AND (:own OR NOT app_user.analytics_opt_out))
    LIMIT 2
    """
)

# One row per type; every row repeats the values that a session has once.
WHAT = text(
    f"""
    WITH event AS MATERIALIZED (
      SELECT event_type, event_timestamp, session_seq, received_at, event_id, device_type,
        CASE WHEN event_type = :page_viewed THEN event_metadata ->> 'page' END AS page
      FROM activity_event
      WHERE session_id = :session_id AND user_id = :user_id
        AND event_timestamp >= :started_at AND event_timestamp <= :ended_at
    )
    SELECT event_type, count(*) AS events,
      (SELECT device_type FROM event WHERE device_type IS NOT NULL
        ORDER BY {order_sql("event", descending=True)} LIMIT 1) AS device_type,
      (SELECT page FROM event WHERE page IS NOT NULL
        ORDER BY {order_sql("event")} LIMIT 1) AS first_page,
      (SELECT page FROM event WHERE page IS NOT NULL
        ORDER BY {order_sql("event", descending=True)} LIMIT 1) AS last_page
    FROM event GROUP BY event_type ORDER BY count(*) DESC, event_type COLLATE "C" LIMIT :types_max
    """  # noqa: S608 (our own names)
)


async def session_summary(session: ReadSession, filter_: EventFilter) -> SessionSummary:
    """The whole session of the filter's one id, whichever page of its events is being read.

    `device_type` is that of the latest event that has one; a page is the `page` in the metadata of
    a `page_viewed` event. Two statements: on `activity_session`, and on the index
    `(session_id, event_timestamp)`.

    Raises:
        NotFound: there is no such session (of this user).
        AmbiguousSession: several users have a session of this id; `user_email` decides.
    """
    (session_id,) = filter_.session_id
    given = {
        "session_id": session_id,
        "everybody": not filter_.user_email,
        "emails": list(filter_.user_email),
        "own": filter_.own,
    }
    found = (await session.execute(WHOSE, given)).all()
    if not found:
        raise NotFound(f"Session {session_id!r} does not exist.")
    if len(found) > 1:
        raise AmbiguousSession(
            f"Several users have a session {session_id!r}. Set user_email to select one."
        )
    (kept,) = found
    given = {
        "session_id": session_id,
        "user_id": kept.user_id,
        "started_at": kept.started_at,
        "ended_at": kept.ended_at,
        "page_viewed": PAGE_VIEWED,
        "types_max": TYPES_MAX,
    }
    by_type = (await session.execute(WHAT, given)).all()
    first = by_type[0] if by_type else None
    return SessionSummary(
        session_id=session_id,
        user_email=kept.email,
        started_at=kept.started_at,
        ended_at=kept.ended_at,
        duration_ms=length_ms(kept.started_at, kept.ended_at),
        total_events=kept.events,
        events_by_type={row.event_type: row.events for row in by_type},
        device_type=first.device_type if first else None,
        first_page=first.first_page if first else None,
        last_page=first.last_page if first else None,
        user_id=kept.user_id,
    )


def length_ms(started_at: datetime, ended_at: datetime) -> int:
    """Duration from the session's first event to its last."""
    return round((ended_at - started_at).total_seconds() * 1000)
