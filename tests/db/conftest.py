"""A database with partitions around NOW whatever the date, and rows and locks in few words."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from app.db import Database, create_engine, write_transaction
from app.ingest.group import write_group
from app.ingest.insert import find_users, insert_new_events
from app.ingest.rows import EventRow
from app.ingest.users import KnownUsers
from app.privacy.partitions import ensure_partitions
from app.settings import Settings
from tests.conftest import NOW, fresh_database

ADA = "ada@example.com"
BOB = "bob@example.com"
GIVE_UP_SECONDS = 10

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
EMPTY = (
    text("DELETE FROM activity_event"),
    text("DELETE FROM app_user"),
    text("DELETE FROM activity_rollup"),
    text("DELETE FROM activity_user_day"),
    text("ALTER TABLE app_user ALTER COLUMN id RESTART"),
)


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        asyncio.run(_add_partitions(url))
        yield url


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """Both pools on the test's database, which is empty again afterwards.

    Emptied by DELETE: a TRUNCATE makes a hundred new files for the few rows of one test.
    """
    assert settings.database_url is not None
    database = Database(settings.database_url, settings)
    yield database
    async with database.transaction() as session:
        for statement in EMPTY:
            await session.execute(statement)
    await database.dispose()


@pytest.fixture
def bare_url(server_url: str) -> Iterator[str]:
    """A database that was never migrated."""
    with fresh_database(server_url, migrated=False) as url:
        yield url


async def _add_partitions(url: str) -> None:
    settings = Settings(database_url=url)
    engine = create_engine(url, settings, pooled=False, server_settings={})
    async with engine.begin() as connection:
        await ensure_partitions(connection, settings, NOW)
    await engine.dispose()


def utc(instant: str) -> datetime:
    """`2026-11-20 09:00` -> that moment, UTC."""
    return datetime.fromisoformat(instant).replace(tzinfo=UTC)


def row(number: int, at: str = "2026-11-20 09:00", user: str = ADA, **fields: Any) -> EventRow:
    """An event whose id is `number`."""
    plain: dict[str, Any] = {
        "place": number,
        "user_email": user,
        "event_timestamp": utc(at),
        "event_id": UUID(int=number),
        "event_type": "project_created",
        "event_category": "project",
        "event_action": "created",
        "entity_type": None,
        "entity_id": None,
        "event_metadata": "{}",
        "session_id": None,
        "session_seq": None,
        "device_type": None,
        "context_snapshot": None,
        "duration_ms": None,
        "received_at": NOW,
        "time_is_fixed": True,
        "warnings": (),
    }
    return EventRow(**{**plain, **fields})


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A transaction as the writer has it."""
    connection = await database.connect_writer()
    try:
        async with write_transaction(connection):
            yield connection
    finally:
        await connection.close()


async def insert(connection: asyncpg.Connection, *rows: EventRow) -> list[int]:
    """The numbers of those that were not there yet, in order."""
    users = await find_users(connection, {each.user_email for each in rows})
    inserted = await insert_new_events(connection, rows, users)
    return sorted(event_id.int for _, _, event_id in inserted)


async def store(database: Database, *rows: EventRow) -> None:
    """Events that are new, with their share of the totals."""
    connection = await database.connect_writer()
    try:
        assert await write_group(connection, [rows], KnownUsers(), expect_new=True) == [{}]
    finally:
        await connection.close()


async def scalar(database: Database, statement: str) -> Any:
    async with database.read() as session:
        return (await session.execute(text(statement))).scalar()


async def until_waiting(database: Database) -> None:
    """Returns once some session of this database waits for another one's lock."""
    async with asyncio.timeout(GIVE_UP_SECONDS), database.read() as session:
        while not (await session.execute(WAITING)).scalar():
            pass
