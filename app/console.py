"""What all commands share: where they print, which database they use, how they show progress."""

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

from app.db import Database
from app.db_errors import FAILURES
from app.db_slots import connections_of
from app.errors import ServeError
from app.migrate import require_suitable
from app.printable import printable, printable_json
from app.privacy.erasure_secret import require_erasure_secret
from app.private_files import replaced_private
from app.read.csv_table import csv_text
from app.read.metadata_values import json_default
from app.schemas.email import normalise_email
from app.settings import Settings

_out = Console(soft_wrap=True)
_err = Console(stderr=True, soft_wrap=True)

T = TypeVar("T")
Format = Literal["table", "csv", "json"]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print it.")]

# Of the embedded server: for other commands beside the service, and those it keeps for itself.
SPARE_CONNECTIONS = 20
CONNECTIONS_MIN = 100
DOMAIN_SHOWN_MAX_CHARS = 64
PIPE_WIDTH = 100_000
_JSON_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

PROGRAM = "activity-events"


def echo(text: str, *, error: bool = False, label: str = "", style: str = "") -> None:
    """Print a line as it is: brackets and colons in it are no markup, control characters escapes.

    Args:
        error: to standard error.
        label: printed before it, in `style`.
    """
    line = Text(printable(label), style) + (" " if label else "")
    line.append(printable(text, keep_lines=True))
    (_err if error else _out).print(line, markup=False, emoji=False, highlight=False)


def echo_json(value: Any) -> None:
    """Print a value as JSON, which says the same without control characters."""
    text = orjson.dumps(value, option=_JSON_OPTIONS, default=json_default).decode()
    sys.stdout.write(f"{printable_json(text)}\n")


def echo_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], format_: Format) -> None:
    """Print rows: as JSON objects, as CSV, or as a table for people, in which what is empty in all
    rows has no column. Where nobody looks at a terminal, nothing is wrapped or cut."""
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
    """A value for people: instants to the minute."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else printable(str(_joined(value)))


def _joined(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def program() -> str:
    """Return how to call this program again from the same shell: by its name where that is found,
    else by the path by which it was called."""
    called = Path(sys.argv[0])
    found = shutil.which(PROGRAM)
    is_found = found is not None and called.exists() and Path(found).samefile(called)
    return PROGRAM if is_found or called.name != PROGRAM else shlex.quote(sys.argv[0])


@contextmanager
def database_url(
    settings: Settings, *, owner_note: str = "", share: bool = True, create: bool = False
) -> Iterator[str]:
    """The database of the settings, or the embedded one, running for as long as it is needed.

    Args:
        create: make the embedded one where there is none yet, rather than fail.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    # What it imports is POSIX's alone; with a server of your own, the command line does without.
    from app.embedded import embedded_postgres

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
    """What the database says of a failure is of use at the command line."""
    try:
        return await run()
    except ServeError:
        raise
    except (OSError, asyncpg.InternalClientError, asyncpg.InterfaceError) as error:
        why = str(error) or "no answer in time"
        raise ServeError(f"The database can't be reached: {why}. Check DATABASE_URL.") from error
    except FAILURES as error:
        raise ServeError(f"The database refuses: {getattr(error, 'orig', error)}") from error


def with_database(run: Callable[[Database, Settings], Awaitable[T]], *, create: bool = False) -> T:
    """What a command does with the database of the settings, which is closed afterwards. Args: as
    `database_url`."""
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
    """An email that was given as the option or argument `hint`."""
    try:
        return normalise_email(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from error


def domain_of(given: str | None, hint: str) -> str | None:
    """A domain that was given as the option `hint`, with which an id becomes an address."""
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
    """As `replaced_private`, of a file that was given as the option `hint`."""
    try:
        return replaced_private(path)
    except FileNotFoundError:
        message = f"the folder {path.parent} does not exist"
    except OSError as error:
        message = f"{path} can't be written: {error.strerror}"
    raise typer.BadParameter(message, param_hint=hint)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; what it yields is told of each step. Without a total it only moves."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(what, *columns, console=_err) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
