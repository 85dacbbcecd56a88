"""`GET /metrics`: what Prometheus scrapes."""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response

from app.deps import NowDep, ServiceDep
from app.routers.access import GuardedRoute
from app.watch.metrics import MEDIA_TYPE, exposition

router = APIRouter(tags=["health"], route_class=GuardedRoute)

EXAMPLE = 'activity_events_total{verdict="accepted",code=""} 200.0\n'


@router.get(
    "/metrics",
    summary="What the service counts of itself",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}},
        }
    },
)
async def metrics(service: ServiceDep, now: NowDep) -> Response:
    """Counts and times, by templates of routes and by codes; nothing of a user. It answers also
    where the database doesn't, and says so (`activity_database_up`)."""
    await service.gauges.look(now)
    text = await asyncio.to_thread(exposition)
    return Response(text, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
