"""`GET /tracker.js`: the tracker, to be included by a script tag on any page."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.routers.access import GuardedRoute, public
from app.routers.static_files import STATIC, built_file

SCRIPT = STATIC / "tracker.js"
KEPT_SECONDS = 3600
HEADERS = {
    "Cache-Control": f"public, max-age={KEPT_SECONDS}",
    # Pages of other origins include it.
    "Cross-Origin-Resource-Policy": "cross-origin",
}

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)


@router.get("/tracker.js")
@public
async def tracker_script(request: Request) -> Response:
    return built_file(request, SCRIPT, "text/javascript; charset=utf-8", HEADERS)
