"""A database with partitions around NOW whatever the date, and rows and locks in few words."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from app.database.sessions import Database
from app.database.transaction import write_transaction
from app.ingest.group import write_group
from app.ingest.insert import insert_new_events
from app.ingest.rows import EventRow, TimeBasis
from app.ingest.users import UserCache, Users
from app.settings import Settings
from tests.conftest import NOW, add_partitions, fresh_database, truncate

ADA = "ada@example.com"
BOB = "bob@example.com"
GIVE_UP_SECONDS = 10

# Of a cluster, on whichever node.
ACTIVITY = "citus_stat_activity" if os.environ.get("CITUS_URL") else "pg_stat_activity"
WAITING = text(
    f"SELECT count(*) FROM {ACTIVITY}"  # noqa: S608 (ours)
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        asyncio.run(add_partitions(url))
        yield url


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """Both pools on the test's database, which is empty again afterwards."""
    assert settings.database_url is not None
    database = Database(settings.database_url, settings)
    yield database
    await database.dispose()
    await truncate(settings.database_url)


@pytest.fixture
def bare_url(server_url: str) -> Iterator[str]:
    """A database that was never migrated."""
    with fresh_database(server_url, migrated=False) as url:
        yield url


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
        "received_at": max(NOW, utc(at)),
        "time_basis": TimeBasis.GIVEN,
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


async def find_users(connection: asyncpg.Connection, emails: Iterable[str]) -> Users:
    """The users of these emails, by one who remembers nobody."""
    rows = [row(1, user=email) for email in emails]
    users, _ = await UserCache(Settings()).resolve(connection, rows)
    return users


async def insert(connection: asyncpg.Connection, *rows: EventRow) -> list[int]:
    """The numbers of those that were not there yet, in order."""
    users = await find_users(connection, {each.user_email for each in rows})
    inserted = await insert_new_events(connection, rows, users)
    return sorted(event_id.int for _, event_id in inserted)


async def store(database: Database, *rows: EventRow) -> None:
    """Events that are new, with their share of the totals."""
    connection = await database.connect_writer()
    try:
        assert await write_group(connection, [rows], UserCache(Settings()), expect_new=True) == [{}]
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
