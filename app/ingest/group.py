"""One group of requests, in one transaction: COPY first, as duplicates are rare."""

from collections.abc import Sequence
from datetime import UTC, datetime

from app.database.connection import Connection
from app.database.rollup_kinds import DayKind, RollupKindCache
from app.database.transaction import write_transaction
from app.ingest.identity import (
    Identity,
    StoredAt,
    find_doubtful,
    find_mismatched,
    find_stored,
    lock_users,
    record_strays,
)
from app.ingest.insert import copy_events, insert_new_events
from app.ingest.outbox import publish
from app.ingest.results import WriteOutcome, WriteOutcomes
from app.ingest.rollups import RollupDelta
from app.ingest.rows import EventRow
from app.ingest.users import UserCache, Users, users_are_current

# A transaction with a number waits for its commit's record, and with it for all before it, even if
# it writes nothing.
COMMITS_ALWAYS = "SELECT pg_current_xact_id()"

Placed = tuple[int, EventRow]  # with the number of its request in the group


class UsersChanged(Exception):
    """A remembered user was changed or erased by another process."""


async def write_group(
    connection: Connection,
    requests: Sequence[Sequence[EventRow]],
    known: UserCache,
    *,
    expect_new: bool,
    announced: bool = True,
    settles: bool = False,
    kinds: RollupKindCache | None = None,
) -> list[WriteOutcomes]:
    """Write the rows of several requests, and return the outcomes of each.

    When this returns, everything is committed: the events, and the rollups of the inserted ones.

    Args:
        expect_new: copy the rows, which fails where one of them is stored already; otherwise
            insert those that are not stored.
        announced: Publish the events to the outbox.
        settles: a commit of the same rows may have been made. Whatever is found to be stored is
            then kept as safely as what is written now: by a standby that commits wait for, too.
        kinds: which kinds the rollups are known to count separately.

    Raises:
        UsersChanged: try again; the users will be looked up anew.
        asyncpg.PostgresError: the server refused; nothing is committed.
        TimeoutError: it took too long; nothing is committed.
        app.database.errors.CommitUnknown: the connection was lost during the commit.
    """
    outcomes: list[WriteOutcomes] = [{} for _ in requests]
    kinds = kinds or RollupKindCache()
    added: set[DayKind] = set()
    given = [row for rows in requests for row in rows]
    async with write_transaction(connection):
        if settles:
            await connection.execute(COMMITS_ALWAYS)
        users, looked_up = await known.resolve(connection, given)
        rows = _admitted(requests, users, known, outcomes)
        doubtful = find_doubtful(row for _, row in rows)
        await lock_users(connection, users, doubtful, datetime.now(UTC))
        stored_at = await find_stored(connection, [row for _, row in rows], doubtful, users)
        fresh, duplicates = _fresh(rows, users, stored_at)
        newly_redated: set[str] = set()
        if fresh:
            if expect_new:
                await copy_events(connection, [row for _, row in fresh], users)
            else:
                inserted = await insert_new_events(connection, [row for _, row in fresh], users)
                tried, fresh = fresh, []
                for placed in tried:
                    is_new = _identity(placed[1], users) in inserted
                    (fresh if is_new else duplicates).append(placed)
        if not await users_are_current(connection, users.values()):
            known.forget(users)
            raise UsersChanged
        if fresh:
            if doubtful.strays:
                strays = find_doubtful(row for _, row in fresh).strays
                newly_redated = await record_strays(connection, strays, users)
            tally = RollupDelta()
            tally.add((row for _, row in fresh), users)
            if announced:
                await publish(connection, [row for _, row in fresh], users)
            added = await tally.write(connection, kinds)
        await _note_duplicates(connection, duplicates, stored_at, users, outcomes)
    known.remember(looked_up)
    known.forget(newly_redated)
    kinds.remember(added)
    return outcomes


def _admitted(
    requests: Sequence[Sequence[EventRow]],
    users: Users,
    known: UserCache,
    outcomes: list[WriteOutcomes],
) -> list[Placed]:
    """The rows that may be recorded; the others' outcomes are noted."""
    placed = [(number, row) for number, rows in enumerate(requests) for row in rows]
    if not any(user.opted_out or user.not_before for user in users.values()):
        return placed
    admitted: list[Placed] = []
    for number, row in placed:
        user = users[row.user_email]
        if user.opted_out:
            outcomes[number][row.place] = WriteOutcome.OPTED_OUT
        elif user.not_before is not None and known.earliest_time(row) <= user.not_before:
            outcomes[number][row.place] = WriteOutcome.ERASED
        else:
            admitted.append((number, row))
    return admitted


async def _note_duplicates(
    connection: Connection,
    placed: list[Placed],
    stored_at: StoredAt,
    users: Users,
    outcomes: list[WriteOutcomes],
) -> None:
    """Note the duplicates of each request, and which of them differ from what is stored."""
    if not placed:
        return
    differ = await find_mismatched(connection, [row for _, row in placed], stored_at, users)
    for number, (position, row) in enumerate(placed):
        outcomes[position][row.place] = (
            WriteOutcome.MISMATCH if number in differ else WriteOutcome.DUPLICATE
        )


def _fresh(
    rows: list[Placed], users: Users, stored_at: StoredAt
) -> tuple[list[Placed], list[Placed]]:
    """The rows that are neither stored nor in the group before, which are noted; and the others."""
    fresh: list[Placed] = []
    duplicates: list[Placed] = []
    for placed in rows:
        row = placed[1]
        identity = users[row.user_email].id, row.event_id
        if identity in stored_at:
            duplicates.append(placed)
        else:
            stored_at[identity] = row.event_timestamp
            fresh.append(placed)
    return fresh, duplicates


def _identity(row: EventRow, users: Users) -> Identity:
    return users[row.user_email].id, row.event_id
