"""One group of requests, in one transaction: COPY first, as duplicates are rare."""

from collections.abc import Sequence

import asyncpg

from app.db import write_transaction
from app.ingest.insert import (
    Identity,
    Users,
    copy_events,
    insert_new_events,
    mark_redated,
    mismatched,
    stored_ids,
    users_are_current,
)
from app.ingest.rollups import Tally
from app.ingest.rows import EventRow
from app.ingest.users import KnownUsers

# Per request of a group: the places of its events that were duplicates, and whether what is
# stored differs from them.
Duplicates = list[dict[int, bool]]
Placed = tuple[int, EventRow]  # with the number of its request in the group


class UsersChanged(Exception):
    """A remembered user was changed or erased by another process."""


async def write_group(
    connection: asyncpg.Connection,
    requests: Sequence[Sequence[EventRow]],
    known: KnownUsers,
    *,
    expect_new: bool,
) -> Duplicates:
    """Writes the rows of several requests; which of each request's events were duplicates.

    When this returns, all is committed: the events, and the totals of those really inserted.

    Args:
        expect_new: copy the rows, which fails where one of them is stored already; otherwise
            insert those that are not stored.

    Raises:
        UsersChanged: try again; the users will be looked up anew.
        asyncpg.PostgresError: the server refused; nothing is committed.
        app.db.CommitUnknown: the connection was lost during the commit.
    """
    emails = {row.user_email for rows in requests for row in rows}
    async with write_transaction(connection):
        users, looked_up = await known.resolve(connection, emails)
        uncertain = [
            row
            for rows in requests
            for row in rows
            if not row.time_is_fixed or users[row.user_email].redated
        ]
        seen = await stored_ids(connection, uncertain, users)
        fresh, known_already = _fresh(requests, users, seen)
        redated: set[str] = set()
        if fresh:
            if expect_new:
                await copy_events(connection, [row for _, row in fresh], users)
            else:
                keys = await insert_new_events(connection, [row for _, row in fresh], users)
                tried, fresh = fresh, []
                for placed in tried:
                    row = placed[1]
                    is_new = (users[row.user_email].id, row.event_timestamp, row.event_id) in keys
                    (fresh if is_new else known_already).append(placed)
            if not await users_are_current(connection, users.values()):
                known.forget(emails)
                raise UsersChanged
            redated = await _mark_redated(connection, [row for _, row in fresh], users)
            tally = Tally()
            tally.add((row for _, row in fresh), users)
            await tally.write(connection)
        duplicates = await _duplicates(connection, len(requests), known_already, users)
    known.remember(looked_up)
    known.forget(redated)
    return duplicates


async def _mark_redated(
    connection: asyncpg.Connection, fresh: list[EventRow], users: Users
) -> set[str]:
    """The users who were not marked before, by email: what is remembered of them is past."""
    emails = {
        row.user_email
        for row in fresh
        if not row.time_is_fixed and not users[row.user_email].redated
    }
    if emails:
        await mark_redated(connection, [users[email] for email in emails])
    return emails


async def _duplicates(
    connection: asyncpg.Connection, requests: int, placed: list[Placed], users: Users
) -> Duplicates:
    """The duplicates of each request, and which of them differ from what is stored."""
    found: Duplicates = [{} for _ in range(requests)]
    if placed:
        differ = await mismatched(connection, [row for _, row in placed], users)
        for number, (position, row) in enumerate(placed):
            found[position][row.place] = number in differ
    return found


def _fresh(
    requests: Sequence[Sequence[EventRow]], users: Users, seen: set[Identity]
) -> tuple[list[Placed], list[Placed]]:
    """The rows that are in neither `seen` nor the group before, and the others."""
    fresh: list[Placed] = []
    known_already: list[Placed] = []
    for position, rows in enumerate(requests):
        for row in rows:
            identity = (users[row.user_email].id, row.event_id)
            if identity in seen:
                known_already.append((position, row))
            else:
                seen.add(identity)
                fresh.append((position, row))
    return fresh, known_already
