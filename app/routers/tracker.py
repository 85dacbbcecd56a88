"""`GET /tracker.js`: the tracker, for a script tag on any page."""

import hashlib
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.errors import NotFound
from app.routers.access import GuardedRoute

SCRIPT = Path(__file__).parent.parent / "static" / "tracker.js"
KEPT_SECONDS = 3600
HEADERS = {
    "Cache-Control": f"public, max-age={KEPT_SECONDS}",
    # Pages of other origins draw it in; that is what it is for.
    "Cross-Origin-Resource-Policy": "cross-origin",
}

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)


@router.api_route("/tracker.js", methods=["GET", "HEAD"])
async def tracker_script(request: Request) -> Response:
    script, etag = _script(SCRIPT.stat().st_mtime_ns if SCRIPT.is_file() else None)
    headers = {**HEADERS, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(script, media_type="text/javascript; charset=utf-8", headers=headers)


@lru_cache(maxsize=1)
def _script(changed_at_ns: int | None) -> tuple[bytes, str]:
    """The file as it was last built, and its ETag."""
    if changed_at_ns is None:
        raise NotFound("tracker.js is not built: install Node.js 20 or later, and `make frontend`.")
    script = SCRIPT.read_bytes()
    return script, f'"{hashlib.sha256(script).hexdigest()[:16]}"'
