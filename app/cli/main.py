"""The command line: `activity-events serve | migrate | verify | cleanup` and more."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from app import __version__
from app.cli.analytics import analytics_app, query_command
from app.cli.cluster import distribute_command, undistribute_command
from app.cli.common import (
    FormatOption,
    database_url,
    echo,
    echo_table,
    email_of,
    progress_bar,
    translated,
    with_database,
)
from app.cli.demo import demo_command
from app.cli.environment import load_env_file, reach_loopback_directly, with_env_file_first
from app.cli.export import EXAMPLES as EXPORT_EXAMPLES
from app.cli.export import export_command
from app.cli.import_events import EXAMPLES as IMPORT_EXAMPLES
from app.cli.import_events import import_command
from app.cli.mcp import mcp_command
from app.cli.privacy import erase_command, keys_app, verify_receipt_command
from app.database.connection import require_own_session
from app.database.engine import create_engine
from app.database.migrations import migrate_at, require_suitable
from app.database.postgres_binaries import EmbeddedError
from app.database.sessions import Database
from app.database.verify import Check
from app.database.verify import verify as run_checks
from app.database.verify_rollups import verify_rollups
from app.errors import ActivityError, ServeError
from app.formats.environment import require_known
from app.observability.shared_metrics import shared_metrics
from app.privacy.cleanup import Removed, remove
from app.settings import Settings, setting_errors

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Record user activity, and query it for analytics and AI features. Settings come from "
    "environment variables; if DATABASE_URL is not set, the embedded PostgreSQL is used.",
)
app.add_typer(keys_app, name="keys")
app.command("demo")(demo_command)
app.command("distribute")(distribute_command)
app.command("undistribute")(undistribute_command)
app.command("erase")(erase_command)
app.command("verify-receipt")(verify_receipt_command)
app.command("export", epilog=EXPORT_EXAMPLES)(export_command)
app.command("import", epilog=IMPORT_EXAMPLES)(import_command)
app.command("query")(query_command)
app.command("mcp")(mcp_command)
app.add_typer(analytics_app, name="analytics")


def main() -> None:
    """Run a command; on an error, print one line that says what to do, and exit with code 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    reach_loopback_directly()
    try:
        app(with_env_file_first(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except ValidationError as error:
        for variable, message in setting_errors(error):
            what = f"Setting {variable}:" if variable else "Error:"
            echo(message, error=True, label=what, style="red")
        sys.exit(1)
    except (ActivityError, EmbeddedError, ServeError, OSError) as error:
        echo(str(error), error=True, label="Error:", style="red")
        sys.exit(1)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    env_file: Annotated[
        Path | None,
        typer.Option(
            help="Read settings from a file of NAME=VALUE lines, in the format of systemd; they "
            "take precedence over environment variables. Can also follow the command."
        ),
    ] = None,
) -> None:
    if show:
        echo(__version__)
        raise typer.Exit
    if env_file is not None:
        load_env_file(env_file)
    try:
        require_known(os.environ, Settings.model_fields)
    except ValueError as error:
        raise ServeError(str(error)) from error


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 picks a free port.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Number of worker processes; they share one socket.")
    ] = None,
    migrate: Annotated[bool, typer.Option(help="Migrate the database first.")] = True,
) -> None:
    """Start the service; Ctrl-C stops it, and the embedded PostgreSQL with it."""
    # Imported here, because the other commands start faster without the HTTP server.
    from app.server.serve import (
        bind,
        connection_warning,
        require_model,
        require_settings,
        serve_forever,
    )
    from app.server.startup_access import access_notice

    settings = Settings()
    given = {"host": host, "port": port, "workers": workers}
    changed = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**{**settings.model_dump(), **changed})
    require_model(settings)
    together = shared_metrics() if settings.workers > 1 else nullcontext()
    with together, bind(settings) as listener:
        address = settings.url_at(listener.getsockname()[1])
        with database_url(
            settings, owner_note=f"serving {address}", share=False, create=True
        ) as url:
            if migrate:
                asyncio.run(translated(lambda: migrate_at(url, settings)))
            else:
                asyncio.run(translated(lambda: require_suitable(url, settings)))
            asyncio.run(require_settings(settings, url))
            warning = asyncio.run(connection_warning(settings, url))
            access = asyncio.run(access_notice(settings, url))
            serve_forever(settings, url, listener, address, access=access, warning=warning)


@app.command()
def migrate() -> None:
    """Upgrade the database schema to the latest revision and create the partitions it needs."""
    settings = Settings()
    with database_url(settings, create=True) as url:
        partitions = asyncio.run(translated(lambda: migrate_at(url, settings)))
    for name in partitions:
        echo(f"created partition {name}")
    echo("The database is up to date.")


@app.command()
def verify(
    rollups: Annotated[
        bool, typer.Option("--rollups", help="Also recount the rollups from the events.")
    ] = False,
    format_: FormatOption = "table",
) -> None:
    """Compare every table, partition and index with the model; exit with code 1 on a fault."""
    settings = Settings()

    async def check(url: str) -> list[Check]:
        await require_own_session(url, settings.database_timeout_seconds)
        engine = create_engine(url, settings, pooled=False, server_settings={})
        async with engine.connect() as connection:
            checks = await run_checks(connection, settings)
            await connection.rollback()
            return checks + (await verify_rollups(connection) if rollups else [])

    with database_url(settings) as url:
        checks = asyncio.run(translated(lambda: check(url)))
    rows = [
        ("ok" if each.ok else "fault", each.kind, each.name, each.expected, each.found)
        for each in checks
    ]
    echo_table(("result", "kind", "name", "expected", "found"), rows, format_)
    faults = sum(not each.ok for each in checks)
    echo(f"{len(checks)} checks, {faults} faults", error=format_ != "table")
    if faults:
        raise typer.Exit(1)


@app.command()
def cleanup(
    days: Annotated[
        int | None,
        typer.Option(
            min=0, help="Delete events older than this many days; default: the retention period."
        ),
    ] = None,
    user_email: Annotated[
        str | None,
        typer.Option(help="Delete only this user's events; without --days, erase the user."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the events, but delete nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")] = False,
) -> None:
    """Delete events past the retention period, or events of one user."""
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
        # A cleanup of all users also removes users who have no events left.
        is_needed = counted.events_deleted or counted.partitions_dropped or erases or not email
        if dry_run or not is_needed:
            echo(f"{what} to delete")
            return
        if not yes:
            typer.confirm(f"Permanently delete {what}?", abort=True)
        with progress_bar("Deleting", counted.events_deleted) as advance:
            done = await removed(dry=False, advance=advance)
        echo(f"{done.events_deleted} events deleted")

    with_database(run)
