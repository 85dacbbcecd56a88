"""`/mcp`: the tools over streamable HTTP, for callers with a key or a token.

Requests are independent of each other, so any process behind a load balancer can answer them. A
tool calls the application itself, with the credentials of its call. The required modules are loaded
with the first request.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import httpx
from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import NotFound
from app.mcp.request_body import invalid_id, readable_body
from app.routers.access import GuardedRoute, access, replaying
from app.routers.responses import JsonResponse

VERSION_HEADER = b"mcp-protocol-version"
BAD_REQUEST = 400
CREDENTIALS = ("authorization", "x-api-key", "origin", "user-agent")

router = APIRouter(route_class=GuardedRoute)


class McpService:
    """The protocol's part of one application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._handler: ASGIApp | None = None
        self._running: asyncio.Task[None] | None = None
        self._loading = asyncio.Lock()

    async def handler(self) -> ASGIApp:
        """Return the handler of requests.

        Raises:
            NotFound: the package isn't installed.
        """
        if find_spec("mcp") is None:
            raise NotFound(
                "The MCP server is not installed. Run pip install 'mcp>=2.3', and "
                "restart the service."
            )
        async with self._loading:
            if self._handler is None:
                self._handler = await self._start()
        return self._handler

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def _start(self) -> ASGIApp:
        # It takes half a second.
        await asyncio.to_thread(import_module, "app.mcp.tools")
        from mcp.server.transport_security import TransportSecuritySettings

        from app.mcp.tools import make_server

        server = make_server(self._client)
        # Hosts, origins and the size of bodies are looked at before, as for every route.
        server.streamable_http_app(
            json_response=True,
            stateless_http=True,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        manager = server.session_manager
        ready = asyncio.Event()

        async def run() -> None:
            async with manager.run():
                ready.set()
                await asyncio.Event().wait()

        self._running = asyncio.create_task(run())
        await ready.wait()
        return manager.asgi_app

    @asynccontextmanager
    async def _client(self, context: Any) -> AsyncIterator[httpx.AsyncClient]:
        request: Request = context.request_context.request
        headers = {name: request.headers[name] for name in CREDENTIALS if name in request.headers}
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as client:
            yield client


class Handled(Response):
    """An answer that another application gives to a request with this body."""

    def __init__(self, handler: ASGIApp, body: bytes) -> None:
        super().__init__()
        self._handler = handler
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """No `Accept` takes anything (RFC 9110, 12.5.1); an empty header is none."""
        kept = [
            (name, value)
            for name, value in scope["headers"]
            if name != b"content-length"
            and (name not in {b"accept", VERSION_HEADER} or value.strip())
        ]
        kept.append((b"content-length", str(len(self._body)).encode()))
        if all(name != b"accept" for name, _ in kept):
            kept.append((b"accept", b"*/*"))
        await self._handler({**scope, "headers": kept}, replaying(self._body, receive), send)


@router.post("/mcp", include_in_schema=False)
@access(users=True, any_scope=True)
async def mcp_endpoint(request: Request) -> Response:
    """The Model Context Protocol."""
    service: McpService = request.app.state.mcp
    handler = await service.handler()
    refusal = _unknown_version(request.headers)
    if refusal is not None:
        return refusal
    body, message = readable_body(await request.body())
    return _invalid_request(message) or Handled(handler, body)


def _invalid_request(message: object) -> Response | None:
    """The refusal of a request with an id that can't be answered to, as JSON-RPC has errors."""
    from mcp_types.jsonrpc import INVALID_REQUEST

    reason = invalid_id(message)
    if reason is None:
        return None
    error = {"code": INVALID_REQUEST, "message": f"Invalid request: {reason}"}
    return JsonResponse({"jsonrpc": "2.0", "id": None, "error": error}, BAD_REQUEST)


def _unknown_version(headers: Headers) -> Response | None:
    """Return the JSON-RPC error for an unsupported protocol version."""
    from mcp_types.jsonrpc import UNSUPPORTED_PROTOCOL_VERSION
    from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

    version = headers.get(VERSION_HEADER.decode(), "").strip()
    if not version or version in KNOWN_PROTOCOL_VERSIONS:
        return None
    error = {
        "code": UNSUPPORTED_PROTOCOL_VERSION,
        "message": f"MCP-Protocol-Version {version[:40]} is not supported; omit the header, or "
        f"send one of {', '.join(KNOWN_PROTOCOL_VERSIONS)}.",
        "data": {"requested": version[:40], "supported": list(KNOWN_PROTOCOL_VERSIONS)},
    }
    return JsonResponse({"jsonrpc": "2.0", "id": None, "error": error}, BAD_REQUEST)
