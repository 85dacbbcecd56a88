"""`POST /api/events/log/batch`: log many events, each with its own result."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.auth.principal import Principal
from app.auth.principal import Scope as KeyScope
from app.dependencies import now_of, principal_of, service_of
from app.errors import error_body
from app.ingest.accept import accept_batch
from app.ingest.results import BatchResult, without_reasons
from app.observability.request_log import tell
from app.routers.access import access
from app.routers.ingest_body import IngestRoute, admitted_body, body_of
from app.routers.responses import JsonResponse, errors
from app.schemas.responses import BatchResponse, RejectedBatchResponse

COUNTS = ("accepted", "duplicates", "suppressed", "rejected")

router = APIRouter(tags=["log"], route_class=IngestRoute)

EXAMPLE = {
    "user_email": "ada@example.com",
    "session_id": "s-7f3a",
    "device_type": "desktop",
    "sent_at": "2026-11-20T09:16:00Z",
    "events": [
        {
            "event_type": "project_created",
            "event_id": "0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11",
            "event_timestamp": "2026-11-20T09:15:00.250Z",
            "metadata": {"priority": "high"},
        },
        {
            "event_type": "email_opened",
            "event_id": "0199f7f2-6ba0-7c52-9d4e-51b0a9c8d772",
            "event_timestamp": "2026-11-20T09:15:04Z",
        },
    ],
}


@router.post(
    "/log/batch",
    summary="Log a batch of events",
    response_description="At least one event was accepted, or is a duplicate or suppressed",
    response_model=BatchResponse,
    responses={
        **errors(400, 408, 413, 415, 503),
        422: {"model": RejectedBatchResponse, "description": "None of the events is valid"},
    },
    openapi_extra=body_of("BatchIn", EXAMPLE),
)
@access(KeyScope.WRITE, users=True, beacon=True, writes=True)
async def log_batch(request: Request) -> Response:
    """Store the valid events of a batch; invalid ones do not affect the others.

    The response comes once all valid events are committed. `results` lists duplicates, suppressed
    events, rejected ones with code, field and message, and events with warnings. Status 422 means
    that every event is invalid: do not retry. Status 503 means that nothing was committed: repeat
    the same request.
    """
    service, now = service_of(request), now_of(request)
    body = await admitted_body(request, service)
    result = await accept_batch(
        service.writer, body, now, service.settings, *principal_of(request).writes_as
    )
    answer = _told(request, batch_answer(_as_known_to(principal_of(request), result), now))
    if result.rejected < result.received:
        return JsonResponse(answer)
    message = f"None of the {result.received} events is valid. `results` lists the reasons."
    return JsonResponse({**answer, **error_body("all_rejected", message)}, 422)


def _as_known_to(principal: Principal, result: BatchResult) -> BatchResult:
    """Remove the reasons for suppressed events, unless the caller may know them."""
    if not result.suppressed or principal.knows_privacy:
        return result
    return without_reasons(result)


def _told(request: Request, answer: dict[str, Any]) -> dict[str, Any]:
    """Add the counts of the response to the request's log line."""
    tell(request.scope, **{name: answer[name] for name in COUNTS})
    return answer


def batch_answer(result: BatchResult, server_time: datetime) -> dict[str, Any]:
    """Return the result as the body of a response."""
    return {
        "batch_id": result.batch_id,
        "received": result.received,
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "suppressed": result.suppressed,
        "rejected": result.rejected,
        "server_time": server_time,
        "results": result.results,
        "warnings": result.warnings,
    }
