"""`activity-events distribute` and `undistribute`: onto a cluster of Citus, and back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.console import database_url, echo, progress_bar, translated
from app.db_engines import create_engine
from app.distribute import SHARDS, TABLES, distribute, undistribute
from app.migrate import migrate_at
from app.settings import Settings


def distribute_command(
    shards: Annotated[
        int,
        typer.Option(
            min=1,
            max=1024,
            help="Into how many parts: two to four times the cores of all workers that there will "
            "ever be. Tables that are spread already keep theirs.",
        ),
    ] = SHARDS,
) -> None:
    """Spread the tables over the workers of a Citus cluster; what is cut off goes on there.

    A table can't be written to while it is copied: stop the service for that long. See
    docs/scaling.md.
    """
    _each("Distributing", lambda connection: distribute(connection, shards))
    echo("The tables are spread over the workers.")


def undistribute_command(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring all tables back to the coordinator, which then is a plain PostgreSQL again."""
    if not yes:
        typer.confirm("Bring everything back to the coordinator?", abort=True)
    _each("Bringing back", undistribute)
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
