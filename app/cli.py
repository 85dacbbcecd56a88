"""The command line: `activity-events serve | migrate | verify | cleanup`."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from app import __version__
from app.db import Database, create_engine
from app.embedded import embedded_postgres
from app.errors import ActivityError
from app.migrate import migrate_at
from app.privacy.cleanup import clean_up, cutoff
from app.programs import EmbeddedError
from app.schemas.email import normalise_email
from app.serve import ServeError, bind, require_safe_address, serve_forever
from app.settings import Settings
from app.verify import Check
from app.verify import verify as run_checks
from app.verify_rollups import verify_rollups

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Record what users do, and answer for analytics and AI features. Settings come from the "
    "environment (see the README); without DATABASE_URL the embedded PostgreSQL is used.",
)
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

T = TypeVar("T")


def main() -> None:
    """Runs a command; what goes wrong is one line that says what to do, and exit code 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except ValidationError as error:
        for each in error.errors():
            name = str(each["loc"][0]) if each["loc"] else ""
            variable = f"ACTIVITY_{name.upper()}" if name in Settings.model_fields else name
            message = each["msg"].removeprefix("Value error, ")
            err.print(f"[red]Setting {variable}:[/] {message}", highlight=False)
        sys.exit(1)
    except (ActivityError, EmbeddedError, ServeError, OSError) as error:
        err.print("[red]Error:[/]", str(error), highlight=False)
        sys.exit(1)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show:
        out.print(__version__)
        raise typer.Exit


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes any free one.")] = None,
    migrate: Annotated[bool, typer.Option(help="Bring the database up to date first.")] = True,
) -> None:
    """Start the service; Ctrl-C stops it, and the embedded PostgreSQL with it."""
    settings = Settings()
    given = {"host": host, "port": port}
    changed = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**{**settings.model_dump(), **changed})
    require_safe_address(settings)
    with bind(settings) as listener:
        address = f"http://{settings.host}:{listener.getsockname()[1]}"
        with database_url(settings, owner_note=f"serving {address}", share=False) as url:
            if migrate:
                asyncio.run(_translated(lambda: migrate_at(url, settings)))
            serve_forever(settings, url, listener, address)


@app.command()
def migrate() -> None:
    """Bring the database to the newest revision and make the partitions it needs."""
    settings = Settings()
    with database_url(settings) as url:
        made = asyncio.run(_translated(lambda: migrate_at(url, settings)))
    for name in made:
        out.print(f"made partition {name}")
    out.print("The database is up to date.")


@app.command()
def verify(
    rollups: Annotated[
        bool, typer.Option("--rollups", help="Recount the totals from the events, too.")
    ] = False,
) -> None:
    """Check every table, partition and index against the model; exit code 1 on a fault."""
    settings = Settings()

    async def check(url: str) -> list[Check]:
        engine = create_engine(url, settings, pooled=False, server_settings={})
        async with engine.connect() as connection:
            checks = await run_checks(connection, settings)
            await connection.rollback()
            return checks + (await verify_rollups(connection) if rollups else [])

    with database_url(settings) as url:
        checks = asyncio.run(_translated(lambda: check(url)))
    table = Table("", "kind", "name", "expected", "found")
    for each in checks:
        mark = "[green]ok[/]" if each.ok else "[red]fault[/]"
        table.add_row(mark, each.kind, each.name, each.expected, each.found)
    out.print(table)
    faults = sum(not each.ok for each in checks)
    out.print(f"{len(checks)} checks, {faults} faults")
    if faults:
        raise typer.Exit(1)


@app.command()
def cleanup(
    days: Annotated[
        int | None, typer.Option(min=0, help="Older than this; by default the retention setting.")
    ] = None,
    user_email: Annotated[
        str | None, typer.Option(help="Only this user's; without --days, all of them.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete events past their retention, or one user's."""
    settings = Settings()
    now = datetime.now(UTC)
    try:
        email = None if user_email is None else normalise_email(user_email)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--user-email") from error
    before = cutoff(now, days, settings.retention_days, one_user=email is not None)

    async def run(url: str) -> None:
        database = Database(url, settings)
        try:
            counted = await clean_up(database, before=before, user_email=email, dry_run=True)
            what = f"{counted.events_deleted} events" + (f" of {email}" if email else "")
            what += f" from before {before:%Y-%m-%d %H:%M} UTC" if before else ""
            if dry_run or not counted.events_deleted:
                out.print(f"{what} to delete")
                return
            if not yes:
                typer.confirm(f"Delete {what}, for good?", abort=True)
            with _progress("Deleting", counted.events_deleted) as advance:
                done = await clean_up(
                    database, before=before, user_email=email, dry_run=False, on_deleted=advance
                )
            out.print(f"{done.events_deleted} events deleted")
        finally:
            await database.dispose()

    with database_url(settings) as url:
        asyncio.run(run(url))


@contextmanager
def database_url(settings: Settings, *, owner_note: str = "", share: bool = True) -> Iterator[str]:
    """The database of the settings, or the embedded one, running for as long as it is needed."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with embedded_postgres(settings.data_dir, owner_note=owner_note, share=share) as url:
        yield url


async def _translated(run: Callable[[], Awaitable[T]]) -> T:
    """What the database says of a failure is of use at the command line."""
    try:
        return await run()
    except DBAPIError as error:
        raise ServeError(f"The database refuses: {error.orig}") from error
    except OSError as error:
        raise ServeError(f"The database can't be reached: {error}. Check DATABASE_URL.") from error


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(what, *columns, console=err) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
