"""What all commands share: where they print, which database they use, how they show progress."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError

from app.db import Database, connections_of
from app.embedded import embedded_postgres
from app.errors import ServeError
from app.schemas.email import normalise_email
from app.settings import Settings

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

T = TypeVar("T")

# Of the embedded server: for other commands beside the service, and those it keeps for itself.
SPARE_CONNECTIONS = 20
CONNECTIONS_MIN = 100


@contextmanager
def database_url(settings: Settings, *, owner_note: str = "", share: bool = True) -> Iterator[str]:
    """The database of the settings, or the embedded one, running for as long as it is needed."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    most = settings.workers * connections_of(settings) + SPARE_CONNECTIONS
    with embedded_postgres(
        settings.data_dir,
        owner_note=owner_note,
        share=share,
        options={"max_connections": str(max(CONNECTIONS_MIN, most))},
    ) as url:
        yield url


async def translated(run: Callable[[], Awaitable[T]]) -> T:
    """What the database says of a failure is of use at the command line."""
    try:
        return await run()
    except DBAPIError as error:
        raise ServeError(f"The database refuses: {error.orig}") from error
    except OSError as error:
        raise ServeError(f"The database can't be reached: {error}. Check DATABASE_URL.") from error


def with_database(run: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """What a command does with the database of the settings, which is closed afterwards."""
    settings = Settings()

    async def go(url: str) -> T:
        database = Database(url, settings)
        try:
            return await run(database, settings)
        finally:
            await database.dispose()

    with database_url(settings) as url:
        return asyncio.run(go(url))


def email_of(given: str, hint: str) -> str:
    """An email that was given as the option or argument `hint`."""
    try:
        return normalise_email(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; what it yields is told of each step. Without a total it only moves."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(what, *columns, console=err) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
