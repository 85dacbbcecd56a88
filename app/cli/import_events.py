"""`activity-events import`: import events from this service or another product."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import (
    domain_of,
    echo,
    open_named,
    program,
    progress_bar,
    translated,
    with_database,
)
from app.cli.export import privacy_file_of
from app.database.migrations import migrate_at
from app.database.partitions import ensure_partitions
from app.database.sessions import Database
from app.ingest.import_choice import MappingOptions, choose_mapping
from app.ingest.import_events import (
    ImportCounts,
    Preparation,
    check_events,
    import_events,
)
from app.ingest.import_files import EventFile, FileFormat, open_events, sample_of
from app.ingest.import_formats import TimeUnit
from app.ingest.import_report import RejectionReport, described, summary
from app.ingest.import_source import STANDARD_INPUT
from app.privacy.opt_out import finish_opt_outs
from app.privacy.transfer import PrivacyCounts, apply_privacy_lines
from app.schemas.privacy_lines import PrivacyLine
from app.settings import Settings

NAMES_SHOWN = 20

EXAMPLES = """
Examples:

\b
  activity-events import events.ndjson.gz
  activity-events import segment.csv --dry-run
  activity-events import events.csv --map who=user_email --map ts=event_timestamp --time-unit ms
  psql --csv -c "SELECT ..." | activity-events import - --errors rejected.ndjson
"""


@dataclass(frozen=True, slots=True)
class _Import:
    """Options of the command line, and the counts so far."""

    options: MappingOptions
    format: FileFormat | None
    encoding: str | None
    time_unit: TimeUnit | None
    report: RejectionReport
    counts: ImportCounts = field(default_factory=ImportCounts)
    privacy: PrivacyCounts = field(default_factory=PrivacyCounts)


def import_command(
    file: Annotated[
        str,
        typer.Argument(
            help="NDJSON, JSON, CSV or Parquet file, also gzipped; `-` reads standard input."
        ),
    ],
    format_: Annotated[
        FileFormat | None,
        typer.Option(
            "--format", help="File format; by default detected from its name and first bytes."
        ),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=EVENT_FIELD",
            help="Map a field of the file (nested: a.b) to a field of an event, or to "
            "`metadata.NAME`. Can be repeated; if several fields map to user_email, each record "
            "uses the first one that holds an address.",
        ),
    ] = None,
    time_unit: Annotated[
        TimeUnit | None, typer.Option(help="Unit of numeric timestamps (time since 1970).")
    ] = None,
    user_domain: Annotated[
        str | None,
        typer.Option(
            help="Turn user ids into email addresses: `u_1` becomes `u_1@DOMAIN`.",
            metavar="DOMAIN",
        ),
    ] = None,
    rest_to_metadata: Annotated[
        bool,
        typer.Option("--rest-to-metadata", help="Keep unknown fields in metadata."),
    ] = False,
    encoding: Annotated[
        str | None,
        typer.Option(help="Text encoding, such as `cp1252` or `latin-1`; UTF-8 by default."),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(help="Write rejected entries to this file, to correct and import later."),
    ] = None,
    privacy: Annotated[
        Path | None,
        typer.Option(
            help="File of opt-outs and erasures to apply first; by default NAME.privacy.ndjson "
            "beside the file, if it exists."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file, but write nothing.")
    ] = False,
) -> None:
    """Import a file of events; importing the same file again adds nothing.

    Recognizes exports of Segment, Amplitude, Mixpanel, PostHog, Snowplow and Google Analytics 4,
    and common field names of others. After a failure, run the same command to resume. Exits with
    code 1 if entries were rejected; the other entries are imported.
    """
    options = MappingOptions(
        _moves(map_ or []), domain_of(user_domain, "--user-domain"), rest_to_metadata
    )
    if errors is not None and file != STANDARD_INPUT and errors.resolve() == Path(file).resolve():
        raise typer.BadParameter("must not be the file to import", param_hint="--errors")
    with nullcontext() if errors is None else open_named(errors, "--errors") as errors_file:
        one = _Import(options, format_, encoding, time_unit, RejectionReport(errors_file))
        is_whole = False
        try:
            if dry_run:
                _check(one, file)
            else:
                _write(one, file, _privacy_of(file, privacy))
            is_whole = True
        finally:
            _print_notes(one, errors)
            if is_whole:
                _print_counts(one, dry_run=dry_run)
            elif one.counts.accepted or one.counts.duplicates:
                echo(
                    f"Stopped after {one.counts.accepted} accepted and {one.counts.duplicates} "
                    "duplicates. Run the same command to resume.",
                    error=True,
                )
    if one.counts.rejected or one.privacy.foreign:
        raise typer.Exit(1)


def _check(one: _Import, file: str) -> None:
    with (
        _opened(one, file, Settings()) as (events, preparation),
        progress_bar("Reading", events.source.size) as advance,
    ):
        progress = _progress(events, advance)
        check_events(events.entries, preparation, one.counts, on_progress=progress)


def _write(one: _Import, file: str, privacy: Path | None) -> None:
    async def run(database: Database, settings: Settings) -> None:
        # There may be no service yet that has migrated it.
        await translated(lambda: migrate_at(database.url, settings))
        async with database.transaction() as session:
            await ensure_partitions(await session.connection(), settings, datetime.now(UTC))
        try:
            if privacy is not None:
                echo(f"Applying {privacy} first", error=True)
                plain = replace(one, options=MappingOptions(), format="ndjson", encoding=None)
                await _write_file(plain, str(privacy), database, settings)
            await _write_file(one, file, database, settings)
        finally:
            # Events of users whom the file opts out must not be counted.
            await finish_opt_outs(database)

    with_database(run)


async def _write_file(one: _Import, file: str, database: Database, settings: Settings) -> None:
    async def apply(lines: list[PrivacyLine]) -> None:
        await apply_privacy_lines(database, settings, lines, one.privacy)

    with (
        _opened(one, file, settings) as (events, preparation),
        progress_bar("Importing", events.source.size) as advance,
    ):
        await import_events(
            events.entries,
            database,
            preparation,
            one.counts,
            on_privacy=apply,
            on_progress=_progress(events, advance),
        )


@contextmanager
def _opened(one: _Import, file: str, settings: Settings) -> Iterator[tuple[EventFile, Preparation]]:
    """Open the file, choose a mapping by its first entries, and print it."""
    with open_events(file, one.format, one.encoding) as events:
        one.report.unit = events.unit
        sample, rest = sample_of(events.entries)
        mapping = choose_mapping((entry.value for entry in sample), events.columns, one.options)
        for line in described(mapping):
            echo(line, error=True)
        known_unit = mapping.known.time_unit if mapping.known else None
        yield (
            replace(events, entries=chain(sample, rest)),
            Preparation(
                settings, datetime.now(UTC), one.report.add, mapping, one.time_unit or known_unit
            ),
        )


def _progress(events: EventFile, advance: Callable[[int], None]) -> Callable[[int], None]:
    """Return a function that advances a progress bar by the bytes read from the file."""
    at = 0

    def progress(_: int) -> None:
        nonlocal at
        before, at = at, events.source.position()
        advance(at - before)

    return progress


def _moves(texts: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        source, separator, target = text.rpartition("=")
        if not separator or not source or not target:
            raise typer.BadParameter(
                f"{text!r} must have the form FIELD=EVENT_FIELD", param_hint="--map"
            )
        pairs.append((source, target))
    return tuple(pairs)


def _privacy_of(file: str, named: Path | None) -> Path | None:
    """Return the file of opt-outs and erasures beside a file of events."""
    if named is not None or file == STANDARD_INPUT:
        return named
    beside = privacy_file_of(Path(file))
    return next((path for path in (beside, Path(f"{beside}.gz")) if path.exists()), None)


def _print_notes(one: _Import, errors: Path | None) -> None:
    counts, privacy = one.counts, one.privacy
    for line in summary(counts, one.report):
        echo(line, error=True)
    if counts.rejected and errors is not None:
        echo(
            f"{errors} holds all rejected entries. Correct them, and import that file.", error=True
        )
    if privacy.foreign:
        number = privacy.foreign
        what = "1 erasure was not imported: it was hashed"
        if number > 1:
            what = f"{number} erasures were not imported: they were hashed"
        echo(
            f"{what} with another secret. "
            "Export them with --with-erasure-secret into a database without erasures, or set the "
            "same ACTIVITY_ERASURE_SECRET on both.",
            error=True,
        )
    if privacy.is_secret_new:
        echo(
            "The import set the erasure secret of this database. Restart running services.",
            error=True,
        )
    for email in sorted(privacy.still_here)[:NAMES_SHOWN]:
        advice = f"To erase them, run {program()} erase {email}"
        echo(f"{email} was erased there, but is a user here. {advice}", error=True)


def _print_counts(one: _Import, *, dry_run: bool) -> None:
    counts = one.counts
    skipped = {"skipped (such as identify and group)": counts.no_events}
    if dry_run:
        echo(
            f"{counts.accepted} events can be imported (an import suppresses those of users who "
            f"opted out or were erased), {counts.rejected} rejected{_listed(skipped)}; "
            "nothing was written"
        )
        return
    rest = {
        "suppressed": counts.suppressed,
        "users": counts.users,
        "erasures": one.privacy.erasures,
        **skipped,
    }
    echo(
        f"{counts.accepted} accepted, {counts.duplicates} duplicates, {counts.rejected} rejected"
        + _listed(rest)
    )


def _listed(numbers: dict[str, int]) -> str:
    """Return the counts that are not 0, each after a comma."""
    return "".join(f", {number} {name}" for name, number in numbers.items() if number)
