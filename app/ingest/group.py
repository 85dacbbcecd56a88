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
    stored_ids,
    users_are_current,
)
from app.ingest.rollups import Tally
from app.ingest.rows import EventRow
from app.ingest.users import KnownUsers

# Per request of a group: the indexes of its events that were duplicates.
Duplicates = list[set[int]]


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
        fresh, duplicates = _fresh(requests, users, seen)
        if not fresh:
            return duplicates
        if expect_new:
            await copy_events(connection, [row for _, row in fresh], users)
        else:
            keys = await insert_new_events(connection, [row for _, row in fresh], users)
            tried, fresh = fresh, []
            for position, row in tried:
                if (users[row.user_email].id, row.event_timestamp, row.event_id) in keys:
                    fresh.append((position, row))
                else:
                    duplicates[position].add(row.place)
        if not await users_are_current(connection, users.values()):
            known.forget(emails)
            raise UsersChanged
        redated = {
            row.user_email
            for _, row in fresh
            if not row.time_is_fixed and not users[row.user_email].redated
        }
        if redated:
            await mark_redated(connection, [users[email] for email in redated])
            known.forget(redated)
        tally = Tally()
        tally.add((row for _, row in fresh), users)
        await tally.write(connection)
    known.remember({email: looked_up[email] for email in looked_up.keys() - redated})
    return duplicates


def _fresh(
    requests: Sequence[Sequence[EventRow]], users: Users, seen: set[Identity]
) -> tuple[list[tuple[int, EventRow]], Duplicates]:
    """The rows that are not in `seen` nor in the group before, each with its request's place."""
    fresh: list[tuple[int, EventRow]] = []
    duplicates: Duplicates = [set() for _ in requests]
    for position, rows in enumerate(requests):
        for row in rows:
            identity = (users[row.user_email].id, row.event_id)
            if identity in seen:
                duplicates[position].add(row.place)
            else:
                seen.add(identity)
                fresh.append((position, row))
    return fresh, duplicates
