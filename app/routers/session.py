"""`GET /api/events/sessions`, and one in order: `GET /api/events/session/{session_id}`."""

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from app.db import ReadSession
from app.deps import NoRepeats, NowDep, PrincipalDep, ReadsDep
from app.read.events import EventPage, list_events
from app.read.filters import EventFilter
from app.read.session_list import list_sessions
from app.read.sessions import SessionSummary, session_summary
from app.read.window import AN_INSTANT, Window, window_of
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.answers import SessionAnswer, SessionPageAnswer
from app.schemas.queries import NamedSessionQuery, NormalName, SessionQuery, SessionsQuery

router = APIRouter(tags=["session"], dependencies=[NoRepeats], route_class=GuardedRoute)


@router.get(
    "/sessions",
    summary="List sessions",
    response_model=SessionPageAnswer,
    responses=errors(422, 503),
)
async def list_of_sessions(
    query: Annotated[SessionsQuery, Query()],
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Those that began in the window, newest first. Follow `next_cursor` for more."""
    window = window_of(query, now)
    filter_ = EventFilter(user_email=principal.users(query.user_email), own=principal.is_user)
    page = await reads.ask(
        lambda session: list_sessions(
            session, filter_, window, limit=query.limit, cursor=query.cursor
        )
    )
    return JsonResponse(page)


@router.get(
    "/session",
    summary="One session, by a parameter",
    response_model=SessionAnswer,
    responses=errors(404, 409, 422, 503),
)
async def session_by_parameter(
    query: Annotated[NamedSessionQuery, Query()], reads: ReadsDep, principal: PrincipalDep
) -> Response:
    """The same as `GET /api/events/session/{session_id}`, for any id.

    A client takes an id of `.` or `..` in a path for another path, and proxies take `//` for `/`.
    """
    return await _session(query.session_id, query, reads, principal)


@router.get(
    "/session/{session_id:path}",  # an id may hold a slash
    summary="One session: its summary and its events",
    response_model=SessionAnswer,
    responses=errors(404, 409, 422, 503),
)
async def session_events(
    session_id: Annotated[NormalName, Path(examples=["s-7f3a"])],
    query: Annotated[SessionQuery, Query()],
    reads: ReadsDep,
    principal: PrincipalDep,
) -> Response:
    """Oldest event first. The summary is of the whole session, whichever page is asked for.

    404 where there is no such session; 409 where several users have one of this id, until
    `user_email` says whose.
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
