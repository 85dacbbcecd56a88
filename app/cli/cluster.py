"""`activity-events distribute` and `undistribute`: distribute tables over a Citus cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cli.common import database_url, echo, progress_bar, translated
from app.database.citus import SHARDS, TABLES, distribute, undistribute
from app.database.engine import create_engine
from app.database.migrations import migrate_at
from app.settings import Settings


def distribute_command(
    shards: Annotated[
        int,
        typer.Option(
            min=1,
            max=1024,
            help="Number of shards: two to four times the cores of all workers that the cluster "
            "will ever have. Tables that are already distributed keep their number.",
        ),
    ] = SHARDS,
) -> None:
    """Distribute the tables over the workers of a Citus cluster; run again to resume.

    A table can't be written to while it is copied, so stop the service first. See
    docs/scaling.md.
    """
    _each("Distributing", lambda connection: distribute(connection, shards))
    echo("The tables are distributed over the workers.")


def undistribute_command(
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")] = False,
) -> None:
    """Move all tables back to the coordinator, which is then a plain PostgreSQL again."""
    if not yes:
        typer.confirm("Move all tables back to the coordinator?", abort=True)
    _each("Moving back", undistribute)
    echo("All tables are on the coordinator.")


def _each(what: str, steps: Callable[[AsyncConnection], AsyncIterator[str]]) -> None:
    settings = Settings()

    async def run(url: str) -> None:
        await migrate_at(url, settings)
        engine = create_engine(url, settings, pooled=False, server_settings={})
        try:
            async with engine.connect() as connection:
                with progress_bar(what, len(TABLES)) as advance:
                    async for _ in steps(connection):
                        advance(1)
        finally:
            await engine.dispose()

    with database_url(settings) as url:
        asyncio.run(translated(lambda: run(url)))
