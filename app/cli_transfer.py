"""`activity-events export` and `activity-events import`: events into a file, and back."""

import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from app.console import email_of, err, out, progress_bar, with_database
from app.db import Database
from app.errors import TooExpensive
from app.ingest.import_events import ImportCounts, import_events
from app.ingest.import_files import FileFormat, entries, file_size, format_of
from app.privacy.opt_out import finish_opt_outs
from app.privacy.partitions import ensure_partitions
from app.read.export import ExportRequest, ExportSlots, count_events, open_export
from app.read.filters import EventFilter
from app.read.window import resolve_window
from app.schemas.queries import ExportFormat
from app.schemas.strict_json import Fault
from app.settings import Settings

UserOption = Annotated[
    str | None, typer.Option(help="Only this user's; in NDJSON their profile comes first.")
]


def export_command(
    output: Annotated[str, typer.Option(help="The file to write; - is the standard output.")] = "-",
    format_: Annotated[ExportFormat, typer.Option("--format", help="Of the file.")] = "ndjson",
    user_email: UserOption = None,
    start: Annotated[str | None, typer.Option(help="From then on, ISO 8601.")] = None,
    end: Annotated[str | None, typer.Option(help="Until before then; by default now.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="The last so many days.")] = None,
) -> None:
    """Write events into a file, oldest first: all of them, a user's, or those of a window."""
    email = None if user_email is None else email_of(user_email, "--user-email")
    window = resolve_window(datetime.now(UTC), days=days, start=start, end=end)
    # Of one user it is everything that is kept, also what they have hidden from analytics.
    filter_ = EventFilter(user_email=() if email is None else (email,), own=email is not None)
    request = ExportRequest(filter_, window, format_, profile_of=email)

    async def run(database: Database, _: Settings) -> int:
        total = None
        try:
            total = await count_events(database, request)
        except TooExpensive:
            err.print("There are too many events to count them first.")
        export = await open_export(request, database, ExportSlots(1))
        written = 0
        with _written_whole(output) as file, progress_bar("Exporting", total) as advance:
            async with aclosing(export.chunks()) as chunks:
                async for chunk, events in chunks:
                    file.write(chunk)
                    written += events
                    advance(events)
        return written

    events = with_database(run)
    err.print(f"{events} events exported", highlight=False)


def import_command(
    file: Annotated[Path, typer.Argument(help="NDJSON, CSV or Parquet.", exists=True)],
    format_: Annotated[
        FileFormat | None, typer.Option("--format", help="By default what its name ends in.")
    ] = None,
) -> None:
    """Read a file's events into the database; the same file again adds nothing.

    Exit code 1 where a line was rejected: each is named, and all others are kept.
    """
    kind = format_ or format_of(file)

    def rejected(number: int, fault: Fault) -> None:
        err.print(
            f"line {number}: {fault.field}: {fault.message} ({fault.code})",
            highlight=False,
            markup=False,
        )

    async def run(database: Database, settings: Settings) -> ImportCounts:
        now = datetime.now(UTC)
        async with database.transaction() as session:
            await ensure_partitions(await session.connection(), settings, now)
        with progress_bar("Importing", file_size(file, kind)) as advance:
            counts = await import_events(
                entries(file, kind),
                database,
                settings,
                now,
                on_rejected=rejected,
                on_progress=advance,
            )
        # Of who is opted out in the file, the events are not to be counted.
        await finish_opt_outs(database)
        return counts

    counts = with_database(run)
    for name, times in sorted(counts.ignored.items()):
        err.print(f"{name} is not a field of an event; ignored, {times} times", markup=False)
    if counts.mismatched:
        err.print(f"{counts.mismatched} duplicates are stored with other content, which was kept")
    out.print(
        f"{counts.accepted} accepted, {counts.duplicates} duplicates, {counts.rejected} rejected"
        + (f", {counts.suppressed} suppressed" if counts.suppressed else "")
        + (f", {counts.users} users" if counts.users else ""),
        highlight=False,
    )
    if counts.rejected:
        raise typer.Exit(1)


@contextmanager
def _written_whole(output: str) -> Iterator[BinaryIO]:
    """The file gets its name when it is whole, so that a part of it is never taken for all."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
