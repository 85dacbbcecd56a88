"""Prepared rows -> tables, inside the caller's transaction, on asyncpg's own connection.

SQLAlchemy's session would cost more on this path than the database does (see `benchmarks`).
"""

from collections.abc import Sequence

import asyncpg

from app.ingest.identity import Identity
from app.ingest.rows import EventRow
from app.ingest.users import Users
from app.models import EVENT_COLUMNS
from app.observability.traces import span

COPY_COLUMNS = tuple(EVENT_COLUMNS)

INSERT_EVENTS = (
    f"INSERT INTO activity_event ({', '.join(EVENT_COLUMNS)})"  # noqa: S608 (our own names)
    " SELECT * FROM unnest("
    + ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(EVENT_COLUMNS.values(), 1))
    + ") ON CONFLICT DO NOTHING RETURNING user_id, event_id"
)


def record(row: EventRow, user_id: int) -> tuple[object, ...]:
    """The row as the table has it, in the order of `EVENT_COLUMNS`."""
    return (user_id, *row[2:16])


async def copy_events(
    connection: asyncpg.Connection, rows: Sequence[EventRow], users: Users
) -> None:
    """Copy rows of which none is expected to be stored.

    Raises:
        asyncpg.PostgresError: one is, or can't be; the transaction is of no more use.
    """
    records = [record(row, users[row.user_email].id) for row in rows]
    with span("COPY"):
        await connection.copy_records_to_table(
            "activity_event", records=records, columns=COPY_COLUMNS
        )


async def insert_new_events(
    connection: asyncpg.Connection, rows: Sequence[EventRow], users: Users
) -> set[Identity]:
    """Insert what its month does not hold yet; the identities of what was really inserted.

    Sorted by identity, as two transactions that insert the same retried events in different orders
    would deadlock.
    """
    records = sorted(
        (record(row, users[row.user_email].id) for row in rows), key=lambda one: (one[0], one[2])
    )
    columns = [list(column) for column in zip(*records, strict=True)]
    inserted = await connection.fetch(INSERT_EVENTS, *columns)
    return {(user_id, event_id) for user_id, event_id in inserted}
