"""`GET /health/...`: is the process up, and can it serve?"""

from dataclasses import asdict

from fastapi import APIRouter
from starlette.responses import Response

from app.deps import NowDep, ServiceDep
from app.routers.access import GuardedRoute
from app.routers.responses import JsonResponse, errors
from app.schemas.answers import LiveAnswer, ReadyAnswer

router = APIRouter(prefix="/health", tags=["health"], route_class=GuardedRoute)


@router.get("/live", summary="The process is up", response_model=LiveAnswer)
async def live() -> Response:
    """Asks nothing else; for restarting a process that hangs."""
    return JsonResponse({"status": "ok"})


@router.get(
    "/ready",
    summary="The service can serve",
    response_model=ReadyAnswer,
    responses=errors(503),
)
async def ready(service: ServiceDep, now: NowDep) -> Response:
    """The database takes writes and its migrations are current; 503 with the reason otherwise. One
    that a newer version has migrated will do.

    Retention that is `overdue` is said, and so are erasures and opt-outs that are `unfinished`,
    and how far a read replica is (`exact`, `behind`, `late`, `lagging`, `foreign`, `unreachable`);
    none of them is a reason not to serve. All who ask within a second get the same answer.
    """
    return JsonResponse({"status": "ok", **asdict(await service.readiness.get(now))})
