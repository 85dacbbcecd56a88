"""`DELETE /api/events/cleanup`: delete events permanently."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.auth.principal import Scope as KeyScope
from app.dependencies import DatabaseDep, NoRepeats, NowDep, SettingsDep
from app.privacy.cleanup import remove
from app.routers.access import GuardedRoute, access
from app.routers.responses import JsonResponse, errors
from app.schemas.privacy import CleanupResponse
from app.schemas.queries import CleanupQuery

router = APIRouter(
    prefix="/cleanup", tags=["cleanup"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.delete(
    "",
    summary="Delete old events, or a user's events",
    response_description="The number of deleted events",
    response_model=CleanupResponse,
    responses=errors(422, 503),
)
@access(KeyScope.ADMIN, writes=True)
async def delete_events(
    query: Annotated[CleanupQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    now: NowDep,
) -> Response:
    """Delete events older than `days` (default: the configured retention), of all users or of one.

    For all users, partitions that are entirely older are dropped. With `user_email` but without
    `days`, the user is erased as by `DELETE /api/privacy/user`, and `receipt` confirms it.
    `dry_run=true` only counts. Unknown or repeated parameters, and `days=0` for all users, are
    rejected, so that a typo cannot delete anything.
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
