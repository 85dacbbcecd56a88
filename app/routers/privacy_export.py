"""`GET /api/privacy/export`: everything that is kept of one user."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.deps import AdmissionDep, DatabaseDep, NoRepeats, NowDep, ServiceDep
from app.read.export import ExportRequest, open_export
from app.read.filters import EventFilter
from app.read.window import EVERYTHING
from app.routers.access import GuardedRoute
from app.routers.responses import FILES, ExportResponse, errors
from app.schemas.queries import PrivacyExportQuery

router = APIRouter(tags=["privacy"], dependencies=[NoRepeats], route_class=GuardedRoute)


@router.get(
    "/export",
    summary="Export everything that is kept of a user",
    status_code=200,
    response_class=ExportResponse,
    responses={200: FILES, **errors(404, 422, 503)},
)
async def export_user(
    query: Annotated[PrivacyExportQuery, Query()],
    service: ServiceDep,
    database: DatabaseDep,
    now: NowDep,
    admission: AdmissionDep,
) -> Response:
    """Their profile and opt-outs, and all of their events, oldest first.

    In NDJSON the first line has `"kind": "user"`, each other line `"kind": "event"`. CSV and
    Parquet hold the events alone. 404 where nothing is kept of such a user. What is said of
    `GET /api/events/export` about failures and `after` holds here, too.
    """
    email = admission.principal.user(query.user_email)
    request = ExportRequest(
        EventFilter(user_email=(email,), own=True),
        EVERYTHING,
        query.format,
        after=query.after,
        profile_of=email,
    )
    export = await open_export(request, database, service.exports, admission.principal.sharer)
    return ExportResponse(export, "activity-events-user", now, admission)
