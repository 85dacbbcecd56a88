"""One group of requests, in one transaction: COPY first, as duplicates are rare."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from app.db import write_transaction
from app.ingest.arrivals import announce
from app.ingest.insert import (
    Identity,
    copy_events,
    insert_new_events,
    mark_redated,
    mismatched,
    stored_ids,
)
from app.ingest.rollups import Tally
from app.ingest.rows import EventRow
from app.ingest.users import KnownUsers, Users, users_are_current
from app.ingest.verdict import Outcome, Outcomes

Placed = tuple[int, EventRow]  # with the number of its request in the group


class UsersChanged(Exception):
    """A remembered user was changed or erased by another process."""


async def write_group(
    connection: asyncpg.Connection,
    requests: Sequence[Sequence[EventRow]],
    known: KnownUsers,
    *,
    expect_new: bool,
    announced: bool = True,
) -> list[Outcomes]:
    """Writes the rows of several requests; the outcomes of each.

    When this returns, all is committed: the events, and the totals of those really inserted.

    Args:
        expect_new: copy the rows, which fails where one of them is stored already; otherwise
            insert those that are not stored.
        announced: whoever listens to what arrives is told of it.

    Raises:
        UsersChanged: try again; the users will be looked up anew.
        asyncpg.PostgresError: the server refused; nothing is committed.
        app.db.CommitUnknown: the connection was lost during the commit.
    """
    outcomes: list[Outcomes] = [{} for _ in requests]
    latest = _latest(requests)
    async with write_transaction(connection):
        users, looked_up = await known.resolve(connection, latest)
        rows = _admitted(requests, users, outcomes)
        uncertain = [
            row for _, row in rows if not row.time_is_fixed or users[row.user_email].redated
        ]
        seen = await stored_ids(connection, uncertain, users)
        fresh, known_already = _fresh(rows, users, seen)
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
            known.forget(latest)
            raise UsersChanged
        if fresh:
            redated = await _mark_redated(connection, [row for _, row in fresh], users)
            tally = Tally()
            tally.add((row for _, row in fresh), users)
            if announced:
                await announce(connection, [row for _, row in fresh], users)
            await tally.write(connection)
        await _note_duplicates(connection, known_already, users, outcomes)
    known.remember(looked_up)
    known.forget(redated)
    return outcomes


def _latest(requests: Sequence[Sequence[EventRow]]) -> dict[str, datetime]:
    """Each email, and the time of its latest event."""
    latest: dict[str, datetime] = {}
    for rows in requests:
        for row in rows:
            email, at = row.user_email, row.event_timestamp
            if email not in latest or at > latest[email]:
                latest[email] = at
    return latest


def _admitted(
    requests: Sequence[Sequence[EventRow]], users: Users, outcomes: list[Outcomes]
) -> list[Placed]:
    """The rows that may be recorded; the others' outcomes are noted."""
    placed = [(number, row) for number, rows in enumerate(requests) for row in rows]
    if not any(user.opted_out or user.not_before for user in users.values()):
        return placed
    admitted: list[Placed] = []
    for number, row in placed:
        user = users[row.user_email]
        if user.opted_out:
            outcomes[number][row.place] = Outcome.OPTED_OUT
        elif user.not_before is not None and row.event_timestamp <= user.not_before:
            outcomes[number][row.place] = Outcome.ERASED
        else:
            admitted.append((number, row))
    return admitted


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


async def _note_duplicates(
    connection: asyncpg.Connection, placed: list[Placed], users: Users, outcomes: list[Outcomes]
) -> None:
    """Notes the duplicates of each request, and which of them differ from what is stored."""
    if not placed:
        return
    differ = await mismatched(connection, [row for _, row in placed], users)
    for number, (position, row) in enumerate(placed):
        outcomes[position][row.place] = Outcome.MISMATCH if number in differ else Outcome.DUPLICATE


def _fresh(
    rows: list[Placed], users: Users, seen: set[Identity]
) -> tuple[list[Placed], list[Placed]]:
    """The rows that are in neither `seen` nor the group before, and the others."""
    fresh: list[Placed] = []
    known_already: list[Placed] = []
    for placed in rows:
        identity = (users[placed[1].user_email].id, placed[1].event_id)
        if identity in seen:
            known_already.append(placed)
        else:
            seen.add(identity)
            fresh.append(placed)
    return fresh, known_already
