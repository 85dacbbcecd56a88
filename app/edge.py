"""What holds for every request and every answer: hosts, origins, headers."""

import re
from collections.abc import Collection
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.deps import Service
from app.errors import Forbidden, Unavailable
from app.read.export_formats import MEDIA_TYPES
from app.replica.reads import POSITION_HEADER
from app.routers.responses import JsonResponse
from app.settings import Settings

LOOPBACK_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)
PREFLIGHT_SECONDS = 7200  # the longest that Chromium keeps one
FILES = tuple(media_type.partition(";")[0] for media_type in MEDIA_TYPES.values())
GZIP_MIN_BYTES = 1024
GZIP_LEVEL = 4  # the next ones take twice as long, for a few hundredths less
METHODS = ("GET", "POST", "PUT", "DELETE")
REQUEST_HEADERS = (
    "Authorization",
    "X-API-Key",
    "Content-Type",
    "Content-Encoding",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-ID",
    "traceparent",
    POSITION_HEADER,
)
EXPOSED_HEADERS = (
    POSITION_HEADER,
    "Content-Disposition",
    "ETag",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
)

# As they go over the wire: every answer has them.
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
# Answers hold personal data: nobody on the way keeps them, and no page may draw them in.
DATA_HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
PAGE_HEADERS = {
    b"content-security-policy": b"default-src 'self'; script-src 'self' 'unsafe-inline'; "
    b"style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; "
    b"base-uri 'none'; form-action 'self'"
}


class Edge:
    """Refuses what local mode must not answer, and adds the headers that every answer has.

    In local mode a web page that the same browser has open must reach nothing: neither by a name
    of its own that leads to this machine (DNS rebinding), nor as another origin.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_security_headers(send)
        if self._settings.listens_on_loopback and not self._settings.has_credentials:
            refusal = await self._refusal(scope)
            if refusal is not None:
                answer = JsonResponse(refusal.body(), refusal.status)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Forbidden | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        own = LOOPBACK_HOST.fullmatch(host) is not None
        if own and (origin is None or origin in _origins_of(host)):
            return None
        if not await _is_local(scope):
            return None
        if not own:
            return Forbidden(
                "In local mode only localhost, 127.0.0.1 and [::1] are answered.",
                code="host_not_allowed",
            )
        if origin in self._settings.allowed_origins:
            return None
        return Forbidden(
            "In local mode no origin but the service's own is answered; name yours in "
            "ACTIVITY_ALLOWED_ORIGINS.",
            code="origin_not_allowed",
            details={"origin": origin},
        )


class Gzip(GZipMiddleware):
    """Compresses what is read, for those who take it; what is written is answered in few bytes.

    Files are sent as they are: they are made as fast as they are taken, page by page.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            minimum_size=GZIP_MIN_BYTES,
            compresslevel=GZIP_LEVEL,
            exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *FILES),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class Cors(CORSMiddleware):
    """CORS for the origins of the settings, and those that a key was made for."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        super().__init__(
            app,
            allow_origins=settings.allowed_origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )
        self._of_keys: Collection[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "origin" not in Headers(scope=scope):
            await self.app(scope, receive, send)
            return
        service: Service = scope["app"].state.service
        with suppress(Unavailable):  # then what was known last
            self._of_keys = await service.auth.origins()
        await super().__call__(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        return super().is_allowed_origin(origin) or origin in self._of_keys

    def preflight_response(self, request_headers: Headers) -> Response:
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        refusal = Forbidden(
            f"{bytes(answer.body).decode()}.",
            code="origin_not_allowed",
            details={"origin": request_headers["origin"]},
        )
        return JsonResponse(refusal.body(), refusal.status)


async def _is_local(scope: Scope) -> bool:
    service: Service = scope["app"].state.service
    try:
        return await service.auth.is_local()
    except Unavailable:
        return True  # nobody can tell: the stricter of the two


def _origins_of(host: str) -> tuple[str, str]:
    return (f"http://{host}", f"https://{host}")


def _with_security_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = dict(message["headers"])
            is_data = given.get(b"content-type", b"").startswith(b"application/json")
            defaults = DATA_HEADERS if is_data else PAGE_HEADERS
            message["headers"] = [
                *message["headers"],
                *SECURITY_HEADERS,
                *(pair for pair in defaults.items() if pair[0] not in given),
            ]
        await send(message)

    return sending
