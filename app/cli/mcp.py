"""`activity-events mcp`: an MCP server on standard input and output."""

import asyncio
from importlib.util import find_spec
from typing import Annotated

import httpx
import typer

from activity_events.address import Address, reason_of
from activity_events.proxies import way_options
from app.cli.common import echo

PROBE_SECONDS = 5


def mcp_command(
    url: Annotated[
        str, typer.Option(envvar="ACTIVITY_URL", help="URL of the service.")
    ] = "http://127.0.0.1:8000",
    key: Annotated[
        str | None,
        typer.Option(
            envvar="ACTIVITY_KEY",
            help="An API key or a user token; it determines which data the assistant can access.",
            show_envvar=True,
        ),
    ] = None,
) -> None:
    """Run an MCP server (Model Context Protocol) on stdin and stdout.

    An AI assistant starts this command, which queries a running service. Assistants that support
    MCP over HTTP can connect to /mcp of the service instead.
    """
    if find_spec("mcp") is None:
        raise _stop("This command requires the package `mcp`: pip install 'mcp>=2.3'.")
    try:
        address = Address.of(url, key)
    except ValueError as error:
        raise _stop(f"--{error}.") from None
    try:
        way = way_options(address.url)
    except ValueError as error:
        raise _stop(f"{error}.") from None
    try:
        httpx.get(f"{address.url}/health/live", timeout=PROBE_SECONDS, **way)
    except httpx.TransportError as error:
        raise _stop(
            f"No service responds at {address.url} ({reason_of(error)}). Start it with `make run`, "
            "or set its address with --url."
        ) from None
    from app.mcp.stdio import serve_stdio

    asyncio.run(serve_stdio(address, way))


def _stop(message: str) -> typer.Exit:
    echo(message, error=True)
    return typer.Exit(1)
