"""A database with a long history in it: the events of 13 months, counted as the service counts.

The events are made in several processes, each some of the months, and copied before the indexes
are made; what is kept beside them is counted from them.
"""

import asyncio
import itertools
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import asyncpg
from rich.progress import Progress

from app.database.sessions import Database
from app.database.verify_rollups import COUNT_ALL
from app.ingest.summaries import sum_up_days
from app.settings import Settings
from benchmarks.activity import COLUMNS, session_rows, users

USERS = 20_000
DAYS = 395
# A person who does nothing else: of ten million events in 13 months, 140 a day.
SHARE_MAX = 0.005
CHUNK = 20_000
PIECES = 16
SEED = 6

ADD_USERS = """
INSERT INTO app_user (email)
SELECT 'user' || n || '@example.com' FROM generate_series(1, $1::int) AS n ORDER BY n
"""
INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index WHERE indrelid = 'activity_event'::regclass AND NOT indisprimary
"""


def email(user_id: int) -> str:
    return f"user{user_id}@example.com"


def piece(url: str, number: int, events: int, until: datetime) -> int:
    """Copies one stretch of the time; run in a process of its own."""
    length = DAYS / PIECES
    end = until - timedelta(days=length * number)
    weights = users(USERS, SEED, SHARE_MAX)

    async def copy() -> None:
        connection = await asyncpg.connect(url)
        source = session_rows(
            events, weights=weights, until=end, days=round(length), seed=SEED + number
        )
        while chunk := list(itertools.islice(source, CHUNK)):
            await connection.copy_records_to_table("activity_event", records=chunk, columns=COLUMNS)
        await connection.close()

    asyncio.run(copy())
    return events


def fill(url: str, events: int, until: datetime, settings: Settings) -> None:
    """Events until a moment, on an empty migrated database."""

    async def execute(*statements: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'")
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    async def prepare() -> list[str]:
        connection = await asyncpg.connect(url)
        await connection.execute(ADD_USERS, USERS)
        found = await connection.fetch(INDEXES)
        for index in found:
            await connection.execute(f"DROP INDEX {index['name']}")
        await connection.close()
        return [index["definition"].replace(" ON ONLY ", " ON ") for index in found]

    async def sum_up() -> None:
        database = Database(url, settings)
        await sum_up_days(database, until)
        await database.dispose()

    indexes = asyncio.run(prepare())
    steps = (*indexes, *COUNT_ALL)
    with Progress(transient=True) as progress:
        task = progress.add_task("events", total=PIECES)
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(
                piece,
                itertools.repeat(url),
                range(PIECES),
                itertools.repeat(events // PIECES),
                itertools.repeat(until),
            ):
                progress.advance(task)
        task = progress.add_task("indexes and totals", total=len(steps))
        for statement in steps:
            asyncio.run(execute(statement))
            progress.advance(task)
    asyncio.run(execute("VACUUM ANALYZE"))
    asyncio.run(sum_up())
    asyncio.run(execute("VACUUM ANALYZE activity_user_day", "CHECKPOINT"))


def midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
