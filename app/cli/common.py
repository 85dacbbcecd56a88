"""Functions that all commands share: output, database access, progress bars."""

import asyncio
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO, Annotated, Any, Literal, TypeVar

import asyncpg
import orjson
import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from app.database.connection_budget import connections_of
from app.database.errors import FAILURES
from app.database.migrations import require_suitable
from app.database.private_files import replaced_private
from app.database.sessions import Database
from app.errors import ServeError
from app.formats.printable import printable, printable_json
from app.privacy.erasure_secret import require_erasure_secret
from app.read.csv_table import csv_text
from app.read.metadata_values import json_default
from app.schemas.email import normalise_email
from app.settings import Settings

_out = Console(soft_wrap=True)
_err = Console(stderr=True, soft_wrap=True)

T = TypeVar("T")
Format = Literal["table", "csv", "json"]
DaysOption = Annotated[
    int | None, typer.Option(min=1, help="Length of a window that ends now, in days.")
]
StartOption = Annotated[str | None, typer.Option(help="Start of the window (inclusive), ISO 8601.")]
EndOption = Annotated[
    str | None, typer.Option(help="End of the window (exclusive), ISO 8601; now by default.")
]
FormatOption = Annotated[Format, typer.Option("--format", help="Output format.")]

# Of the embedded server: for other commands beside the service, and those it keeps for itself.
SPARE_CONNECTIONS = 20
CONNECTIONS_MIN = 100
DOMAIN_SHOWN_MAX_CHARS = 64
PIPE_WIDTH = 100_000
_JSON_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

PROGRAM = "activity-events"


def echo(text: str, *, error: bool = False, label: str = "", style: str = "") -> None:
    """Print a line literally: without markup or emoji codes, and with control characters escaped.

    Args:
        error: Print to standard error.
        label: Text to print before the line, in `style`.
    """
    line = Text(printable(label), style) + (" " if label else "")
    line.append(printable(text, keep_lines=True))
    (_err if error else _out).print(line, markup=False, emoji=False, highlight=False)


def echo_json(value: Any) -> None:
    """Print a value as JSON, with control characters escaped."""
    text = orjson.dumps(value, option=_JSON_OPTIONS, default=json_default).decode()
    sys.stdout.write(f"{printable_json(text)}\n")


def echo_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], format_: Format) -> None:
    """Print rows as JSON objects, as CSV, or as a table without its empty columns. Tables that
    don't go to a terminal are neither wrapped nor cut."""
    if format_ == "json":
        echo_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    if format_ == "csv":
        text = csv_text(columns, ([_joined(value) for value in row] for row in rows))
        sys.stdout.write(printable(text, keep_lines=True) if sys.stdout.isatty() else text)
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown = [
        (name, values)
        for name, values in zip(columns, zip(*rows, strict=True), strict=False)
        if any(value not in {None, ""} for value in map(_cell, values))
    ]
    for name, values in shown:
        is_number = all(isinstance(value, int | float | None) for value in values)
        table.add_column(
            Text(printable(name.replace("_", " "))),
            justify="right" if is_number else "left",
            overflow="fold",
        )
    for cells in zip(*(values for _, values in shown), strict=True):
        table.add_row(*(Text(_cell(value)) for value in cells))
    (_out if _out.is_terminal else Console(width=PIPE_WIDTH)).print(table)


def _cell(value: Any) -> str:
    """Return the text of a table cell; instants are shown to the minute."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else printable(str(_joined(value)))


def _joined(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def program() -> str:
    """Return the command that runs this program again in the same shell: its name if the shell can
    resolve it, else the path by which it was called."""
    called = Path(sys.argv[0])
    found = shutil.which(PROGRAM)
    is_found = found is not None and called.exists() and Path(found).samefile(called)
    return PROGRAM if is_found or called.name != PROGRAM else shlex.quote(sys.argv[0])


@contextmanager
def database_url(
    settings: Settings, *, owner_note: str = "", share: bool = True, create: bool = False
) -> Iterator[str]:
    """Yield the URL of the configured database, or of the embedded one, which runs meanwhile.

    Args:
        create: Create the embedded database if it does not exist, instead of failing.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    # It imports modules that only POSIX has; with DATABASE_URL, the command line works without.
    from app.database.embedded import embedded_postgres

    most = settings.workers * connections_of(settings) + SPARE_CONNECTIONS
    with embedded_postgres(
        settings.data_dir,
        owner_note=owner_note,
        share=share,
        create=create,
        options={"max_connections": str(max(CONNECTIONS_MIN, most))},
    ) as url:
        yield url


async def translated(run: Callable[[], Awaitable[T]]) -> T:
    """Run something, and turn database errors into errors with the database's own message."""
    try:
        return await run()
    except ServeError:
        raise
    except (OSError, asyncpg.InternalClientError, asyncpg.InterfaceError) as error:
        why = str(error) or "the connection timed out"
        raise ServeError(f"The database can't be reached: {why}. Check DATABASE_URL.") from error
    except FAILURES as error:
        raise ServeError(f"Database error: {getattr(error, 'orig', error)}") from error


def with_database(run: Callable[[Database, Settings], Awaitable[T]], *, create: bool = False) -> T:
    """Run something with the configured database, and close the database afterwards. For `create`
    see `database_url`."""
    settings = Settings()

    async def go(url: str) -> T:
        database = Database(url, settings)
        try:
            await translated(lambda: require_suitable(url, settings))
            await translated(lambda: require_erasure_secret(database, settings))
            return await run(database, settings)
        finally:
            await database.dispose()

    with database_url(settings, create=create) as url:
        return asyncio.run(go(url))


def email_of(given: str, hint: str) -> str:
    """Normalise the email address that the option or argument `hint` holds."""
    try:
        return normalise_email(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error


def domain_of(given: str | None, hint: str) -> str | None:
    """Check the domain that the option `hint` holds; it turns ids into email addresses."""
    if given is None:
        return None
    domain = given.strip()
    try:
        normalise_email(f"u@{domain}")
    except ValueError:
        shown = given[:DOMAIN_SHOWN_MAX_CHARS]
        raise typer.BadParameter(
            f"{shown!r} is not a domain; expected one like users.example.com", param_hint=hint
        ) from None
    return domain


def open_named(path: Path, hint: str) -> IO[bytes]:
    """Call `replaced_private` with the file that the option `hint` holds."""
    try:
        return replaced_private(path)
    except FileNotFoundError:
        message = f"the folder {path.parent} does not exist"
    except OSError as error:
        message = f"{path} can't be written: {error.strerror}"
    raise typer.BadParameter(message, param_hint=hint)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr; call the yielded function to advance it. Without a total it
    only shows activity."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(what, *columns, console=_err) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
