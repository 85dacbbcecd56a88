"""Access rights of routes: declared beside each endpoint, enforced by the route class, and shown in
the OpenAPI document."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

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
from app.dependencies import Service, principal_of, service_of
from app.errors import Forbidden
from app.ingest.body import SIMPLE_TYPES, media_type_of
from app.observability.request_log import tell
from app.replica.reads import POSITION_HEADER
from app.routers.request_body import headers_of, received_body
from app.routers.responses import errors

SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`ae_...`) or a user token (JWT).",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key.",
    },
}


@dataclass(frozen=True, slots=True)
class Access:
    """The rights that a route requires.

    Attributes:
        scope: scope that a key must have; None makes the route public, unless `any_scope` is set.
        users: user tokens are accepted, for their own user's data only.
        beacon: the key may be in the body, since beacons cannot set headers.
        writes: the route writes data, which its caller must see in all later reads.
        any_scope: any key or token is accepted; the endpoint checks its scope.
    """

    scope: KeyScope | None
    users: bool = False
    beacon: bool = False
    writes: bool = False
    any_scope: bool = False

    @property
    def is_public(self) -> bool:
        return self.scope is None and not self.any_scope


REDIRECTIONS = 300
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})

# Rights by endpoint: functions cannot have typed attributes.
_declared: "WeakKeyDictionary[Callable[..., Any], Access]" = WeakKeyDictionary()
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def access(
    scope: KeyScope | None = None,
    *,
    users: bool = False,
    beacon: bool = False,
    writes: bool = False,
    any_scope: bool = False,
) -> Callable[[Endpoint], Endpoint]:
    """Declare the rights that an endpoint requires (see `Access`), below the route's decorator."""

    def declare(endpoint: Endpoint) -> Endpoint:
        _declared[endpoint] = Access(scope, users, beacon, writes, any_scope)
        return endpoint

    return declare


def public(endpoint: Endpoint) -> Endpoint:
    """Declare that an endpoint needs no credentials, below the route's decorator."""
    return access()(endpoint)


class GuardedRoute(APIRoute):
    """A route that admits only callers with the rights that its endpoint declares (`access`).

    An endpoint that declares none cannot be routed. Every GET route also answers HEAD, with the
    same status and headers; streams are not started.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        declared = _declared.get(endpoint)
        if declared is None:
            raise TypeError(f"{endpoint.__name__} declares no rights: add @access(...) or @public")
        self.access = declared
        if self.access.scope is not None:
            extra = options.get("openapi_extra") or {}
            options["openapi_extra"] = {**extra, **_openapi(self.access)}
            refusals = errors(401, 403, 429)
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
            # The key is in the body, which the endpoint reads first.
            await self.answer(scope, receive, send)
            return
        allowance = await admit(request, self.access, credentials)
        if allowance is not None:
            send = _with_headers(send, allowance)
        await self.answer(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an admitted caller."""
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
    """Admit a caller and store the principal in the request.

    Raises:
        Unauthorized, Forbidden, RateLimited: the caller is not admitted.
    """
    service: Service = service_of(request)
    clock: Callable[[], datetime] = request.app.state.clock
    origin = headers_of(request).get("origin")
    # Does not hold the request, which would create a reference cycle.
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
    """Return the principal of a caller who has the required rights.

    Raises:
        Unauthorized, Forbidden: the credentials are invalid or not sufficient.
    """
    principal = await service.auth.principal(credentials, origin, clock())
    wanted = access.scope
    if principal.kind == "user" and not access.users:
        raise Forbidden(
            "This route requires an API key; user tokens are not accepted.", code="wrong_scope"
        )
    if wanted is not None and not principal.allows(wanted):
        raise Forbidden(
            f"This route requires a key with the scope `{wanted}`.",
            code="wrong_scope",
            details={"scope": wanted},
        )
    return principal


def sharer_of(request: Request) -> str:
    """Return the name under which a request uses shared capacity: its caller's, if known by now,
    otherwise its address."""
    if "principal" in request.scope:
        return principal_of(request).caller
    return f"address:{address_of(request.scope.get('client'))}"


class _HeadersSent(Exception):
    """The headers of the response to a HEAD request are sent."""


def _as_get(scope: Scope) -> Scope:
    scope.setdefault("told", {})  # the fields of the log line stay with the HEAD request
    return {**scope, "method": "GET"}


def _headers_alone(send: Send) -> Send:
    """End the response after its headers, before a body is produced."""

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
    """Add the position in the write-ahead log that includes the write to successful responses."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < REDIRECTIONS:
            caller = principal_of(request).caller
            position = await service_of(request).replicas.written(caller)
            if position is not None:
                MutableHeaders(scope=message)[POSITION_HEADER] = position
        await send(message)

    return sending


def replaying(body: bytes, receive: Receive) -> Receive:
    """Replay a body that was already read, and then receive as usual (a disconnect)."""
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
