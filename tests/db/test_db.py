"""What a session may do, and what its caller is told when the database can't."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text

from app.database.errors import is_elsewhere, is_lost, sqlstate_of
from app.database.sessions import Database
from app.errors import (
    ActivityError,
    DatabaseUnavailable,
    InvalidRequest,
    Overloaded,
    TooExpensive,
)
from app.settings import Settings
from tests.db.conftest import scalar

ONE = text("SELECT 1")
ENDLESS = text("SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) AS numbers")
ADD_USER = text("INSERT INTO app_user (email) VALUES ('ada@example.com')")
USERS = "SELECT count(*) FROM app_user"
END_THE_OTHERS = text(
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name = 'activity-events'"
)


@asynccontextmanager
async def opened(url: str, settings: Settings) -> AsyncIterator[Database]:
    database = Database(url, settings)
    try:
        yield database
    finally:
        await database.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO app_user (email) VALUES ('ada@example.com')",
        "DELETE FROM activity_event",
        "CREATE TABLE other (id int)",
        "SELECT nextval(pg_get_serial_sequence('app_user', 'id'))",
    ],
)
async def test_a_read_session_changes_nothing(database: Database, statement: str) -> None:
    with pytest.raises(ActivityError) as caught:
        async with database.read() as session:
            await session.execute(text(statement))
    assert caught.value.__cause__ is not None
    assert sqlstate_of(caught.value.__cause__) == "25006"  # read_only_sql_transaction
    assert await scalar(database, USERS) == 0


async def test_a_read_session_holds_no_transaction_open(database: Database) -> None:
    async with database.read() as session:
        first = (await session.execute(text("SELECT now()"))).scalar_one()
        async with database.transaction() as writing:
            await writing.execute(ADD_USER)
        assert (await session.execute(text(USERS))).scalar() == 1
        assert (await session.execute(text("SELECT now()"))).scalar_one() > first


async def test_a_transaction_is_committed_when_its_block_is_left(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(ADD_USER)
        assert await scalar(database, USERS) == 0
    assert await scalar(database, USERS) == 1


async def test_a_transaction_is_rolled_back_as_a_whole(database: Database) -> None:
    async def fails_by_itself() -> None:
        async with database.transaction() as session:
            await session.execute(ADD_USER)
            raise KeyError

    async def fails_in_the_database() -> None:
        async with database.transaction() as session:
            await session.execute(ADD_USER)
            await session.execute(ADD_USER)

    with pytest.raises(KeyError):
        await fails_by_itself()
    with pytest.raises(DatabaseUnavailable):
        await fails_in_the_database()
    assert await scalar(database, USERS) == 0


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("synchronous_commit", "on"),
        ("timezone", "UTC"),
        ("lock_timeout", "5s"),
        ("statement_timeout", "1min"),
        ("application_name", "activity-events"),
        ("default_transaction_read_only", "off"),
        ("transaction_isolation", "read committed"),
    ],
)
async def test_what_a_writing_connection_is_told(
    database: Database, setting: str, value: str
) -> None:
    async with database.transaction() as session:
        found = await session.execute(text("SELECT current_setting(:name)"), {"name": setting})
        assert found.scalar() == value


async def test_a_statement_that_runs_too_long(database_url: str) -> None:
    async with opened(database_url, Settings(statement_timeout_ms=100)) as database:
        with pytest.raises(TooExpensive) as caught:
            async with database.read() as session:
                await session.execute(ENDLESS)
        assert caught.value.headers() == {"Retry-After": "5"}
        assert await scalar(database, "SELECT 1") == 1


async def test_a_value_that_the_database_refuses_is_the_callers(database: Database) -> None:
    with pytest.raises(InvalidRequest):
        async with database.read() as session:
            await session.execute(text("SELECT CAST('\\ud83d' AS jsonb)"))


async def test_all_connections_in_use(database_url: str) -> None:
    settings = Settings(database_pool_size=1, database_timeout_seconds=0.05)
    async with opened(database_url, settings) as database:
        caller = database.of(None)
        async with caller.transaction() as session:
            await session.execute(ONE)
            with pytest.raises(Overloaded):
                async with caller.transaction() as second:
                    await second.execute(ONE)
            assert await scalar(caller, "SELECT 1") == 1  # readers have a pool of their own
            async with database.transaction() as own:  # so has the service
                await own.execute(ONE)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres@/activity?host=/nowhere",
        "postgresql://postgres@127.0.0.1:{port}/activity",
    ],
)
async def test_a_server_that_is_not_there(url: str) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        url = url.format(port=taken.getsockname()[1])
        async with opened(url, Settings()) as database:
            with pytest.raises(DatabaseUnavailable):
                await scalar(database, "SELECT 1")
            with pytest.raises(DatabaseUnavailable):
                async with database.transaction() as session:
                    await session.execute(ONE)


async def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/activity?sslmode=disable"
        async with opened(url, Settings(database_timeout_seconds=0.05)) as database:
            with pytest.raises(DatabaseUnavailable):
                await scalar(database, "SELECT 1")


async def test_a_database_that_is_not_there(database_url: str) -> None:
    url = database_url.replace("activity_test_", "no_such_database_")
    async with opened(url, Settings()) as database:
        with pytest.raises(DatabaseUnavailable):
            await scalar(database, "SELECT 1")


async def test_a_connection_that_ends_in_a_transaction_loses_it(database: Database) -> None:
    async def cut_off() -> None:
        async with database.transaction() as session, database.transaction() as other:
            await session.execute(ADD_USER)
            await other.execute(END_THE_OTHERS)

    with pytest.raises(DatabaseUnavailable):
        await cut_off()
    assert await scalar(database, USERS) == 0


async def test_both_pools_recover_by_themselves(database: Database) -> None:
    """Every idle connection is ended at once, and no request is told of it."""

    async def many() -> None:
        gate = asyncio.Barrier(4)

        async def one() -> None:
            async with database.read() as session, database.transaction() as writing:
                await session.execute(ONE)
                await writing.execute(ONE)
                await gate.wait()  # all four hold their connections at one moment

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(one())

    await many()
    async with opened(database.url, Settings()) as outside, outside.transaction() as session:
        assert (await session.execute(END_THE_OTHERS)).scalar() == 8
    assert await scalar(database, "SELECT 1") == 1
    async with database.transaction() as writing:
        await writing.execute(ONE)
    await many()


@pytest.mark.parametrize(
    ("state", "elsewhere"),
    [("08006", True), ("57P01", True), ("58030", True), ("23505", False), ("XX000", False)],
)
async def test_a_server_behind_this_one_is_lost(
    database: Database, state: str, elsewhere: bool
) -> None:
    """As by a worker of Citus: the connection itself is as good as before."""
    connection = await database.connect_writer()
    raise_it = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"
    with pytest.raises(asyncpg.PostgresError) as caught:
        await connection.execute(raise_it)
    assert is_elsewhere(caught.value) is elsewhere
    assert not is_lost(caught.value)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


async def test_the_connection_itself_is_lost(database: Database) -> None:
    connection = await database.connect_writer()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as caught:
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_lost(caught.value)
    assert not is_elsewhere(caught.value)
