"""Middleware for all requests and responses: hosts, origins, headers."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.dependencies import Service
from app.errors import ActivityError, Forbidden, InvalidRequest, MalformedRequest, Unavailable
from app.ingest.body import SIMPLE_TYPES, media_type_of
from app.read.export_formats import MEDIA_TYPES
from app.replica.reads import POSITION_HEADER
from app.routers.responses import JsonResponse
from app.server.fair_scheduling import Turns
from app.server.local_mode import refusal
from app.server.refused_origins import (
    CODE,
    METHODS,
    RefusedOrigins,
    is_preflight,
    preflight_answer,
    readable,
    refused,
)
from app.settings import Settings

PREFLIGHT_SECONDS = 7200  # the longest that Chromium keeps one
FILES = tuple(media_type.partition(";")[0] for media_type in MEDIA_TYPES.values())
GZIP_MIN_BYTES = 1024
QUERY_PAIRS_MAX = 1000  # repeated ones included
# Proxies and libraries differ in which of two they take.
GIVEN_ONCE = frozenset({b"host", b"authorization", b"x-api-key", b"origin"})
STATUSES_WITHOUT_WHOLE_BODY = frozenset({204, 206, 304})
GZIP_LEVEL = 4  # the next ones take twice as long, for a few hundredths less
# Tracing adds headers of its own to every request of a page (baggage, sentry-trace, newrelic): a
# trusted origin may send any. This is the bound of what is repeated to it.
ASKED_HEADERS_MAX_CHARS = 4096
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PORT = re.compile(r":\d+$")
DEFAULT_PORTS = frozenset({80, 443})
DATA_PATHS = ("/api/", "/mcp")
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
# Whatever says nothing else of itself holds personal data, in any format: nobody keeps it, and no
# page may draw it in. Pages, scripts and other files bring headers of their own.
DATA_HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"private, no-store",
}


class EdgeMiddleware:
    """Let requests begin in turn (`app.server.fair_scheduling`), refuse what local mode must not
    answer (`app.server.local_mode`), and add the headers that every response has."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._allowed_origins = settings.allowed_origins
        self._may_be_local = settings.may_be_local
        self._turns = Turns()
        self._refused = RefusedOrigins()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._turns.wait(scope)
        send = _with_security_headers(send)
        headers = dict(scope["headers"])
        fault: ActivityError | None = _too_many_parameters(scope)
        if len(headers) < len(scope["headers"]):
            fault = _given_twice(scope) or fault
        if fault is not None:
            await JsonResponse(fault.body(), fault.status)(scope, receive, send)
            return
        if self._may_be_local:
            found = await self._refusal(scope, headers)
            if found is not None:
                await self._answer_refusal(found, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer_refusal(
        self, found: Forbidden, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request_headers = Headers(scope=scope)
        answer: Response = JsonResponse(found.body(), found.status)
        if found.code == CODE and "origin" in request_headers:
            if is_preflight(scope):
                answer = preflight_answer(request_headers)
            else:
                self._refused.note(request_headers["origin"])
                send = readable(send, request_headers["origin"])
        await answer(scope, receive, send)

    async def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Forbidden | None:
        found = refusal(scope, headers, self._allowed_origins)
        return found if found is not None and await _is_local(scope) else None


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
        elif scope["type"] == "http" and scope["method"] == "HEAD":
            await self.app(scope, receive, self._with_vary(send))
        else:
            await self.app(scope, receive, send)

    def _with_vary(self, send: Send) -> Send:
        """Add to a HEAD the `Vary` that its GET has, which depends on a body that is not made."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self._is_compressible(message):
                MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
            await send(message)

        return sending

    def _is_compressible(self, start: Message) -> bool:
        headers = Headers(raw=start["headers"])
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        media_types = {media_type, f"{media_type.partition('/')[0]}/*"}
        return (
            start["status"] not in STATUSES_WITHOUT_WHOLE_BODY
            and "content-encoding" not in headers
            and media_types.isdisjoint(self.exclude_content_types)
            # Without its length, a body is streamed, and is compressed whatever its length.
            and int(headers.get("content-length", GZIP_MIN_BYTES)) >= GZIP_MIN_BYTES
        )


class Cors(CORSMiddleware):
    """CORS for the origins of the settings, and those that a key was made for."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        super().__init__(
            app,
            allow_origins=settings.allowed_origins,
            allow_methods=METHODS,
            allow_headers=("*",),
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_SECONDS,
        )
        self._of_keys: Collection[str] = ()
        self._refused = RefusedOrigins()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if "origin" not in headers:
            await self.app(scope, receive, send)
            return
        origin = headers["origin"]
        service: Service = scope["app"].state.service
        with suppress(Unavailable):  # then what was known last
            self._of_keys = await service.auth.origins()
        send = self._noting(scope, send, origin)
        if is_preflight(scope) or self.is_allowed_origin(origin):
            await super().__call__(scope, receive, send)
        elif _is_same_origin(scope, headers) or _is_public(scope):
            await self.app(scope, receive, send)
        elif _is_beacon(scope, headers):
            # Its key is in the body, and tells which origins it is for.
            await self.app(scope, receive, readable(send, origin))
        else:
            self._refused.note(origin)
            found = refused(origin)
            answer = JsonResponse(found.body(), found.status)
            await answer(scope, receive, readable(send, origin))

    def _noting(self, scope: Scope, send: Send, origin: str) -> Send:
        """Note the origin if the response rejects it, as that of a key for other origins does."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and (
                scope.get("told", {}).get("code") == CODE
            ):
                self._refused.note(origin)
            await send(message)

        return sending

    def is_allowed_origin(self, origin: str) -> bool:
        return super().is_allowed_origin(origin) or origin in self._of_keys

    def preflight_response(self, request_headers: Headers) -> Response:
        refusal = self._refusal(request_headers)
        if refusal is not None:
            return JsonResponse(refusal.body(), refusal.status)
        if not self.is_allowed_origin(request_headers["origin"]):
            return preflight_answer(request_headers)
        return super().preflight_response(request_headers)

    def _refusal(self, request_headers: Headers) -> Forbidden | None:
        """Return the error if a preflight request must be rejected, else None."""
        method = request_headers["access-control-request-method"]
        if method not in METHODS:
            return Forbidden(
                f"Method not allowed (CORS); expected one of {', '.join(METHODS)}.",
                code="cors_method_not_allowed",
                details={"method": method},
            )
        asked = request_headers.get("access-control-request-headers", "")
        names = [name.strip() for name in asked.split(",") if name.strip()]
        wrong = [name for name in names if HEADER_NAME.fullmatch(name) is None]
        if wrong or len(asked) > ASKED_HEADERS_MAX_CHARS:
            return Forbidden(
                "Headers not allowed (CORS): the list is too long, or has invalid names.",
                code="cors_headers_not_allowed",
                details={"headers": [name[:64] for name in wrong[:5]]},
            )
        return None


def _is_same_origin(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a page of the service sent the request: browsers name the origin of a POST even then.

    A proxy may have replaced the host (browsers tell it all the same over HTTPS, and some proxies
    in a header), or have left out its port (`proxy_set_header Host $host` of nginx).
    """
    authority = headers["origin"].partition("://")[2]
    own = {headers.get("host"), headers.get("x-forwarded-host")}
    if authority in own or headers.get("sec-fetch-site") == "same-origin":
        return True
    listens_at = scope["server"][1] if scope["server"] else None
    return listens_at not in DEFAULT_PORTS and PORT.sub("", authority) in own


def _is_public(scope: Scope) -> bool:
    """Whether a file or a page is read, such as a script that is included with `crossorigin`."""
    return scope["method"] in {"GET", "HEAD"} and not scope["path"].startswith(DATA_PATHS)


def _is_beacon(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a browser sends the request without asking first."""
    return (
        scope["method"] == "POST"
        and media_type_of(headers.get("content-type")) in SIMPLE_TYPES
        and "authorization" not in headers
        and "x-api-key" not in headers
    )


def _given_twice(scope: Scope) -> MalformedRequest | None:
    names = [name for name, _ in scope["headers"] if name in GIVEN_ONCE]
    if len(names) == len(set(names)):
        return None
    name = next(name for name in names if names.count(name) > 1).decode()
    return MalformedRequest(f"The header {name} must not be repeated.", details={"header": name})


def _too_many_parameters(scope: Scope) -> InvalidRequest | None:
    """Count the parameters before parsing them, because parsing costs more than sending."""
    count = scope["query_string"].count(b"&") + 1
    if count <= QUERY_PAIRS_MAX:
        return None
    return InvalidRequest(f"A query can have at most {QUERY_PAIRS_MAX} parameters (got {count}).")


async def _is_local(scope: Scope) -> bool:
    service: Service = scope["app"].state.service
    try:
        return await service.auth.is_local()
    except Unavailable:
        return True  # unknown: the stricter of the two


def _with_security_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *SECURITY_HEADERS,
                *(pair for pair in DATA_HEADERS.items() if pair[0] not in given),
            ]
        await send(message)

    return sending
