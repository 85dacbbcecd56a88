"""`GET /api/events/export`: events as a file, of any size."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.deps import AdmissionDep, NoRepeats, NowDep, ReadsDep, ServiceDep
from app.read.export import ExportRequest, open_export
from app.read.filters import event_filter
from app.read.window import window_of
from app.routers.access import GuardedRoute
from app.routers.responses import FILES, ExportResponse, errors
from app.schemas.queries import ExportQuery

# A reader's file of events has no part of what users were promised.
EXCLUDED = "opt-outs, erasures, events of users who opted out of analytics"

router = APIRouter(tags=["export"], dependencies=[NoRepeats], route_class=GuardedRoute)


@router.get(
    "/export",
    summary="Export events as a file",
    status_code=200,
    response_class=ExportResponse,
    responses={200: FILES, **errors(422, 503)},
)
async def export_events(
    query: Annotated[ExportQuery, Query()],
    service: ServiceDep,
    reads: ReadsDep,
    now: NowDep,
    admission: AdmissionDep,
) -> Response:
    """Oldest first, streamed. Each line of NDJSON is an event as `GET /api/events/` has it.

    A download that broke goes on with `after`: without a header row, to be put to the end of the
    lines that arrived whole. A failure in the middle breaks the connection, so that a file that
    ends cleanly is whole. Broken Parquet can't be read at all: ask for it again, or in parts, by
    `limit` and `after`. A token that expires or a key that is revoked ends it so, too. 429 where
    the caller's share of exports is running, 503 where all are.
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
