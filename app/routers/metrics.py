"""`GET /metrics`: metrics for Prometheus."""

import asyncio

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.auth.principal import Scope as KeyScope
from app.dependencies import NowDep, Service, ServiceDep
from app.errors import Unavailable
from app.observability.metrics import MEDIA_TYPE, exposition
from app.routers.access import GuardedRoute, access


class MetricsRoute(GuardedRoute):
    """A route that is open on loopback while the database, which stores the keys, is unavailable:
    that is when metrics are needed. Elsewhere, keys from the environment work at any time."""

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
    summary="Get metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Metrics in the Prometheus text format",
            "content": {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}},
        }
    },
)
@access(KeyScope.METRICS)
async def get_metrics(service: ServiceDep, now: NowDep) -> Response:
    """Return counters and timings by route and code, without data about users. The route also works
    while the database is unavailable (`activity_database_up` is then 0)."""
    await service.gauges.look(now)
    text = await asyncio.to_thread(exposition)
    return Response(text, media_type=MEDIA_TYPE)
