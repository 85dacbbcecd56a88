"""The tools over stdin and stdout, for an assistant on this machine: they ask a service by HTTP."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from activity_events.address import Address
from app.mcp.tools import make_server

TIMEOUT_SECONDS = 60


async def serve_stdio(address: Address, way: Mapping[str, Any]) -> None:
    """Answer until stdin ends; `way` has the options of the way to the service."""
    options = {**address.options(), **way}
    async with httpx.AsyncClient(
        base_url=address.url, timeout=TIMEOUT_SECONDS, **options
    ) as shared:

        @asynccontextmanager
        async def client(_: Any) -> AsyncIterator[httpx.AsyncClient]:
            yield shared

        await make_server(client).run_stdio_async()
