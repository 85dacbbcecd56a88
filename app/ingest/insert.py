"""Prepared rows -> tables, inside the caller's transaction, on asyncpg's own connection.

SQLAlchemy's session would cost more on this path than the database does (see `benchmarks`).
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from app.ingest.rows import EventRow
from app.ingest.users import User, Users
from app.watch.traces import span

EventKey = tuple[int, datetime, UUID]
Identity = tuple[int, UUID]


# How far apart two attempts at one event may have been stored, where its time is not its own.
REDATED_MAX = timedelta(days=30)
LOCK_CLASS = 0x75736572
INT4_MAX = 2**31 - 1

MARK_REDATED = "UPDATE app_user SET redated = true WHERE id = ANY($1::bigint[]) AND NOT redated"

LOCK_USERS = "SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::int[]) AS key"

SELECT_BY_ID = """
SELECT event.user_id, event.event_id FROM activity_event AS event
JOIN unnest($1::bigint[], $2::uuid[]) AS given (user_id, event_id)
  ON event.user_id = given.user_id AND event.event_id = given.event_id
WHERE event.user_id = ANY($1::bigint[]) AND event.event_timestamp BETWEEN $3 AND $4
"""

# Which of the given events are stored with something else in them than what is given.
SELECT_MISMATCHED = """
SELECT given.number - 1
FROM unnest(
  $1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::bigint[]
) WITH ORDINALITY AS given
  (user_id, event_id, event_type, entity_type, entity_id, event_metadata, duration_ms, number)
JOIN activity_event AS event
  ON event.user_id = given.user_id AND event.event_id = given.event_id
WHERE event.user_id = ANY($1::bigint[]) AND event.event_timestamp BETWEEN $8 AND $9
  AND (event.event_type, event.entity_type, event.entity_id, event.event_metadata,
    event.duration_ms)
  IS DISTINCT FROM (given.event_type, given.entity_type, given.entity_id, given.event_metadata,
    given.duration_ms)
"""

# Column -> the type of its array, in the order of `record`.
EVENT_COLUMNS = {
    "user_id": "bigint",
    "event_timestamp": "timestamptz",
    "event_id": "uuid",
    "event_type": "text",
    "event_category": "text",
    "event_action": "text",
    "entity_type": "text",
    "entity_id": "text",
    "event_metadata": "jsonb",
    "session_id": "text",
    "session_seq": "int",
    "device_type": "text",
    "context_snapshot": "jsonb",
    "duration_ms": "bigint",
    "received_at": "timestamptz",
}
COPY_COLUMNS = tuple(EVENT_COLUMNS)

INSERT_EVENTS = (
    f"INSERT INTO activity_event ({', '.join(EVENT_COLUMNS)})"  # noqa: S608 (our own names)
    " SELECT * FROM unnest("
    + ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(EVENT_COLUMNS.values(), 1))
    + ") ON CONFLICT DO NOTHING RETURNING user_id, event_timestamp, event_id"
)


async def stored_ids(
    connection: asyncpg.Connection, rows: Sequence[EventRow], users: Users
) -> set[Identity]:
    """Which of these rows are stored already, under whatever time.

    For rows whose time another attempt may not repeat, so that their key can't tell. Their users
    stay locked until the transaction ends, as two attempts may arrive at one moment.
    """
    if not rows:
        return set()
    keys = sorted({users[row.user_email].id % INT4_MAX for row in rows})
    await connection.execute(LOCK_USERS, LOCK_CLASS, keys)
    found = await connection.fetch(
        SELECT_BY_ID,
        [users[row.user_email].id for row in rows],
        [row.event_id for row in rows],
        min(row.event_timestamp for row in rows) - REDATED_MAX,
        max(row.event_timestamp for row in rows) + REDATED_MAX,
    )
    return {(user_id, event_id) for user_id, event_id in found}


async def mismatched(
    connection: asyncpg.Connection, rows: Sequence[EventRow], users: Users
) -> set[int]:
    """Which of these duplicates, by their places in `rows`, differ from what is stored.

    One id for two events is a fault of its client, who is told.
    """
    found = await connection.fetch(
        SELECT_MISMATCHED,
        [users[row.user_email].id for row in rows],
        [row.event_id for row in rows],
        [row.event_type for row in rows],
        [row.entity_type for row in rows],
        [row.entity_id for row in rows],
        [row.event_metadata for row in rows],
        [row.duration_ms for row in rows],
        min(row.event_timestamp for row in rows) - REDATED_MAX,
        max(row.event_timestamp for row in rows) + REDATED_MAX,
    )
    return {number for (number,) in found}


async def mark_redated(connection: asyncpg.Connection, users: Collection[User]) -> None:
    """From now on all events of these users are looked up by id before they are stored."""
    await connection.execute(MARK_REDATED, sorted(user.id for user in users))


def record(row: EventRow, user_id: int) -> tuple[object, ...]:
    """The row as the table has it, in the order of `EVENT_COLUMNS`."""
    return (user_id, *row[2:16])


async def copy_events(
    connection: asyncpg.Connection, rows: Sequence[EventRow], users: Users
) -> None:
    """Copies rows of which none is expected to be stored.

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
) -> set[EventKey]:
    """Inserts what is not stored yet; the keys of what was really inserted.

    Sorted by key, as two transactions that insert the same retried events in different orders
    would deadlock.
    """
    records = sorted(
        (record(row, users[row.user_email].id) for row in rows), key=lambda one: one[:3]
    )
    columns = [list(column) for column in zip(*records, strict=True)]
    inserted = await connection.fetch(INSERT_EVENTS, *columns)
    return {(user_id, at, event_id) for user_id, at, event_id in inserted}
