"""`GET /api/events/sessions` and `GET /api/events/session/{session_id}`."""

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from app.auth.principal import Scope as KeyScope
from app.database.sessions import ReadSession
from app.dependencies import NoRepeats, NowDep, PrincipalDep, ReadsDep
from app.read.events import EventPage, list_events
from app.read.filters import EventFilter
from app.read.session_list import list_sessions as read_sessions
from app.read.sessions import SessionSummary, session_summary
from app.read.window import AN_INSTANT, Window, window_of
from app.routers.access import GuardedRoute, access
from app.routers.responses import JsonResponse, errors
from app.schemas.queries import NamedSessionQuery, NormalName, SessionQuery, SessionsQuery
from app.schemas.responses import SessionPageResponse, SessionResponse

router = APIRouter(tags=["session"], dependencies=[NoRepeats], route_class=GuardedRoute)


@router.get(
    "/sessions",
    summary="List sessions",
    response_description="A page of sessions",
    response_model=SessionPageResponse,
    responses=errors(422, 503),
)
@access(KeyScope.READ, users=True)
async def list_sessions(
    query: Annotated[SessionsQuery, Query()],
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Return a page of the sessions that started in the window, newest first. To get the next page,
    pass `next_cursor` as `cursor`."""
    window = window_of(query, now)
    filter_ = EventFilter(user_email=principal.users(query.user_email), own=principal.is_user)
    page = await reads.ask(
        lambda session: read_sessions(
            session, filter_, window, limit=query.limit, cursor=query.cursor
        )
    )
    return JsonResponse(page)


@router.get(
    "/session",
    summary="Get a session by query parameter",
    response_description="The session and a page of its events",
    response_model=SessionResponse,
    responses=errors(404, 409, 422, 503),
)
@access(KeyScope.READ, users=True)
async def get_session_by_query(
    query: Annotated[NamedSessionQuery, Query()], reads: ReadsDep, principal: PrincipalDep
) -> Response:
    """Return the same as `GET /api/events/session/{session_id}`, for any session id.

    Ids such as `.` and `..`, or ids with `//`, do not survive in a path: clients and proxies
    normalise them.
    """
    return await _session(query.session_id, query, reads, principal)


@router.get(
    "/session/{session_id:path}",  # an id may hold a slash
    summary="Get a session",
    response_description="The session and a page of its events",
    response_model=SessionResponse,
    responses=errors(404, 409, 422, 503),
)
@access(KeyScope.READ, users=True)
async def get_session(
    session_id: Annotated[NormalName, Path(description="Session id.", examples=["s-7f3a"])],
    query: Annotated[SessionQuery, Query()],
    reads: ReadsDep,
    principal: PrincipalDep,
) -> Response:
    """Return a summary of a session and a page of its events, oldest first. The summary always
    covers the whole session.

    Status 404 means that the session does not exist, 409 that several users have a session with
    this id: select one with `user_email`.
    """
    return await _session(session_id, query, reads, principal)


async def _session(
    session_id: str, query: SessionQuery, reads: ReadsDep, principal: PrincipalDep
) -> Response:
    filter_ = EventFilter(
        user_email=principal.users(query.user_email),
        session_id=(session_id,),
        own=principal.is_user,
    )

    async def question(session: ReadSession) -> tuple[SessionSummary, EventPage]:
        whole = await session_summary(session, filter_)
        return whole, await list_events(
            session,
            replace(filter_, user_email=(whole.user_email or "",)),
            Window(whole.started_at, whole.ended_at + AN_INSTANT),
            limit=query.limit,
            order="asc",
            cursor=query.cursor,
            ids=[whole.user_id],
        )

    whole, page = await reads.ask(question)
    summary = {name: value for name, value in asdict(whole).items() if name != "user_id"}
    return JsonResponse(
        {
            "session_id": session_id,
            "summary": summary,
            "events": page.events,
            "next_cursor": page.next_cursor,
        }
    )
