"""The tools over stdin and stdout, for an assistant on this machine: they ask a service by HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.mcp.tools import make_server

TIMEOUT_SECONDS = 60


async def serve_stdio(url: str, key: str | None) -> None:
    """Answers until stdin ends."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS) as shared:

        @asynccontextmanager
        async def client(_: Any) -> AsyncIterator[httpx.AsyncClient]:
            yield shared

        await make_server(client).run_stdio_async()
