"""`GET /api/admin/success-metrics`: four targets and their current values."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.auth.principal import Scope as KeyScope
from app.dependencies import DatabaseDep, NoRepeats, NowDep, SettingsDep
from app.observability.success_metrics import success_metrics
from app.routers.access import GuardedRoute, access
from app.routers.responses import JsonResponse, errors
from app.schemas.success import SuccessQuery, SuccessResponse

router = APIRouter(
    prefix="/api/admin", tags=["admin"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.get(
    "/success-metrics",
    summary="Get success metrics",
    response_description="The metrics and their targets",
    response_model=SuccessResponse,
    responses=errors(422, 503),
)
@access(KeyScope.ADMIN)
async def get_success_metrics(
    query: Annotated[SuccessQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    now: NowDep,
) -> Response:
    """Return capture rate, overhead, usage and error rate, each with its target, whether the target
    is met, its definition and its sample size."""
    found = await success_metrics(database, settings, now, query.days)
    return JsonResponse({"days": query.days, "generated_at": now, "metrics": found})
