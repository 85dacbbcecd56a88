"""One session: who, when, what, and from which page to which."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from app.db import ReadSession
from app.errors import AmbiguousSession, NotFound
from app.models import ActivityEvent, AppUser
from app.read.conditions import PAGE, has_device, views_page
from app.read.filters import EventFilter, conditions
from app.read.window import EVERYTHING

TYPES_MAX = 1000


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """Times are aware UTC; `events_by_type` descends by count, then by name."""

    session_id: str
    user_email: str | None
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    total_events: int
    events_by_type: dict[str, int]
    device_type: str | None
    first_page: str | None
    last_page: str | None


async def session_summary(session: ReadSession, filter_: EventFilter) -> SessionSummary:
    """The whole session of the filter's one id, whichever page of its events is being read.

    `device_type` is that of the latest event that has one; a page is the `page` in the metadata of
    a `page_viewed` event. Two statements, both on the index `(session_id, event_timestamp)`.

    Raises:
        NotFound: there is no such session (of this user).
        AmbiguousSession: several users have a session of this id; `user_email` decides.
    """
    (session_id,) = filter_.session_id
    where = await conditions(session, filter_, EVERYTHING)
    at = ActivityEvent.event_timestamp
    by_type = await session.execute(
        select(
            ActivityEvent.user_id,
            ActivityEvent.event_type,
            func.count().label("events"),
            func.min(func.min(at)).over().label("started_at"),
            func.max(func.max(at)).over().label("ended_at"),
            func.sum(func.count()).over().label("total_events"),
            # Over all rows, also those past the limit: another user must not hide behind it.
            func.min(ActivityEvent.user_id).over().label("first_user_id"),
            func.max(ActivityEvent.user_id).over().label("last_user_id"),
        )
        .where(*where)
        .group_by(ActivityEvent.user_id, ActivityEvent.event_type)
        .order_by(func.count().desc(), ActivityEvent.event_type.collate("C"))
        .limit(TYPES_MAX)
    )
    rows = by_type.all()
    if not rows:
        raise NotFound(f"There is no session {session_id!r}.")
    first = rows[0]
    if first.first_user_id != first.last_user_id:
        raise AmbiguousSession(
            f"Several users have a session {session_id!r}: say whose with user_email."
        )

    def one(
        value: ColumnElement[Any], has_one: ColumnElement[bool], *, last: bool
    ) -> ScalarSelect[Any]:
        keys = (at, ActivityEvent.event_id)
        ordered = [key.desc() for key in keys] if last else [key.asc() for key in keys]
        return select(value).where(*where, has_one).order_by(*ordered).limit(1).scalar_subquery()

    device: ColumnElement[Any] = ActivityEvent.device_type.expression
    ends = await session.execute(
        select(
            one(device, has_device(), last=True),
            one(PAGE, views_page(), last=False),
            one(PAGE, views_page(), last=True),
            select(AppUser.email).where(AppUser.id == first.user_id).scalar_subquery(),
        )
    )
    device_type, first_page, last_page, email = ends.one()
    return SessionSummary(
        session_id=session_id,
        user_email=email,
        started_at=first.started_at,
        ended_at=first.ended_at,
        duration_ms=round((first.ended_at - first.started_at).total_seconds() * 1000),
        total_events=int(first.total_events),
        events_by_type={row.event_type: row.events for row in rows},
        device_type=device_type,
        first_page=first_page,
        last_page=last_page,
    )
