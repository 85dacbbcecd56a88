"""What each route asks of its caller: declared here, held by the route class, shown in OpenAPI."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from app.auth.addresses import address_of
from app.auth.admission import Admission
from app.auth.authenticate import credentials_of
from app.auth.principal import Principal
from app.auth.principal import Scope as KeyScope
from app.auth.rates import Allowance
from app.deps import Service, principal_of, service_of
from app.errors import Forbidden
from app.ingest.body import SIMPLE_TYPES, media_type_of
from app.replica.reads import POSITION_HEADER
from app.routers.received import headers_of, received_body
from app.schemas.answers import ErrorAnswer
from app.watch.requests import tell

SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key (`ae_...`), or a user token (JWT).",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key."},
}


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller must have.

    `scope` is a key's; none is for everybody. `users` says whether a user token may call it, for
    its own user alone. `beacon` says that the key may be in the body, as a beacon has no headers,
    and not always a type; `writes`, that who was answered well must see it in all they read next.
    `any_scope` is for whoever has a key or a token; what they ask for then looks at its scope.
    """

    scope: KeyScope | None
    users: bool = False
    beacon: bool = False
    writes: bool = False
    any_scope: bool = False

    @property
    def is_public(self) -> bool:
        return self.scope is None and not self.any_scope


PUBLIC = Access(None)
REDIRECTIONS = 300
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})

# By the endpoint's name.
ACCESS: dict[str, Access] = {
    "log_event": Access(KeyScope.WRITE, users=True, beacon=True, writes=True),
    "log_batch": Access(KeyScope.WRITE, users=True, beacon=True, writes=True),
    "query_events": Access(KeyScope.READ, users=True),
    "analytics": Access(KeyScope.READ, users=True),
    "analytics_timeseries": Access(KeyScope.READ, users=True),
    "analytics_top": Access(KeyScope.READ, users=True),
    "analytics_active_users": Access(KeyScope.READ, users=True),
    "analytics_retention": Access(KeyScope.READ, users=True),
    "analytics_funnel": Access(KeyScope.READ, users=True),
    "analytics_paths": Access(KeyScope.READ, users=True),
    "analytics_durations": Access(KeyScope.READ, users=True),
    "analytics_heatmap": Access(KeyScope.READ, users=True),
    "analytics_sessions": Access(KeyScope.READ, users=True),
    "stream_events": Access(KeyScope.READ, users=True),
    "list_of_sessions": Access(KeyScope.READ, users=True),
    "session_by_parameter": Access(KeyScope.READ, users=True),
    "session_events": Access(KeyScope.READ, users=True),
    "export_events": Access(KeyScope.READ),
    "export_user": Access(KeyScope.ADMIN, users=True),
    "insights_calibration": Access(KeyScope.READ, users=True),
    "insights_context": Access(KeyScope.READ, users=True),
    "insights_email_categorization": Access(KeyScope.READ, users=True),
    "insights_next_actions": Access(KeyScope.READ, users=True),
    "insights_patterns": Access(KeyScope.READ, users=True),
    "insights_project_wizard": Access(KeyScope.READ, users=True),
    "insights_standup": Access(KeyScope.READ, users=True),
    "cleanup": Access(KeyScope.ADMIN, writes=True),
    "get_opt_out": Access(KeyScope.ADMIN, users=True),
    "put_opt_out": Access(KeyScope.ADMIN, users=True, writes=True),
    "erase_user": Access(KeyScope.ADMIN, users=True, writes=True),
    "verify_receipt": Access(KeyScope.ADMIN),
    "mcp_endpoint": Access(None, users=True, any_scope=True),
    "metrics": Access(KeyScope.METRICS),
    "success_metrics": Access(KeyScope.ADMIN),
    "live": PUBLIC,
    "ready": PUBLIC,
    "docs": PUBLIC,
    "openapi_document": PUBLIC,
    "root": PUBLIC,
    "tracker_script": PUBLIC,
    "dashboard_page": PUBLIC,
    "demo_page": PUBLIC,
}


class GuardedRoute(APIRoute):
    """A route that lets nobody in whom `ACCESS` doesn't; one that isn't in it can't be made.

    Each GET has its HEAD: the same status and headers. What would be streamed is not begun.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.access = ACCESS[endpoint.__name__]
        if self.access.scope is not None:
            extra = options.get("openapi_extra") or {}
            options["openapi_extra"] = {**extra, **_openapi(self.access)}
            refusals = {status: {"model": ErrorAnswer} for status in (401, 403, 429)}
            options["responses"] = {**refusals, **(options.get("responses") or {})}
        super().__init__(path, endpoint, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(_as_get(scope) if scope.get("method") == "HEAD" else scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "HEAD":
            await self._handle(scope, receive, send)
            return
        with suppress(_HeadersSent):
            await self._handle(_as_get(scope), receive, _headers_alone(send))

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.access.is_public or scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        request = Request(scope)
        if self.access.writes:
            send = _with_position(request, send)
        key_in_body = self.access.beacon and _is_beacon(request)
        credentials = credentials_of(headers_of(request), key_in_body=key_in_body)
        if credentials is None and key_in_body:
            # The key is in the body: the endpoint reads that first.
            await self.answer(scope, receive, send)
            return
        allowance = await admit(request, self.access, credentials)
        if allowance is not None:
            send = _with_headers(send, allowance)
        await self.answer(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is done for a caller who was let in."""
        if scope["method"] in BODY_METHODS:
            request = Request(scope, receive)
            service = service_of(request)
            principal = principal_of(request)
            with service.bodies.share(principal.caller) as share:
                body = await received_body(request, service.body_limits, share)
                await service.rates.take_body(principal, len(body), 0)
                await super().handle(scope, replaying(body, receive), send)
            return
        await super().handle(scope, receive, send)


async def admit(request: Request, access: Access, credentials: str | None) -> Allowance | None:
    """Lets a caller in, and leaves on the request who it is.

    Raises:
        Unauthorized, Forbidden, RateLimited: it is not let in.
    """
    service: Service = service_of(request)
    clock: Callable[[], datetime] = request.app.state.clock
    origin = headers_of(request).get("origin")
    # Without the request, which would hold itself by it.
    ask = partial(authorise, service, clock, access, credentials, origin)
    principal = await ask()
    request.scope["principal"] = principal
    request.scope["admission"] = Admission(principal, ask, clock)
    if principal.kind == "key":
        tell(request.scope, key=principal.name)
    return await service.rates.take(principal)


async def authorise(
    service: Service,
    clock: Callable[[], datetime],
    access: Access,
    credentials: str | None,
    origin: str | None,
) -> Principal:
    """The caller, who may do this.

    Raises:
        Unauthorized, Forbidden: they may not.
    """
    principal = await service.auth.principal(credentials, origin, clock())
    wanted = access.scope
    if principal.kind == "user" and not access.users:
        raise Forbidden("This takes a key, not a user token.", code="wrong_scope")
    if wanted is not None and not principal.allows(wanted):
        raise Forbidden(
            f"This takes a key with the scope {wanted}.",
            code="wrong_scope",
            details={"scope": wanted},
        )
    return principal


def sharer_of(request: Request) -> str:
    """Whose share of what all callers use a request takes: its caller's, where that is known by
    now, else that of the address it came from."""
    if "principal" in request.scope:
        return principal_of(request).caller
    return f"address:{address_of(request.scope.get('client'))}"


class _HeadersSent(Exception):
    """A HEAD has its answer."""


def _as_get(scope: Scope) -> Scope:
    scope.setdefault("told", {})  # what the request's log line says is kept with the HEAD
    return {**scope, "method": "GET"}


def _headers_alone(send: Send) -> Send:
    """Ends the answer with its headers: whoever would send a body is stopped before it makes it."""

    async def sending(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.start":
            await send({"type": "http.response.body", "body": b""})
            raise _HeadersSent

    return sending


def _is_beacon(request: Request) -> bool:
    return media_type_of(headers_of(request).get("content-type")) in SIMPLE_TYPES


def _with_headers(send: Send, allowance: Allowance) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(allowance.headers())
        await send(message)

    return sending


def _with_position(request: Request, send: Send) -> Send:
    """Answers that something was done tell where in the log: what is committed is before that."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < REDIRECTIONS:
            caller = principal_of(request).caller
            position = await service_of(request).replicas.written(caller)
            if position is not None:
                MutableHeaders(scope=message)[POSITION_HEADER] = position
        await send(message)

    return sending


def replaying(body: bytes, receive: Receive) -> Receive:
    """The body that has been read already, and then whatever comes: the client's going."""
    replayed = False

    async def receiving() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def _openapi(access: Access) -> dict[str, Any]:
    assert access.scope is not None  # noqa: S101 (public routes show none)
    return {
        "security": [{name: []} for name in SECURITY_SCHEMES],
        "x-key-scope": str(access.scope),
        "x-user-token": access.users,
    }
