"""`activity-events export`: events into a file, and beside it what users were promised."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated

import orjson
import typer

from app.console import echo, email_of, progress_bar, with_database
from app.db import Database
from app.errors import TooExpensive
from app.privacy.transfer import privacy_lines
from app.private_files import written_private
from app.read.export import ExportRequest, count_events, open_export
from app.read.filters import EventFilter
from app.read.window import resolve_window
from app.schemas.privacy_lines import ErasureLine, PrivacyLine, UserLine
from app.schemas.queries import ExportFormat
from app.settings import Settings
from app.slots import Slots

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
    str | None, typer.Option(help="Only this user's; in NDJSON their profile comes first.")
]


def privacy_file_of(events_file: Path) -> Path:
    """The file beside a file of events: `events.csv.gz` -> `events.privacy.ndjson`."""
    name = events_file.name.removesuffix(".gz")
    return events_file.parent / f"{Path(name).stem}.privacy.ndjson"


def export_command(
    output: Annotated[str, typer.Option(help="The file to write; - is the standard output.")] = "-",
    format_: Annotated[ExportFormat, typer.Option("--format", help="File format.")] = "ndjson",
    user_email: UserOption = None,
    start: Annotated[str | None, typer.Option(help="From then on, ISO 8601.")] = None,
    end: Annotated[str | None, typer.Option(help="Until before then; by default now.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="The last so many days.")] = None,
    privacy: Annotated[
        Path | None,
        typer.Option(
            help="Where opt-outs and erasures go; by default beside the output, as "
            "NAME.privacy.ndjson."
        ),
    ] = None,
    with_erasure_secret: Annotated[
        bool,
        typer.Option(
            "--with-erasure-secret",
            help="Include the erasure secret, so that another database recognizes erased users. "
            "With it, anybody can try whether an address was erased.",
        ),
    ] = False,
) -> None:
    """Write events into a file, oldest first: all of them, a user's, or those of a window.

    Events of users who opted out of analytics are hidden, and not in it. Who opted out, and who was
    erased, is written to a second file (only where there is anybody): import both.
    """
    email = None if user_email is None else email_of(user_email, "--user-email")
    window = resolve_window(datetime.now(UTC), days=days, start=start, end=end)
    # Of one user it is everything that is kept, also what they have hidden from analytics.
    filter_ = EventFilter(user_email=() if email is None else (email,), own=email is not None)
    request = ExportRequest(filter_, window, format_, profile_of=email)
    beside = privacy or (None if output == "-" else privacy_file_of(Path(output)))

    async def run(database: Database, settings: Settings) -> int:
        total = None
        try:
            total = await count_events(database, request)
        except TooExpensive:
            echo("There are too many events to count them first.", error=True)
        export = await open_export(request, database, Slots("exports", "exports", 1))
        written = 0
        with _written(output) as file, progress_bar("Exporting", total) as advance:
            async with aclosing(export.chunks()) as chunks:
                async for chunk, events in chunks:
                    file.write(chunk)
                    written += events
                    advance(events)
        if email is None:
            # After the events: who opted out meanwhile is in it.
            lines = privacy_lines(database, settings, with_secret=with_erasure_secret)
            await _write_privacy(lines, beside, with_secret=with_erasure_secret)
        elif format_ != "ndjson":
            echo(
                f"{format_} has no profile: opt-outs are not in the file, but in --format ndjson.",
                error=True,
            )
        return written

    events = with_database(run)
    echo(f"{events} events exported", error=True)


async def _write_privacy(
    lines: AsyncIterator[PrivacyLine], path: Path | None, *, with_secret: bool
) -> None:
    """Opt-outs and erasures into their file; where there is none, a warning that they are missing.

    A file of an earlier export is replaced, or removed where there is nothing any more.
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
            f"Warning: not in this file are {what}. A database that imports it would record these "
            "people again: export with --privacy FILE, and import that file first.",
            error=True,
        )
    else:
        echo(f"{path} has {what}. Keep it beside the events: import applies it first.", error=True)
    if hidden:
        echo(
            f"Hidden, and not exported: events of users who opted out of analytics ({hidden}).",
            error=True,
        )
    if erasures and path is not None and not with_secret and Settings().erasure_secret is None:
        echo(
            "Only a database with the same secret understands the erasures: export with "
            "--with-erasure-secret, or set ACTIVITY_ERASURE_SECRET before anybody is erased.",
            error=True,
        )


@contextmanager
def _written(output: str) -> Iterator[IO[bytes]]:
    """The file, or standard output."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with written_private(Path(output)) as file:
        yield file
