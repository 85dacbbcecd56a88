"""`DELETE /api/events/cleanup`: removing events for good."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.deps import DatabaseDep, NoRepeats, NowDep, SettingsDep
from app.privacy.remove import remove
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.answers import CleanupAnswer
from app.schemas.queries import CleanupQuery

router = APIRouter(
    prefix="/cleanup", tags=["cleanup"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.delete(
    "",
    summary="Delete old events, or a user's",
    response_model=CleanupAnswer,
    responses=errors(422, 503),
)
async def cleanup(
    query: Annotated[CleanupQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    now: NowDep,
) -> Response:
    """Deletes events older than `days` (by default the retention setting), of all users or of one.

    Of all users, months that are wholly past their retention go with their partitions. With
    `user_email` and without `days` the user is erased, as by `DELETE /api/privacy/user`, and
    `receipt` says so. `dry_run=true` only counts.
    Unknown or repeated parameters and `days=0` for all users are refused, so that a typo destroys
    nothing.
    """
    done = await remove(
        database,
        settings,
        now,
        days=query.days,
        user_email=next(iter(query.user_email), None),
        dry_run=query.dry_run,
    )
    return JsonResponse(done)
