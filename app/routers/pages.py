"""`GET /dashboard` and `GET /demo`: the pages that `frontend/web` is built into."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.routers.access import GuardedRoute
from app.routers.built import STATIC, built_file, not_built

WEB = STATIC / "web"
# Scripts are the page's own files alone: what is logged is shown there, and must never run.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
# Their names hold a hash of what is in them.
ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)


@router.get("/")
async def root() -> RedirectResponse:
    """The dashboard, where it is built."""
    return RedirectResponse("/dashboard" if is_built() else "/docs")


# Below each, the page itself knows where it is.
@router.api_route("/dashboard", methods=["GET", "HEAD"])
@router.api_route("/dashboard/{path:path}", methods=["GET", "HEAD"])
async def dashboard_page(request: Request) -> Response:
    return _page(request, "dashboard")


@router.api_route("/demo", methods=["GET", "HEAD"])
@router.api_route("/demo/{path:path}", methods=["GET", "HEAD"])
async def demo_page(request: Request) -> Response:
    return _page(request, "demo")


class Assets(StaticFiles):
    """What the pages load, kept by browsers for good."""

    def __init__(self) -> None:
        super().__init__(directory=WEB / "assets", check_dir=False)
        self.directory = None  # that it isn't there yet is said by `get_response`

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not is_built():
            raise not_built("This")
        response = await super().get_response(path, scope)
        response.headers.update(ASSET_HEADERS)
        return response


def is_built() -> bool:
    """Whether there is a dashboard to look at."""
    return (WEB / "dashboard.html").is_file()


def _page(request: Request, name: str) -> Response:
    return built_file(request, WEB / f"{name}.html", "text/html; charset=utf-8", HEADERS)
