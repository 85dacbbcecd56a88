"""Every request, counted, timed, logged and traced; and its id in the answer's header."""

import asyncio
import logging
import re
import secrets
from collections.abc import Iterable
from time import perf_counter
from typing import Any

from fastapi.routing import iter_route_contexts
from prometheus_client import Counter, Histogram
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.observability import traces
from app.observability.logs import LOGGER, REQUEST_ID
from app.observability.metrics import ANSWERS_BROKEN, REQUEST_SECONDS, REQUESTS
from app.settings import Settings

logger = logging.getLogger(f"{LOGGER}.request")

HEADER = b"x-request-id"
WELL_FORMED = re.compile(rb"[A-Za-z0-9._:/+=~-]{1,128}")  # no email address consists of these alone
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"
SERVER_ERROR = 500
CLIENT_CLOSED_REQUEST = 499


def templates(routes: Iterable[BaseRoute]) -> dict[int, str]:
    """The path of each endpoint as it is declared, by the endpoint's identity."""
    found: dict[int, str] = {}
    for route in routes:
        if isinstance(route, Mount):
            found[id(route.app)] = f"{route.path}/{{path}}"
            continue
        for context in iter_route_contexts([route]):
            found[id(context.endpoint)] = str(context.path_format)
    return found


class Watch:
    """The outermost of all: what others refuse is counted, too."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._templates: dict[int, str] | None = None
        # To look labels up costs more than to count.
        self._counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        token = REQUEST_ID.set(request_id)
        span = traces.RequestSpan(_method(scope), scope["headers"]) if traces.is_tracing() else None
        status = 0
        is_whole = False

        async def sending(message: Message) -> None:
            nonlocal status, is_whole
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (HEADER, request_id.encode())]
                self._note(scope, span, status, perf_counter() - started)
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                is_whole = True
            await send(message)

        why = "failed"
        try:
            await self._app(scope, receive, sending)
            why = "client"
        except asyncio.CancelledError:
            why = "client"
            raise
        finally:
            if status == 0:  # the framework answers a failure outside of this
                status = SERVER_ERROR if why == "failed" else CLIENT_CLOSED_REQUEST
                self._note(scope, span, status, perf_counter() - started)
            elif not is_whole:
                self._note_broken(scope, why, perf_counter() - started)
            if span is not None:
                span.end()
            REQUEST_ID.reset(token)

    def _note(
        self, scope: Scope, span: traces.RequestSpan | None, status: int, seconds: float
    ) -> None:
        route, method = self._route(scope), _method(scope)
        key = (route, method, status)
        counters = self._counters.get(key)
        if counters is None:
            counters = self._counters[key] = (
                REQUESTS.labels(route, method, str(status)),
                REQUEST_SECONDS.labels(route, method),
            )
        counters[0].inc()
        counters[1].observe(seconds)
        if span is not None:
            span.answered(route, status, scope["request_id"])
        which = self._settings.log_requests
        ms = seconds * 1000
        is_notable = status >= SERVER_ERROR or ms >= self._settings.log_slow_ms
        if which == "all" or (which == "notable" and is_notable):
            level = logging.WARNING if is_notable else logging.INFO
            fields = {"method": method, "route": route, "status": status, "ms": round(ms, 1)}
            self._log(level, "request", scope, fields)

    def _note_broken(self, scope: Scope, why: str, seconds: float) -> None:
        ANSWERS_BROKEN.labels(why).inc()
        if why == "failed" and self._settings.log_requests != "none":
            ms = round(seconds * 1000, 1)
            fields = {"method": _method(scope), "route": self._route(scope), "ms": ms}
            self._log(logging.WARNING, "response cut off", scope, fields)

    def _log(self, level: int, what: str, scope: Scope, fields: dict[str, Any]) -> None:
        told = {**fields, **scope.get("told", {}), "request_id": scope["request_id"]}
        logger.log(level, what, extra={"fields": told})

    def _route(self, scope: Scope) -> str:
        if self._templates is None:
            self._templates = templates(scope["app"].routes)
        return self._templates.get(id(scope.get("endpoint")), NO_ROUTE)


def tell(scope: Scope, **fields: str | int) -> None:
    """Add fields to the request's line in the log: codes and counts, never user data."""
    scope.setdefault("told", {}).update(fields)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else "other"


def _request_id(scope: Scope) -> str:
    """The caller's, where it is well-formed; else a new one."""
    for name, value in scope["headers"]:
        if name == HEADER and WELL_FORMED.fullmatch(value):
            given: str = value.decode()
            return given
    return secrets.token_hex(8)
