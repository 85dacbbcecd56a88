"""`activity-events export`: write events to a file, and opt-outs and erasures beside it."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated

import orjson
import typer

from app.cli.common import (
    DaysOption,
    EndOption,
    StartOption,
    echo,
    email_of,
    progress_bar,
    with_database,
)
from app.database.private_files import written_private
from app.database.sessions import Database
from app.database.slots import Slots
from app.errors import TooExpensive
from app.privacy.transfer import privacy_lines
from app.read.export import ExportRequest, count_events, open_export
from app.read.filters import EventFilter
from app.read.window import resolve_window
from app.schemas.privacy_lines import ErasureLine, PrivacyLine, UserLine
from app.schemas.queries import ExportFormat
from app.settings import Settings

EXAMPLES = """
Examples:

\b
  activity-events export --output events.ndjson
  activity-events export --output events.parquet --format parquet --days 30
  activity-events export --user-email ada@example.com > ada.ndjson
  activity-events export | gzip > events.ndjson.gz
"""

_JSON_LINE = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE

UserOption = Annotated[
    str | None,
    typer.Option(help="Export only this user's events; NDJSON starts with the user's profile."),
]


def privacy_file_of(events_file: Path) -> Path:
    """Return the privacy file of a file of events: `events.csv.gz` -> `events.privacy.ndjson`."""
    name = events_file.name.removesuffix(".gz")
    return events_file.parent / f"{Path(name).stem}.privacy.ndjson"


def export_command(
    output: Annotated[
        str, typer.Option(help="File to write; `-` writes to standard output.")
    ] = "-",
    format_: Annotated[ExportFormat, typer.Option("--format", help="File format.")] = "ndjson",
    user_email: UserOption = None,
    start: StartOption = None,
    end: EndOption = None,
    days: DaysOption = None,
    privacy: Annotated[
        Path | None,
        typer.Option(
            help="File to write opt-outs and erasures to; by default NAME.privacy.ndjson beside "
            "the output."
        ),
    ] = None,
    with_erasure_secret: Annotated[
        bool,
        typer.Option(
            "--with-erasure-secret",
            help="Include the erasure secret, so that another database recognizes erased users. "
            "Anyone who has it can test whether an address was erased.",
        ),
    ] = False,
) -> None:
    """Export events to a file, oldest first: all events, one user's, or those of a window.

    Events of users who opted out of analytics are not exported. Opt-outs and erasures, if any, go
    to a second file; import both.
    """
    email = None if user_email is None else email_of(user_email, "--user-email")
    window = resolve_window(datetime.now(UTC), days=days, start=start, end=end)
    # An export of one user has all stored events, also those hidden from analytics.
    filter_ = EventFilter(user_email=() if email is None else (email,), own=email is not None)
    request = ExportRequest(filter_, window, format_, profile_of=email)
    beside = privacy or (None if output == "-" else privacy_file_of(Path(output)))

    async def run(database: Database, settings: Settings) -> int:
        total = None
        try:
            total = await count_events(database, request)
        except TooExpensive:
            echo("Counting the events takes too long; progress has no total.", error=True)
        export = await open_export(request, database, Slots("exports", "exports", 1))
        written = 0
        with _written(output) as file, progress_bar("Exporting", total) as advance:
            async with aclosing(export.chunks()) as chunks:
                async for chunk, events in chunks:
                    file.write(chunk)
                    written += events
                    advance(events)
        if email is None:
            # After the events, to include users who opted out meanwhile.
            lines = privacy_lines(database, settings, with_secret=with_erasure_secret)
            await _write_privacy(lines, beside, with_secret=with_erasure_secret)
        elif format_ != "ndjson":
            echo(
                f"A {format_} file has no profile and no opt-outs; use --format ndjson for them.",
                error=True,
            )
        return written

    events = with_database(run)
    echo(f"{events} events exported", error=True)


async def _write_privacy(
    lines: AsyncIterator[PrivacyLine], path: Path | None, *, with_secret: bool
) -> None:
    """Write opt-outs and erasures to their file; without a file, warn that they are missing.

    A file of an earlier export is replaced, or removed if nothing is left to write.
    """
    users = hidden = erasures = 0
    private = nullcontext() if path is None else written_private(path, keep_empty=False)
    with private as file:
        async for line in lines:
            if isinstance(line, UserLine):
                users += 1
                hidden += line.opt_outs[0]
            erasures += isinstance(line, ErasureLine)
            if file is not None:
                file.write(orjson.dumps(line.as_json(), option=_JSON_LINE))
    if users or erasures:
        _tell_privacy(path, users, hidden, erasures, with_secret=with_secret)


def _tell_privacy(
    path: Path | None, users: int, hidden: int, erasures: int, *, with_secret: bool
) -> None:
    what = f"users who opted out: {users}, erasures: {erasures}"
    if path is None:
        echo(
            f"Warning: the export does not include opt-outs and erasures ({what}). A database "
            "that imports it would record these people again: export with --privacy FILE, and "
            "import that file first.",
            error=True,
        )
    else:
        echo(
            f"{path} holds opt-outs and erasures ({what}). Keep it beside the events: import "
            "applies it first.",
            error=True,
        )
    if hidden:
        echo(
            f"Not exported: events of users who opted out of analytics ({hidden}).",
            error=True,
        )
    if erasures and path is not None and not with_secret and Settings().erasure_secret is None:
        echo(
            "Only a database with the same erasure secret can import the erasures: export with "
            "--with-erasure-secret, or set ACTIVITY_ERASURE_SECRET before the first erasure.",
            error=True,
        )


@contextmanager
def _written(output: str) -> Iterator[IO[bytes]]:
    """Open the output file, or standard output."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with written_private(Path(output)) as file:
        yield file
