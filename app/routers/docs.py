"""`GET /docs`: the API, to read and to try; and `GET /openapi.json`, which that is made of."""

import hashlib
import re
from base64 import b64encode

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from app.routers.access import GuardedRoute
from app.routers.built import CompressedFiles, fixed_content

# The page's one inline script is known by its hash. Swagger UI makes HTML of the document's
# descriptions, which are ours; what a request answered is shown as text.
POLICY = (
    "default-src 'self'; script-src 'self' 'sha256-{}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
FILE_CACHE_CONTROL = "public, max-age=3600"

router = APIRouter(include_in_schema=False, route_class=GuardedRoute)


@router.get("/openapi.json")
async def openapi_document(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "openapi_json"):
        state.openapi_json = bytes(JSONResponse(request.app.openapi()).body)
    return fixed_content(request.headers, state.openapi_json, "application/json", {})


@router.get("/docs")
async def docs(request: Request) -> Response:
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{request.app.title} - API",
        swagger_js_url="/docs/static/swagger-ui-bundle.js",
        swagger_css_url="/docs/static/swagger-ui.css",
        swagger_favicon_url="/docs/static/favicon-32x32.png",
    )
    content = bytes(page.body)
    (script,) = INLINE_SCRIPT.findall(content)
    script_hash = b64encode(hashlib.sha256(script).digest()).decode()
    headers = {"Content-Security-Policy": POLICY.format(script_hash)}
    return fixed_content(request.headers, content, "text/html; charset=utf-8", headers)


class DocsFiles(CompressedFiles):
    """Swagger UI's files, from an installed package: the page needs no internet."""

    def __init__(self) -> None:
        super().__init__(packages=[("fastapi_swagger", "resources")])

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FILE_CACHE_CONTROL
        return response
