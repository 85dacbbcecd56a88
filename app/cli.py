"""The command line: `activity-events serve | migrate | verify | cleanup` and more."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Table

from app import __version__
from app.cli_analytics import analytics_app, query_command
from app.cli_cluster import distribute_command, undistribute_command
from app.cli_demo import demo_command
from app.cli_mcp import mcp_command
from app.cli_privacy import erase_command, keys_app
from app.cli_transfer import export_command, import_command
from app.console import (
    database_url,
    email_of,
    err,
    out,
    progress_bar,
    translated,
    with_database,
)
from app.db import Database, create_engine
from app.errors import ActivityError, ServeError
from app.migrate import migrate_at
from app.privacy.remove import Removed, remove
from app.programs import EmbeddedError
from app.settings import Settings
from app.verify import Check
from app.verify import verify as run_checks
from app.verify_rollups import verify_rollups
from app.watch.shared import shared_metrics

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Record what users do, and answer for analytics and AI features. Settings come from the "
    "environment (see the README); without DATABASE_URL the embedded PostgreSQL is used.",
)
app.add_typer(keys_app, name="keys")
app.command("demo")(demo_command)
app.command("distribute")(distribute_command)
app.command("undistribute")(undistribute_command)
app.command("erase")(erase_command)
app.command("export")(export_command)
app.command("import")(import_command)
app.command("query")(query_command)
app.command("mcp")(mcp_command)
app.add_typer(analytics_app, name="analytics")


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
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve, on one socket.")
    ] = None,
    migrate: Annotated[bool, typer.Option(help="Bring the database up to date first.")] = True,
) -> None:
    """Start the service; Ctrl-C stops it, and the embedded PostgreSQL with it."""
    # All that answers HTTP: the other commands start sooner without it.
    from app.serve import bind, connection_warning, require_keys, require_model, serve_forever

    settings = Settings()
    given = {"host": host, "port": port, "workers": workers}
    changed = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**{**settings.model_dump(), **changed})
    require_model(settings)
    together = shared_metrics() if settings.workers > 1 else nullcontext()
    with together, bind(settings) as listener:
        address = f"http://{settings.host}:{listener.getsockname()[1]}"
        with database_url(settings, owner_note=f"serving {address}", share=False) as url:
            if migrate:
                asyncio.run(translated(lambda: migrate_at(url, settings)))
            asyncio.run(require_keys(settings, url))
            warning = asyncio.run(connection_warning(settings, url))
            serve_forever(settings, url, listener, address, warning=warning)


@app.command()
def migrate() -> None:
    """Bring the database to the newest revision and make the partitions it needs."""
    settings = Settings()
    with database_url(settings) as url:
        made = asyncio.run(translated(lambda: migrate_at(url, settings)))
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
        checks = asyncio.run(translated(lambda: check(url)))
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
        str | None, typer.Option(help="Only this user's; without --days, the user is erased.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete events past their retention, or one user's."""
    now = datetime.now(UTC)
    email = None if user_email is None else email_of(user_email, "--user-email")

    async def run(database: Database, settings: Settings) -> None:
        async def removed(*, dry: bool, advance: Callable[[int], None] = lambda _: None) -> Removed:
            return await remove(
                database,
                settings,
                now,
                days=days,
                user_email=email,
                dry_run=dry,
                on_deleted=advance,
            )

        counted = await removed(dry=True)
        what = f"{counted.events_deleted} events" + (f" of {email}" if email else "")
        if counted.before:
            what += f" from before {counted.before:%Y-%m-%d %H:%M} UTC"
        if counted.partitions_dropped:
            what += f", with the partitions {', '.join(counted.partitions_dropped)}"
        erases = email is not None and days is None
        if dry_run or not (counted.events_deleted or counted.partitions_dropped or erases):
            out.print(f"{what} to delete", highlight=False)
            return
        if not yes:
            typer.confirm(f"Delete {what}, for good?", abort=True)
        with progress_bar("Deleting", counted.events_deleted) as advance:
            done = await removed(dry=False, advance=advance)
        out.print(f"{done.events_deleted} events deleted", highlight=False)

    with_database(run)
