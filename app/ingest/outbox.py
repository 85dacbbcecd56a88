"""The outbox: events that were committed together, for live streams
(`app/stream/outbox_reader.py`)."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
from sqlalchemy import delete, func, select

from app.database.sessions import Database
from app.ingest.rows import EventRow
from app.ingest.users import Users
from app.models import ActivityArrival

ANNOUNCE = """
INSERT INTO activity_arrival
  (transaction_id, arrived_at, user_ids, event_timestamps, event_ids)
VALUES (pg_current_xact_id()::text::bigint, $1, $2, $3, $4)
"""


async def publish(connection: asyncpg.Connection, rows: Sequence[EventRow], users: Users) -> None:
    """Leave word of what this transaction brings."""
    await connection.execute(
        ANNOUNCE,
        rows[0].received_at,
        [users[row.user_email].id for row in rows],
        [row.event_timestamp for row in rows],
        [row.event_id for row in rows],
    )


async def forget_arrivals(database: Database, before: datetime) -> None:
    """Word of what came before a time goes, but for the last of it: it marks from where on
    everything is known. The events stay."""
    last = (
        select(func.max(ActivityArrival.transaction_id))
        .where(ActivityArrival.arrived_at < before)
        .scalar_subquery()
    )
    async with database.transaction() as session:
        await session.execute(delete(ActivityArrival).where(ActivityArrival.transaction_id < last))
