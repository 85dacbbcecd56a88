"""`GET /api/events/`: list events by filters, page by page."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.auth.principal import Scope as KeyScope
from app.dependencies import NoRepeats, NowDep, PrincipalDep, ReadsDep
from app.read.events import list_events as read_events
from app.read.filters import event_filter
from app.read.window import window_of
from app.routers.access import GuardedRoute, access
from app.routers.responses import JsonResponse, errors
from app.schemas.queries import EventQuery
from app.schemas.responses import EventPageResponse

router = APIRouter(tags=["query"], dependencies=[NoRepeats], route_class=GuardedRoute)


@router.get(
    "/",
    summary="List events",
    response_description="A page of events",
    response_model=EventPageResponse,
    responses=errors(422, 503),
)
@access(KeyScope.READ, users=True)
async def list_events(
    query: Annotated[EventQuery, Query()],
    reads: ReadsDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """Return a page of events, newest first by default. The values of a repeated parameter are
    combined with OR, different parameters with AND.

    To get the next page, pass `next_cursor` as `cursor`. Pages keep the window of the first page;
    they neither skip nor repeat events while new ones arrive.
    """
    window = window_of(query, now)
    filter_ = event_filter(query, principal.users(query.user_email), own=principal.is_user)
    page = await reads.ask(
        lambda session: read_events(
            session,
            filter_,
            window,
            limit=query.limit,
            order=query.order,
            cursor=query.cursor,
        )
    )
    return JsonResponse(page)
