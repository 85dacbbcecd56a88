"""`GET /health/...`: liveness and readiness of the service."""

from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from app import __version__
from app.dependencies import NowDep, ServiceDep
from app.observability.build_info import commit
from app.routers.access import GuardedRoute, public
from app.routers.responses import JsonResponse, errors
from app.schemas.health import LiveResponse, ReadyResponse

router = APIRouter(prefix="/health", tags=["health"], route_class=GuardedRoute)


@router.get(
    "/live",
    summary="Check liveness",
    response_description="The process is running",
    response_model=LiveResponse,
)
@public
async def get_liveness() -> Response:
    """Answer if the process is running, without checking anything else. Use it to restart a process
    that hangs."""
    return JsonResponse({"status": "ok"})


@router.get(
    "/ready",
    summary="Check readiness",
    response_description="The service is ready",
    response_model=ReadyResponse,
    responses=errors(503),
)
@public
async def get_readiness(service: ServiceDep, now: NowDep) -> Response:
    """Check that the database accepts writes and its migrations are up to date (or newer); answer
    503 with the reason otherwise.

    The response also reports whether retention is `overdue`, `unfinished` erasures and opt-outs,
    and the state of a read replica; none of these makes the service unready. The result is cached
    for a second.
    """
    return JsonResponse(
        {
            "status": "ok",
            **asdict(await service.readiness.get(now)),
            "version": __version__,
            "commit": commit(),
        }
    )
