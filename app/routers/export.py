"""`GET /api/events/export`: download events as a file of any size."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.auth.principal import Scope as KeyScope
from app.dependencies import AdmissionDep, NoRepeats, NowDep, ReadsDep, ServiceDep
from app.read.export import ExportRequest, open_export
from app.read.filters import event_filter
from app.read.window import window_of
from app.routers.access import GuardedRoute, access
from app.routers.responses import FILES, ExportResponse, errors
from app.schemas.queries import ExportQuery

# An export with a `read` key does not carry opt-outs and erasures.
EXCLUDED = "opt-outs, erasures, events of users who opted out of analytics"

router = APIRouter(tags=["export"], dependencies=[NoRepeats], route_class=GuardedRoute)


@router.get(
    "/export",
    summary="Export events as a file",
    status_code=200,
    response_class=ExportResponse,
    responses={200: FILES, **errors(422, 503)},
)
@access(KeyScope.READ)
async def export_events(
    query: Annotated[ExportQuery, Query()],
    service: ServiceDep,
    reads: ReadsDep,
    now: NowDep,
    admission: AdmissionDep,
) -> Response:
    """Stream events as a file, oldest first. A line of NDJSON is an event as in `GET /api/events/`.

    If an error occurs, a token expires or a key is revoked during the download, the connection is
    aborted: a download that ends normally is complete. To resume an interrupted download, pass
    `after` and append the response, which has no header row, to the complete lines received so far.
    An interrupted Parquet file is unreadable: repeat the download, or split it by `limit` and
    `after`. Status 429 means that the caller has too many exports running, 503 that all callers
    together do.
    """
    window = window_of(query, now)
    request = ExportRequest(
        event_filter(query, tuple(query.user_email)),
        window,
        query.format,
        after=query.after,
        limit=query.limit,
    )
    export = await open_export(request, reads, service.exports, admission.principal.sharer)
    return ExportResponse(export, "activity-events", now, admission, excludes=EXCLUDED)
