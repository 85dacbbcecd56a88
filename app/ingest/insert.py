"""Prepared rows -> tables, inside the caller's transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import TextClause, text

from app.db import WriteSession
from app.ingest.prepare import EventRow

EventKey = tuple[int, datetime, UUID]

# How far apart two attempts at one event may have been stored, where its time is not its own.
REDATED_MAX = timedelta(days=2)
LOCK_CLASS = 0x75736572
INT4_MAX = 2**31 - 1

SELECT_USERS = text("SELECT email, id FROM app_user WHERE email = ANY(CAST(:emails AS text[]))")

INSERT_USERS = text(
    "INSERT INTO app_user (email) SELECT unnest(CAST(:emails AS text[]))"
    " ON CONFLICT (email) DO NOTHING RETURNING email, id"
)

LOCK_USERS = text(
    "SELECT pg_advisory_xact_lock(:class, key) FROM unnest(CAST(:keys AS int[])) AS key"
)

SELECT_BY_ID = text(
    "SELECT event.user_id, event.event_id FROM activity_event AS event"
    " JOIN unnest(CAST(:user_ids AS bigint[]), CAST(:event_ids AS uuid[]))"
    " AS given (user_id, event_id)"
    " ON event.user_id = given.user_id AND event.event_id = given.event_id"
    " WHERE event.user_id = ANY(CAST(:user_ids AS bigint[]))"
    " AND event.event_timestamp BETWEEN :earliest AND :latest"
)

# Column -> the type of its array. The order is that of `_columns`.
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

INSERT_EVENTS = text(
    f"INSERT INTO activity_event ({', '.join(EVENT_COLUMNS)})"  # noqa: S608 (our own names)
    " SELECT * FROM unnest("
    + ", ".join(f"CAST(:{name} AS {type_}[])" for name, type_ in EVENT_COLUMNS.items())
    + ") ON CONFLICT DO NOTHING RETURNING user_id, event_timestamp, event_id"
)


async def user_ids(session: WriteSession, emails: Iterable[str]) -> dict[str, int]:
    """Email -> id, for each of `emails`; users who are not known yet are made.

    New ones are inserted in sorted order, so that two transactions never wait for each other.
    """
    wanted = sorted(set(emails))
    known = await _pairs(session, SELECT_USERS, wanted)
    for statement in (INSERT_USERS, SELECT_USERS):  # the second: made meanwhile by another
        missing = [email for email in wanted if email not in known]
        if missing:
            known |= await _pairs(session, statement, missing)
    return known


async def stored_ids(
    session: WriteSession, rows: Sequence[EventRow], users: dict[str, int]
) -> set[tuple[int, UUID]]:
    """Which of these rows are stored already, under whatever time; (user_id, event_id).

    For rows whose time a retry would not repeat, so that their key can't tell. Their users stay
    locked until the transaction ends, as two attempts may arrive at one moment.
    """
    if not rows:
        return set()
    keys = sorted({users[row.user_email] % INT4_MAX for row in rows})
    await session.execute(LOCK_USERS, {"class": LOCK_CLASS, "keys": keys})
    found = await session.execute(
        SELECT_BY_ID,
        {
            "user_ids": [users[row.user_email] for row in rows],
            "event_ids": [row.event_id for row in rows],
            "earliest": min(row.event_timestamp for row in rows) - REDATED_MAX,
            "latest": max(row.event_timestamp for row in rows) + REDATED_MAX,
        },
    )
    return {(user_id, event_id) for user_id, event_id in found}


async def insert_events(
    session: WriteSession, rows: Sequence[EventRow], users: dict[str, int]
) -> set[EventKey]:
    """Inserts what is not stored yet; the keys of what was really inserted.

    Sorted by key, as two transactions that insert the same retried events in different orders
    would deadlock.
    """
    if not rows:
        return set()
    ordered = sorted(
        rows, key=lambda row: (users[row.user_email], row.event_timestamp, row.event_id)
    )
    columns: dict[str, list[object]] = {
        name: [getattr(row, name) for row in ordered] for name in EVENT_COLUMNS if name != "user_id"
    }
    columns["user_id"] = [users[row.user_email] for row in ordered]
    inserted = await session.execute(INSERT_EVENTS, columns)
    return {(user_id, at, event_id) for user_id, at, event_id in inserted}


async def _pairs(session: WriteSession, statement: TextClause, emails: list[str]) -> dict[str, int]:
    rows = await session.execute(statement, {"emails": emails})
    return {row.email: row.id for row in rows}
