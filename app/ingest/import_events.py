"""An export, or any file of events, back into the tables.

It goes the way of all events, by `GroupWriter`, so that totals, duplicates and verdicts are as
everywhere. But it is history: an event keeps the time and the moment of receipt that it has, and no
clock is corrected.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text

from app.database.sessions import Database
from app.errors import InvalidRequest
from app.ingest.content_ids import ContentIds
from app.ingest.import_files import LINE_MAX_BYTES, Entry
from app.ingest.import_formats import FileTimeUnit
from app.ingest.import_mapping import NATIVE, FieldMapping
from app.ingest.import_prepare import FileOrder, prepare_entry
from app.ingest.results import Rejected, Warn, WriteOutcome
from app.ingest.rows import EventRow
from app.ingest.writer import GroupWriter
from app.schemas.privacy_lines import PrivacyLine, UserLine
from app.schemas.strict_json import Fault
from app.settings import Settings

GROUP_EVENTS = 1000
GROUP_BYTES = 4 * 1024 * 1024
USERS_AT_ONCE = 1000
IGNORED_NAMES_MAX = 1000

# A user of the file is older than their first event here.
RESTORE_USERS = text(
    "UPDATE app_user SET created_at = known.created_at"
    " FROM unnest(CAST(:emails AS text[]), CAST(:created_at AS timestamptz[]))"
    "   AS known (email, created_at)"
    " WHERE app_user.email = known.email AND app_user.created_at > known.created_at"
)

OnRejected = Callable[[Entry, Fault], None]
OnPrivacy = Callable[[list[PrivacyLine]], Awaitable[None]]


@dataclass(slots=True)
class ImportCounts:
    """Counts of an import. `mismatched` counts duplicates that differ from the stored event;
    `ignored` counts ignored fields by name; `warnings` has for each code its count, and the first
    line and warning."""

    accepted: int = 0
    duplicates: int = 0
    suppressed: int = 0
    mismatched: int = 0
    rejected: int = 0
    users: int = 0
    no_events: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, tuple[int, int, Warn]] = field(default_factory=dict)

    def warn(self, number: int, warnings: tuple[Warn, ...]) -> None:
        """Count an event's warnings."""
        for warning in warnings:
            if warning.code == "unknown_field":
                name = warning.field
                if name not in self.ignored and len(self.ignored) >= IGNORED_NAMES_MAX:
                    name = "others"
                self.ignored[name] = self.ignored.get(name, 0) + 1
            else:
                times, first, example = self.warnings.get(warning.code, (0, number, warning))
                self.warnings[warning.code] = (times + 1, first, example)


@dataclass(frozen=True, slots=True)
class _Group:
    """Events that are written together, after the privacy lines before them."""

    rows: list[EventRow] = field(default_factory=list)
    lines: list[PrivacyLine] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Preparation:
    """How to read the entries of one file."""

    settings: Settings
    now: datetime
    on_rejected: OnRejected
    mapping: FieldMapping = NATIVE
    time_unit: FileTimeUnit | None = None

    def groups(self, file: Iterator[Entry], counts: ImportCounts) -> Iterator[_Group]:
        """The file in groups. Where it breaks off, its last group comes before the error."""
        # The limit guards the service against its clients; what was stored once may be again.
        settings = self.settings.model_copy(update={"event_max_bytes": LINE_MAX_BYTES})
        order = FileOrder()
        with closing(ContentIds()) as ids:
            for entries, size, error in _entry_groups(file):
                group = _Group(size=size)
                for entry in entries:
                    try:
                        prepared = prepare_entry(
                            entry, settings, self.now, ids, self.mapping, self.time_unit
                        )
                    except Rejected as rejected:
                        counts.rejected += 1
                        self.on_rejected(entry, rejected.fault)
                        continue
                    if isinstance(prepared, EventRow):
                        group.rows.append(order.kept(prepared))
                        counts.warn(entry.number, prepared.warnings)
                    elif prepared is None:
                        counts.no_events += 1
                    else:
                        group.lines.append(prepared)
                yield group
                if error is not None:
                    raise error


def check_events(
    file: Iterator[Entry],
    preparation: Preparation,
    counts: ImportCounts,
    *,
    on_progress: Callable[[int], None],
) -> None:
    """Read all of a file and write nothing; `accepted` are the events that could be written."""
    for group in preparation.groups(file, counts):
        counts.accepted += len(group.rows)
        counts.users += sum(isinstance(line, UserLine) for line in group.lines)
        on_progress(group.size)


async def import_events(
    file: Iterator[Entry],
    database: Database,
    preparation: Preparation,
    counts: ImportCounts,
    *,
    on_privacy: OnPrivacy,
    on_progress: Callable[[int], None],
) -> None:
    """Write all events of a file, in groups; the same file imported again adds nothing.

    When this returns, everything but the rejected entries is committed. If it raises, the written
    events stay and are in `counts`, and importing the same file again resumes.

    Args:
        on_privacy: applies lines about users. Events after them in the file are written after it.
        on_progress: Called with the progress in the file, in the sizes of its entries.

    Raises:
        InvalidRequest: the file breaks off; what is before is written.
        Unavailable: the database failed; a group of which nothing is known may be written.
    """
    writer = GroupWriter(database, preparation.settings, announced=False)
    writer.start()
    users: dict[str, datetime] = {}
    writing: asyncio.Task[None] | None = None
    try:
        for group in preparation.groups(file, counts):
            users |= {
                line.email: line.created_at for line in group.lines if isinstance(line, UserLine)
            }
            # One group is written while the next one is read.
            if writing is not None:
                await writing
                writing = None
            if group.lines:
                await on_privacy(group.lines)
            writing = asyncio.create_task(
                _write(writer, group.rows, group.size, counts, on_progress)
            )
    finally:
        try:
            if writing is not None:
                await writing
        finally:
            await writer.close()
            counts.users += len(users)
    # Last: the users are made by their events.
    await _restore(database, users)


def _entry_groups(
    file: Iterator[Entry],
) -> Iterator[tuple[list[Entry], int, InvalidRequest | None]]:
    group: list[Entry] = []
    size = 0
    try:
        for entry in file:
            group.append(entry)
            size += entry.size
            if len(group) >= GROUP_EVENTS or size >= GROUP_BYTES:
                yield group, size, None
                group, size = [], 0
    except InvalidRequest as error:
        yield group, size, error
        return
    if group:
        yield group, size, None


async def _write(
    writer: GroupWriter,
    rows: list[EventRow],
    size: int,
    counts: ImportCounts,
    on_progress: Callable[[int], None],
) -> None:
    if rows:
        outcomes = await writer.write(rows, size)
        found = Counter(outcomes.values())
        suppressed = found[WriteOutcome.OPTED_OUT] + found[WriteOutcome.ERASED]
        counts.accepted += len(rows) - len(outcomes)
        counts.duplicates += len(outcomes) - suppressed
        counts.suppressed += suppressed
        counts.mismatched += found[WriteOutcome.MISMATCH]
    on_progress(size)


async def _restore(database: Database, users: dict[str, datetime]) -> None:
    """Since when the users of a file are known, in sorted order as everywhere."""
    emails = sorted(users)
    for start in range(0, len(emails), USERS_AT_ONCE):
        some = emails[start : start + USERS_AT_ONCE]
        columns = {"emails": some, "created_at": [users[email] for email in some]}
        async with database.transaction() as session:
            await session.execute(RESTORE_USERS, columns)
