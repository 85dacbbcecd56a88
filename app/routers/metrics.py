"""`GET /metrics`: what Prometheus scrapes."""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.deps import NowDep, Service, ServiceDep
from app.errors import Unavailable
from app.routers.access import GuardedRoute
from app.watch.metrics import MEDIA_TYPE, exposition


class MetricsRoute(GuardedRoute):
    """Open on loopback while the database, which has the keys, can't be asked: that is when the
    metrics are looked at. Elsewhere a key of the environment is good at any time."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().handle(scope, receive, send)
        except Unavailable:
            service: Service = scope["app"].state.service
            if not service.settings.listens_on_loopback or service.settings.has_credentials:
                raise
            await self.answer(scope, receive, send)


router = APIRouter(tags=["health"], route_class=MetricsRoute)

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
    return Response(text, media_type=MEDIA_TYPE)
