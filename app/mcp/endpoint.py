"""`/mcp`: the tools over streamable HTTP, for whoever has a key or a token.

Each request stands alone, so that any process behind a load balancer can answer it. A tool's
questions go to the application itself, with the credentials that its call came with. What is needed
for all this is loaded when somebody comes for it first.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import NotFound
from app.routers.access import GuardedRoute

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
        """What answers a request.

        Raises:
            NotFound: the package isn't installed.
        """
        if find_spec("mcp") is None:
            raise NotFound(
                "This service has no MCP server: pip install 'activity-events[ai]', and restart it."
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
    """An answer that another application gives."""

    def __init__(self, handler: ASGIApp) -> None:
        super().__init__()
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handler(scope, receive, send)


@router.post("/mcp", include_in_schema=False)
async def mcp_endpoint(request: Request) -> Response:
    """The Model Context Protocol."""
    service: McpService = request.app.state.mcp
    return Handled(await service.handler())
