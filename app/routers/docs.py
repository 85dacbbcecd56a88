"""`GET /docs/`: the documentation. `GET /docs/api`: the API reference, from `GET /openapi.json`."""

import hashlib
import re
from base64 import b64encode
from functools import lru_cache
from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from app.errors import NotFound
from app.routers.access import GuardedRoute, public
from app.routers.static_files import (
    STATIC,
    CompressedFiles,
    base_path_of,
    built_file,
    fixed_content,
)

SITE = STATIC / "docs"
INDEX = "index.html"
PAGES_KEPT = 128
PATH_SHOWN_CHARS = 100
# The site's links are relative to the folder, so browsers go there. Without an icon, they would ask
# for `/favicon.ico`.
FORWARD = (
    b"<!doctype html><title>Documentation</title>"
    b'<link rel="icon" href="%b/docs/assets/images/favicon.png">'
    b'<meta http-equiv="refresh" content="0; url=%b/docs/">'
)
# A page's inline scripts are known by their hashes. Swagger UI makes HTML of the document's
# descriptions, which are ours; what a request answered is shown as text.
POLICY = (
    "default-src 'self'; script-src 'self' {}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
# Data blocks (`type="application/json"`) are not run, and need no hash.
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
FILE_CACHE_CONTROL = "public, max-age=3600"
CSP = "Content-Security-Policy"
HTML = "text/html; charset=utf-8"

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)


@router.get("/openapi.json")
@public
async def openapi_document(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "openapi_json"):
        state.openapi_json = bytes(JSONResponse(request.app.openapi()).body)
    return fixed_content(request.headers, state.openapi_json, "application/json", {})


@router.get("/docs")
@public
async def docs(request: Request) -> Response:
    """The documentation; where it isn't built, the API reference."""
    if not is_built():
        return _api_reference(request)
    # Not a redirect, as every path has the same status with and without its slash.
    page = FORWARD.replace(b"%b", base_path_of(request).encode())
    return fixed_content(request.headers, page, HTML, {CSP: policy_of(page)})


@router.get("/docs/api")
@public
async def api_reference(request: Request) -> Response:
    return _api_reference(request)


# After `/docs/static`, which is mounted.
@router.get("/docs/{path:path}")
@public
async def docs_page(request: Request, path: str) -> Response:
    """A page or file of the documentation.

    Raises:
        NotFound: the site has no such file, or it isn't built.
    """
    if path == "api/" or (not path and not is_built()):
        return _api_reference(request)
    return _site_file(request, path or INDEX)


class DocsFiles(CompressedFiles):
    """Swagger UI's files, from an installed package: the page needs no internet."""

    def __init__(self) -> None:
        super().__init__(packages=[("fastapi_swagger", "resources")])

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FILE_CACHE_CONTROL
        return response


def is_built() -> bool:
    """Whether `make docs` has built the site."""
    return (SITE / INDEX).is_file()


def policy_of(content: bytes) -> str:
    """The Content-Security-Policy of a page: it allows the inline scripts that the page has."""
    digests = (hashlib.sha256(script).digest() for script in INLINE_SCRIPT.findall(content))
    hashes = sorted({f"'sha256-{b64encode(digest).decode()}'" for digest in digests})
    return POLICY.format(" ".join(hashes))


def _api_reference(request: Request) -> Response:
    base_path = base_path_of(request)
    files = f"{base_path}/docs/static"
    page = get_swagger_ui_html(
        openapi_url=f"{base_path}/openapi.json",
        title=f"{request.app.title} - API",
        swagger_js_url=f"{files}/swagger-ui-bundle.js",
        swagger_css_url=f"{files}/swagger-ui.css",
        swagger_favicon_url=f"{files}/favicon-32x32.png",
    )
    content = bytes(page.body)
    return fixed_content(request.headers, content, HTML, {CSP: policy_of(content)})


def _site_file(request: Request, path: str) -> Response:
    if not is_built():
        raise NotFound("The documentation is not built: run `make docs`.")
    file = _site_files(SITE, (SITE / INDEX).stat().st_mtime_ns).get(path)
    if file is None or not file.is_file():
        raise NotFound(f"The documentation has no page {path[:PATH_SHOWN_CHARS]!r}.")
    media_type = guess_type(file.name)[0] or "application/octet-stream"
    if media_type != "text/html":
        return built_file(request, file, media_type, {"Cache-Control": FILE_CACHE_CONTROL})
    policy = _policy_of_file(file, file.stat().st_mtime_ns)
    return built_file(request, file, HTML, {CSP: policy, "Cache-Control": "no-cache"})


@lru_cache(maxsize=1)
def _site_files(site: Path, built_at_ns: int) -> dict[str, Path]:
    """Return the site's files by their paths: the path of a request never reaches the disk."""
    return {file.relative_to(site).as_posix(): file for file in site.rglob("*") if file.is_file()}


@lru_cache(maxsize=PAGES_KEPT)
def _policy_of_file(file: Path, changed_at_ns: int) -> str:
    return policy_of(file.read_bytes())
