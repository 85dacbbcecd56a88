"""`GET /dashboard` and `GET /demo`: the pages that `frontend/web` is built into."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from app.deps import SettingsDep
from app.errors import NotFound
from app.routers.access import GuardedRoute
from app.routers.built import STATIC, CompressedFiles, built_file, not_built
from app.settings import Settings

WEB = STATIC / "web"
# Scripts are the page's own files alone: what is logged is shown there, and must never run. Nor can
# it become HTML: the one policy that makes any (`frontend/web/src/start.tsx`) lets "" through.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'; trusted-types default"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
# Their names hold a hash of what is in them.
ASSET_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)


@router.get("/")
async def root(settings: SettingsDep) -> RedirectResponse:
    """The dashboard, where it is built and served; else the documentation."""
    if is_built() and "dashboard" in settings.pages:
        return RedirectResponse("/dashboard")
    require_page(settings, "docs")
    return RedirectResponse("/docs")


# Below each, the page itself knows where it is.
@router.get("/dashboard")
@router.get("/dashboard/{path:path}")
async def dashboard_page(request: Request, settings: SettingsDep) -> Response:
    return _page(request, settings, "dashboard")


@router.get("/demo")
@router.get("/demo/{path:path}")
async def demo_page(request: Request, settings: SettingsDep) -> Response:
    return _page(request, settings, "demo")


class Assets(CompressedFiles):
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


def require_page(settings: Settings, name: str) -> None:
    """Checks that a page is served.

    Raises:
        NotFound: the settings leave it out.
    """
    if name not in settings.pages:
        raise NotFound(f"This service has no such page: ACTIVITY_PAGES leaves out `{name}`.")


def _page(request: Request, settings: Settings, name: str) -> Response:
    require_page(settings, name)
    return built_file(request, WEB / f"{name}.html", "text/html; charset=utf-8", HEADERS)
