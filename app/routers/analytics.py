"""`GET /api/events/analytics`: what happened, summed up."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.deps import DatabaseDep, NoRepeats, NowDep, PrincipalDep
from app.read.analytics.summary import summary
from app.read.filters import EventFilter
from app.read.window import resolve_window
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.answers import AnalyticsAnswer
from app.schemas.queries import AnalyticsQuery

router = APIRouter(
    prefix="/analytics", tags=["analytics"], dependencies=[NoRepeats], route_class=GuardedRoute
)

DAYS_DEFAULT = 7


@router.get(
    "",
    summary="Sum up a user's events, or everybody's",
    response_model=AnalyticsAnswer,
    responses=errors(422, 503),
)
async def analytics(
    query: Annotated[AnalyticsQuery, Query()],
    database: DatabaseDep,
    now: NowDep,
    principal: PrincipalDep,
) -> Response:
    """By default the last 7 x 24 hours; exact the moment a write is acknowledged.

    Counts descend (equal ones by name). `most_active_day` is the latest of equal days,
    `most_common_action` the first by name; both are null where nothing happened. `events_by_day`
    has every day the window touches, `events_by_hour` the 24 hours of the day, both local to `tz`.
    An event without a device counts as `unknown`.
    """
    window = resolve_window(
        now,
        days=query.days,
        start=query.start,
        end=query.end,
        tz=query.tz,
        default_days=DAYS_DEFAULT,
    )
    filter_ = EventFilter(user_email=principal.users(query.user_email))
    async with database.read() as session:
        found = await summary(session, filter_, window)
    echo = {"start": window.start, "end": window.end, "timezone": window.timezone}
    return JsonResponse(asdict(found) | echo)
