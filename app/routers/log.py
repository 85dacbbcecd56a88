"""`POST /api/events/log`: log one event."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.auth.principal import Scope as KeyScope
from app.dependencies import now_of, principal_of, service_of
from app.errors import Details, error_body
from app.ingest.accept import accept_single
from app.ingest.results import EventResult
from app.observability.request_log import tell
from app.routers.access import access
from app.routers.ingest_body import IngestRoute, admitted_body, body_of
from app.routers.responses import JsonResponse, errors
from app.schemas.responses import SingleResponse

router = APIRouter(tags=["log"], route_class=IngestRoute)

EXAMPLE = {
    "user_email": "ada@example.com",
    "event_type": "project_created",
    "event_id": "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11",
    "event_timestamp": "2026-11-20T09:15:00.250Z",
    "entity_type": "project",
    "entity_id": "42",
    "metadata": {"priority": "high"},
    "session_id": "s-7f3a",
    "device_type": "desktop",
}


@router.post(
    "/log",
    status_code=201,
    summary="Log one event",
    response_description="The event was stored",
    response_model=SingleResponse,
    responses={
        200: {
            "model": SingleResponse,
            "description": "Not stored again (`duplicate`), or `suppressed`",
        },
        **errors(400, 408, 413, 415, 422, 503),
    },
    openapi_extra=body_of("SingleIn", EXAMPLE),
)
@access(KeyScope.WRITE, users=True, beacon=True, writes=True)
async def log_event(request: Request) -> Response:
    """Store one event. The response comes once the event is committed: 201 if it is new, 200 if it
    was already stored.

    The body has the fields of an event and of a batch side by side. Status 503 means that nothing
    was committed: repeat the same request.
    """
    service, now = service_of(request), now_of(request)
    body = await admitted_body(request, service)
    verdict = await accept_single(
        service.writer, body, now, service.settings, *principal_of(request).writes_as
    )
    tell(request.scope, verdict=verdict.status)
    if verdict.status == "rejected":
        return JsonResponse(_rejection(verdict), 422)
    answer = {
        "event_id": verdict.event_id,
        "status": verdict.status,
        "server_time": now,
        "warnings": verdict.warnings,
    }
    return JsonResponse(answer, 201 if verdict.status == "accepted" else 200)


def _rejection(verdict: EventResult) -> dict[str, Details]:
    return error_body(
        verdict.code or "rejected",
        f"{verdict.field}: {verdict.message}",
        {
            "event_id": verdict.event_id,
            "fields": [{"field": verdict.field, "message": verdict.message}],
        },
    )
