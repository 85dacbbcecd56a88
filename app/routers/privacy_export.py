"""`GET /api/privacy/export`: download all data about a user."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.auth.principal import Scope as KeyScope
from app.dependencies import AdmissionDep, DatabaseDep, NoRepeats, NowDep, ServiceDep
from app.read.export import ExportRequest, open_export
from app.read.filters import EventFilter
from app.read.window import EVERYTHING
from app.routers.access import GuardedRoute, access
from app.routers.responses import FILES, ExportResponse, errors
from app.schemas.queries import PrivacyExportQuery

router = APIRouter(tags=["privacy"], dependencies=[NoRepeats], route_class=GuardedRoute)


@router.get(
    "/export",
    summary="Export all data about a user",
    status_code=200,
    response_class=ExportResponse,
    responses={200: FILES, **errors(404, 422, 503)},
)
@access(KeyScope.ADMIN, users=True)
async def export_user(
    query: Annotated[PrivacyExportQuery, Query()],
    service: ServiceDep,
    database: DatabaseDep,
    now: NowDep,
    admission: AdmissionDep,
) -> Response:
    """Stream a user's profile, opt-outs and all events, oldest first, as a file.

    In NDJSON, the first line has `"kind": "user"` and every other line `"kind": "event"`. CSV and
    Parquet contain the events only. Status 404 means that nothing is stored about the user. For
    interrupted downloads and `after`, see `GET /api/events/export`.
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
