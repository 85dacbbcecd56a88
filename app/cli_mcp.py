"""`activity-events mcp`: the tools for an assistant that starts programs."""

import asyncio
from importlib.util import find_spec
from typing import Annotated

import httpx
import typer

from app.client.address import Address, reason_of
from app.console import echo

PROBE_SECONDS = 5


def mcp_command(
    url: Annotated[
        str, typer.Option(envvar="ACTIVITY_URL", help="Where the service is.")
    ] = "http://127.0.0.1:8000",
    key: Annotated[
        str | None,
        typer.Option(
            envvar="ACTIVITY_KEY",
            help="A key, or a user's token: the assistant sees what that may see.",
            show_envvar=True,
        ),
    ] = None,
) -> None:
    """Answer an AI assistant's questions (Model Context Protocol on stdin and stdout).

    The assistant starts it itself; it asks a running service. Assistants that speak HTTP need no
    such program: the service answers them at /mcp.
    """
    if find_spec("mcp") is None:
        raise _stop("This takes the extra `ai`: pip install 'activity-events[ai]'.")
    try:
        address = Address.of(url, key)
    except ValueError as error:
        raise _stop(f"--{error}.") from None
    try:
        httpx.get(f"{address.url}/health/live", timeout=PROBE_SECONDS)
    except httpx.TransportError as error:
        raise _stop(
            f"No service at {address.url} ({reason_of(error)}): start it with `make run`, or name "
            "it by --url."
        ) from None
    from app.mcp.stdio import serve_stdio

    asyncio.run(serve_stdio(address))


def _stop(message: str) -> typer.Exit:
    echo(message, error=True)
    return typer.Exit(1)
