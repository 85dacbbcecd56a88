"""Sessions, page by page."""

from dataclasses import dataclass

from sqlalchemy import select

from app.database.sessions import ReadSession
from app.models import ActivitySession, AppUser
from app.read.conditions import SESSION_KEY, sessions_before, started_in
from app.read.cursor import SessionCursor, decode_session_cursor
from app.read.filters import EventFilter, of_users
from app.read.sessions import ListedSession, length_ms
from app.read.window import Window


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Sessions, newest first, and where the next page begins."""

    sessions: list[ListedSession]
    next_cursor: str | None


async def list_sessions(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    limit: int,
    cursor: str | None = None,
) -> SessionPage:
    """Return one page of the sessions that began in a window, of the filter's users or of all.

    Sessions descend by `(started_at, user_id, session_id)`; one user's are read from the index on
    `(user_id, started_at)`, those of all users from that on `(started_at, user_id)`.

    Raises:
        BadCursor: the cursor is none of this list.
    """
    after = decode_session_cursor(cursor) if cursor is not None else None
    if after is not None:
        window = Window(after.start, after.end, window.timezone)
    kept = ActivitySession
    where = [*started_in(window), *await of_users(session, filter_, kept.user_id)]
    if after is not None:
        where += sessions_before(after)
    page = (
        select(kept, AppUser.email)
        .join(AppUser, AppUser.id == kept.user_id, isouter=True)
        .where(*where)
        .order_by(*(each.desc() for each in SESSION_KEY))
        .limit(limit + 1)
    )
    rows = (await session.execute(page)).all()
    more, rows = len(rows) > limit, rows[:limit]
    sessions = [
        ListedSession(
            row.session_id,
            email,
            row.started_at,
            row.ended_at,
            length_ms(row.started_at, row.ended_at),
            row.events,
        )
        for row, email in rows
    ]
    return SessionPage(sessions, _after(rows[-1][0], window).encode() if more else None)


def _after(last: ActivitySession, window: Window) -> SessionCursor:
    return SessionCursor(window.start, window.end, last.started_at, last.user_id, last.session_id)
