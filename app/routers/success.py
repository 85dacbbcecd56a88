"""`GET /api/admin/success-metrics`: four targets, and where they stand."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.deps import DatabaseDep, NoRepeats, NowDep, SettingsDep
from app.read.success import success_metrics as measured
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.success import SuccessAnswer, SuccessQuery

router = APIRouter(
    prefix="/api/admin", tags=["admin"], dependencies=[NoRepeats], route_class=GuardedRoute
)


@router.get(
    "/success-metrics",
    summary="Capture rate, overhead, use and errors",
    response_model=SuccessAnswer,
    responses=errors(422, 503),
)
async def success_metrics(
    query: Annotated[SuccessQuery, Query()],
    database: DatabaseDep,
    settings: SettingsDep,
    now: NowDep,
) -> Response:
    """Each with its target, whether it is met, how it is computed, and of how many."""
    found = await measured(database, settings, now, query.days)
    return JsonResponse({"days": query.days, "generated_at": now, "metrics": found})
