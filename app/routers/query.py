"""`GET /api/events/`: events, filtered, page by page."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.deps import NoRepeats, NowDep, PrincipalDep, ReadsDep
from app.read.events import list_events
from app.read.filters import event_filter
from app.read.window import window_of
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.answers import EventPageAnswer
from app.schemas.queries import EventQuery

router = APIRouter(tags=["query"], dependencies=[NoRepeats], route_class=GuardedRoute)


@router.get(
    "/",
    summary="List events",
    response_model=EventPageAnswer,
    responses=errors(422, 503),
)
async def query_events(
    query: Annotated[EventQuery, Query()],
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Newest first by default. Repeated parameters mean any-of, different ones all-of.

    Follow `next_cursor` for more: pages neither skip nor repeat while events arrive, and keep the
    first page's window.
    """
    window = window_of(query, now)
    filter_ = event_filter(query, principal.users(query.user_email), own=principal.is_user)
    page = await reads.ask(
        lambda session: list_events(
            session,
            filter_,
            window,
            limit=query.limit,
            order=query.order,
            cursor=query.cursor,
        )
    )
    return JsonResponse(page)
