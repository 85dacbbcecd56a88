"""`GET /dashboard` and `GET /demo`: the pages built from `frontend/web`."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from app.dependencies import SettingsDep
from app.errors import NotFound
from app.routers.access import GuardedRoute, public
from app.routers.static_files import STATIC, CompressedFiles, built_file, not_built
from app.settings import Settings

WEB = STATIC / "web"
# Only the page's own files may run as scripts: logged data is shown there and must never run. Nor
# can it become HTML: the only Trusted Types policy (`frontend/web/src/start.tsx`) accepts just "".
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'; trusted-types default"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
# Their names contain a hash of their content.
ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)


@router.get("/")
@public
async def root(settings: SettingsDep) -> RedirectResponse:
    """Redirect to the dashboard if it is built and served, otherwise to the documentation."""
    if is_built() and "dashboard" in settings.pages:
        return RedirectResponse(f"{settings.base_path}/dashboard")
    require_page(settings, "docs")
    return RedirectResponse(f"{settings.base_path}/docs")


# The pages route the paths below them.
@router.get("/dashboard")
@router.get("/dashboard/{path:path}")
@public
async def dashboard_page(request: Request, settings: SettingsDep) -> Response:
    return _page(request, settings, "dashboard")


@router.get("/demo")
@router.get("/demo/{path:path}")
@public
async def demo_page(request: Request, settings: SettingsDep) -> Response:
    return _page(request, settings, "demo")


class Assets(CompressedFiles):
    """Files that the pages load; browsers cache them permanently."""

    def __init__(self) -> None:
        super().__init__(directory=WEB / "assets", check_dir=False)
        self.directory = None  # `get_response` reports a folder that does not exist yet

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not is_built():
            raise not_built("This page")
        response = await super().get_response(path, scope)
        response.headers.update(ASSET_HEADERS)
        return response


def is_built() -> bool:
    """Tell whether the dashboard is built."""
    return (WEB / "dashboard.html").is_file()


def require_page(settings: Settings, name: str) -> None:
    """Check that a page is enabled.

    Raises:
        NotFound: the settings do not include the page.
    """
    if name not in settings.pages:
        raise NotFound(f"This page is not enabled. Add `{name}` to ACTIVITY_PAGES.")


def _page(request: Request, settings: Settings, name: str) -> Response:
    require_page(settings, name)
    file = WEB / f"{name}.html"
    return built_file(request, file, "text/html; charset=utf-8", HEADERS, settings.base_path)
