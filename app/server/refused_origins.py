"""Refusals of other origins, made known: to a page's developer in the browser, and in the log.

A browser shows a page nothing of a response without `Access-Control-Allow-Origin`, and nothing at
all where a preflight request is rejected: the developer reads "Failed to fetch". So preflight
requests of refused origins succeed, the request itself is rejected, and that error can be read.
Neither allows credentials (cookies, or the Basic authentication of a proxy).
"""

import logging
import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from app.errors import Forbidden

logger = logging.getLogger("activity_events")

CODE = "origin_not_allowed"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")
# Repeated to a caller, in headers and in the log.
ORIGIN_MAX_CHARS = 200
# In the log, for each process: a stranger can invent any number.
ORIGINS_LOGGED_MAX = 100


class RefusedOrigins:
    """Writes each refused origin into the log once."""

    def __init__(self) -> None:
        self._logged: set[str] = set()

    def note(self, origin: str) -> None:
        origin = origin[:ORIGIN_MAX_CHARS]
        if origin in self._logged or len(self._logged) > ORIGINS_LOGGED_MAX:
            return
        self._logged.add(origin)
        if len(self._logged) > ORIGINS_LOGGED_MAX:
            logger.warning("pages on more origins were refused; they are not listed any more")
            return
        if ORIGIN.fullmatch(origin) is None:
            # `null`, of a sandboxed frame; or what no browser sends, and nobody should paste.
            logger.warning("requests from pages on %r were refused (CORS)", origin)
            return
        logger.warning(
            "requests from pages on %s were refused (CORS): if it is yours, add it to "
            "ACTIVITY_ALLOWED_ORIGINS, or create a key for it: activity-events keys create NAME "
            "--scope write --origin %s",
            origin,
            origin,
        )


def refused(origin: str) -> Forbidden:
    """Return the error of a request from an origin that is not allowed."""
    return Forbidden(
        "Origin not allowed (CORS). Add it to ACTIVITY_ALLOWED_ORIGINS, or create a write key for "
        "it. If it is the service's own, let the reverse proxy pass on the Host header.",
        code=CODE,
        details={"origin": origin[:ORIGIN_MAX_CHARS]},
    )


def is_preflight(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in names


def preflight_answer(headers: Headers) -> Response:
    """Return the response that lets the browser send the request, to be refused readably."""
    allowed = {
        "Access-Control-Allow-Methods": ", ".join(METHODS),
        "Access-Control-Allow-Headers": headers.get("access-control-request-headers", ""),
        # The settings may change, and what is refused may then be allowed.
        "Access-Control-Max-Age": "60",
    }
    return Response(status_code=204, headers={**allowed, **readable_headers(headers["origin"])})


def readable_headers(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


def readable(send: Send, origin: str) -> Send:
    """Let a page on that origin read the response."""
    added = [(name.lower().encode(), value.encode("latin-1"))
             for name, value in readable_headers(origin).items()]  # fmt: skip

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return sending
