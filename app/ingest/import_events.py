"""An export, or any file of events, back into the tables.

It goes the way of all events, by `GroupWriter`, so that totals, duplicates and verdicts are as
everywhere. But it is history: an event keeps the time and the moment of receipt that it has, and no
clock is corrected.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.db import Database
from app.ingest.import_files import LINE_MAX_BYTES, Entry
from app.ingest.import_prepare import OPT_OUTS, ImportedUser, is_doubtful, prepare_entry
from app.ingest.rows import EventRow
from app.ingest.verdict import Outcome, Rejected
from app.ingest.writer import GroupWriter
from app.schemas.strict_json import Fault
from app.settings import Settings

GROUP_EVENTS = 1000
GROUP_BYTES = 4 * 1024 * 1024
USERS_AT_ONCE = 1000

# An opt-out is only ever added: a file may be older than what its user wished since.
RESTORE_USERS = text(
    "INSERT INTO app_user"
    " (email, created_at, analytics_opt_out, ai_context_opt_out, learning_opt_out)"
    " SELECT * FROM unnest(CAST(:email AS text[]), CAST(:created_at AS timestamptz[]),"
    "   CAST(:analytics_opt_out AS bool[]), CAST(:ai_context_opt_out AS bool[]),"
    "   CAST(:learning_opt_out AS bool[]))"
    " ON CONFLICT (email) DO UPDATE SET"
    "   created_at = least(app_user.created_at, excluded.created_at),"
    "   analytics_opt_out = app_user.analytics_opt_out OR excluded.analytics_opt_out,"
    "   ai_context_opt_out = app_user.ai_context_opt_out OR excluded.ai_context_opt_out,"
    "   learning_opt_out = app_user.learning_opt_out OR excluded.learning_opt_out"
)

MARK_REDATED = text(
    "UPDATE app_user SET redated = true WHERE email = ANY(CAST(:emails AS text[])) AND NOT redated"
)


@dataclass(slots=True)
class ImportCounts:
    """What became of a file. `mismatched` are those of the duplicates that say something else than
    what is stored; `ignored` names fields that are not kept, each with how often it was there."""

    accepted: int = 0
    duplicates: int = 0
    suppressed: int = 0
    mismatched: int = 0
    rejected: int = 0
    users: int = 0
    ignored: dict[str, int] = field(default_factory=dict)


async def import_events(
    file: Iterator[Entry],
    database: Database,
    settings: Settings,
    now: datetime,
    *,
    on_rejected: Callable[[int, Fault], None],
    on_progress: Callable[[int], None],
) -> ImportCounts:
    """Writes all of a file's events and users, in groups; the same file again adds nothing.

    When this returns, everything but what was rejected is committed. Where it raises, what it had
    written stays, and the same file again goes on.

    Args:
        on_rejected: is told the number of each entry that can't be kept, and why.
        on_progress: is told how much of the file is done, in the sizes of its entries.

    Raises:
        Unavailable: the database failed; a group of which nothing is known may be written.
    """
    counts = ImportCounts()
    # The limit guards the service against its clients; what was stored once may be stored again.
    settings = settings.model_copy(update={"event_max_bytes": LINE_MAX_BYTES})
    writer = GroupWriter(database, settings, announced=False)
    writer.start()
    users: dict[str, ImportedUser] = {}
    redated: set[str] = set()
    writing: asyncio.Task[None] | None = None
    try:
        for group in _groups(file):
            rows, size = [], 0
            for entry in group:
                size += entry.size
                try:
                    found = prepare_entry(entry, settings, now)
                except Rejected as rejected:
                    counts.rejected += 1
                    on_rejected(entry.number, rejected.fault)
                else:
                    if isinstance(found, EventRow):
                        rows.append(found)
                        _count_ignored(counts, found)
                        if is_doubtful(found, now, settings):
                            redated.add(found.user_email)
                    else:
                        users[found.email] = found
            # One group is written while the next one is read.
            if writing is not None:
                await writing
            writing = asyncio.create_task(_write(writer, rows, size, counts, on_progress))
        if writing is not None:
            await writing
    finally:
        await writer.close()
    # Last: of a user who opted out nothing would be taken any more, and of one who is redated no
    # second event of one id, though the file has it.
    await _restore(database, list(users.values()))
    await _mark_redated(database, sorted(redated))
    counts.users = len(users)
    return counts


def _groups(file: Iterator[Entry]) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    size = 0
    for entry in file:
        group.append(entry)
        size += entry.size
        if len(group) >= GROUP_EVENTS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


async def _write(
    writer: GroupWriter,
    rows: list[EventRow],
    size: int,
    counts: ImportCounts,
    on_progress: Callable[[int], None],
) -> None:
    while rows:
        # Events of one id at two times are two, where the second one came in a later group.
        first: dict[tuple[str, UUID], EventRow] = {}
        repeated = [
            row for row in rows if first.setdefault((row.user_email, row.event_id), row) is not row
        ]
        outcomes = await writer.write(list(first.values()), size)
        found = Counter(outcomes.values())
        suppressed = found[Outcome.OPTED_OUT] + found[Outcome.ERASED]
        counts.accepted += len(first) - len(outcomes)
        counts.duplicates += len(outcomes) - suppressed
        counts.suppressed += suppressed
        counts.mismatched += found[Outcome.MISMATCH]
        rows = repeated
    on_progress(size)


def _count_ignored(counts: ImportCounts, row: EventRow) -> None:
    for warning in row.warnings:
        if warning.code == "unknown_field":
            counts.ignored[warning.field] = counts.ignored.get(warning.field, 0) + 1


async def _restore(database: Database, users: list[ImportedUser]) -> None:
    """The users of a file: made where they are not there yet, in sorted order as everywhere."""
    users.sort(key=lambda user: user.email)
    for start in range(0, len(users), USERS_AT_ONCE):
        some = users[start : start + USERS_AT_ONCE]
        columns: dict[str, list[Any]] = {
            "email": [user.email for user in some],
            "created_at": [user.created_at for user in some],
        }
        for place, name in enumerate(OPT_OUTS):
            columns[name] = [user.opt_outs[place] for user in some]
        async with database.transaction() as session:
            await session.execute(RESTORE_USERS, columns)


async def _mark_redated(database: Database, emails: list[str]) -> None:
    for start in range(0, len(emails), USERS_AT_ONCE):
        async with database.transaction() as session:
            await session.execute(MARK_REDATED, {"emails": emails[start : start + USERS_AT_ONCE]})
