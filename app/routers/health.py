"""`GET /health/...`: is the process up, and can it serve?"""

from fastapi import APIRouter
from starlette.responses import Response

from app.deps import NowDep, ServiceDep
from app.errors import Unavailable
from app.migrate import current_revision, is_behind
from app.privacy.retention import retention_state
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
    """The database answers and its migrations are current; 503 with the reason otherwise. One that
    a newer version has migrated will do.

    Retention that is `overdue` is said, and so is how far a read replica is (`exact`, `behind`,
    `late`, `lagging`, `foreign`, `unreachable`); neither is a reason not to serve.
    """
    async with service.database.read() as session:
        revision = await current_revision(await session.connection())
    if is_behind(revision, service.head_revision):
        raise Unavailable(
            f"The database is at migration {revision}, the service needs {service.head_revision}: "
            "run `activity-events migrate`.",
            code="migrations_pending",
        )
    return JsonResponse(
        {
            "status": "ok",
            "migration": revision,
            "ingest": service.writer.stats,
            "retention": await retention_state(service.database, service.settings, now),
            "replica": await service.replicas.state(),
        }
    )
