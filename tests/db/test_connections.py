"""Connections that are cut off, fall silent or lead to a server that takes no writes; and the hosts
and settings of new ones.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

import asyncpg
import orjson
import pytest
from sqlalchemy import text

from app.database.connection import Connection
from app.database.errors import CommitUnknown, sqlstate_of
from app.database.sessions import Database, ReadSession
from app.database.transaction import write_transaction
from app.database.url.parse import parse_database_url
from app.errors import DatabaseUnavailable
from app.ingest.accept import accept_batch
from app.ingest.results import BatchResult
from app.ingest.writer import GroupWriter
from app.settings import Settings
from tests.conftest import NOW, add_partitions, fresh_database
from tests.db.conftest import ADA, scalar
from tests.proxy import Link, proxied

ONE = text("SELECT 1")
IDS = "SELECT event_id FROM activity_event"
# Longer than a connection may be idle before it is asked whether it is there.
IDLE_SECONDS = 1.1
END_THE_OTHERS = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@asynccontextmanager
async def opened(url: str, **more: object) -> AsyncIterator[Database]:
    database = Database(url, Settings.model_validate({"statement_timeout_ms": 500, **more}))
    try:
        yield database
    finally:
        async with asyncio.timeout(10):  # whatever became of its connections
            await database.dispose()


@asynccontextmanager
async def writer(database: Database) -> AsyncIterator[GroupWriter]:
    group_writer = GroupWriter(database, Settings(writer_tasks=1))
    group_writer.start()
    try:
        yield group_writer
    finally:
        async with asyncio.timeout(30):
            await group_writer.close()


async def write(group_writer: GroupWriter, number: int) -> BatchResult:
    event = {
        "event_type": "a",
        "user_email": ADA,
        "event_id": str(UUID(int=number)),
        "event_timestamp": "2026-11-20T11:30:00Z",
    }
    return await accept_batch(group_writer, orjson.dumps({"events": [event]}), NOW, Settings())


async def stored(url: str) -> list[int]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(IDS)
    await connection.close()
    return sorted(row["event_id"].int for row in rows)


@pytest.fixture
def own_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        asyncio.run(add_partitions(url))
        yield url


async def one_of_each(database: Database) -> None:
    """A read, a transaction and a note."""
    assert await scalar(database, "SELECT 1") == 1
    async with database.transaction() as session:
        await session.execute(ONE)
    async with database.autocommit() as session:
        await session.execute(ONE)
    await database.check_writable()


async def test_what_was_cut_off_is_replaced_before_anybody_hears_of_it(own_url: str) -> None:
    async with (
        proxied(own_url) as proxy,
        opened(proxy.url) as database,
        writer(database) as group_writer,
    ):
        await one_of_each(database)
        assert (await write(group_writer, 1)).accepted == 1
        proxy.cut()
        assert (await write(group_writer, 2)).accepted == 1
        await one_of_each(database)
    assert await stored(own_url) == [1, 2]


async def test_a_question_is_asked_again_where_its_connection_is_lost(own_url: str) -> None:
    async with proxied(own_url) as proxy, opened(proxy.url) as database:
        asked = 0

        async def question(session: ReadSession) -> int:
            nonlocal asked
            asked += 1
            await session.execute(ONE)
            if asked == 1:
                proxy.cut()
            return int(await session.scalar(text("SELECT 7")) or 0)

        assert await database.ask(question) == 7
        assert asked == 2


@pytest.mark.fault("N3")
async def test_connections_that_fell_silent_while_idle(own_url: str) -> None:
    async with (
        proxied(own_url) as proxy,
        opened(proxy.url) as database,
        writer(database) as group_writer,
    ):
        await one_of_each(database)
        await write(group_writer, 1)
        await asyncio.sleep(IDLE_SECONDS)
        proxy.stall()
        begun = monotonic()
        results = await asyncio.gather(
            write(group_writer, 2), one_of_each(database), database.check_writable()
        )
        assert results[0].accepted == 1
        assert monotonic() - begun < 10
    assert await stored(own_url) == [1, 2]


@pytest.mark.fault("N3")
async def test_a_connection_that_falls_silent_under_a_statement(own_url: str) -> None:
    """The server's own limit says nothing then; the next question has another connection."""
    async with proxied(own_url) as proxy, opened(proxy.url) as database:
        begun = monotonic()

        async def falls_silent() -> None:
            async with database.read() as session:
                await session.execute(ONE)
                proxy.stall()
                await session.execute(ONE)

        with pytest.raises(DatabaseUnavailable) as caught:
            await falls_silent()
        assert caught.value.log_fields == {"cause": "TimeoutError"}
        assert await scalar(database, "SELECT 1") == 1
        assert monotonic() - begun < 10


@pytest.mark.fault("N3")
async def test_a_transaction_that_falls_silent_ends_and_the_server_lets_go(own_url: str) -> None:
    add = "INSERT INTO app_user (email) VALUES ('ada@example.com')"
    async with proxied(own_url) as proxy, opened(proxy.url) as database:
        connection = await database.connect_writer()

        async def falls_silent() -> None:
            async with write_transaction(connection, timeout_seconds=0.3):
                await connection.execute(add)
                proxy.stall()
                await connection.execute("SELECT 1")

        with pytest.raises(TimeoutError):
            await falls_silent()
        assert connection.is_closed()
        connection = await database.connect_writer()
        with pytest.raises(CommitUnknown):
            async with write_transaction(connection, timeout_seconds=0.3):
                proxy.stall()
        timeout = "SELECT current_setting('idle_in_transaction_session_timeout')"
        connection = await database.connect_writer()
        assert await connection.fetchval(timeout) == "8s"
        await connection.close()


@pytest.mark.parametrize("is_made", [True, False])
async def test_a_commit_without_an_answer_is_settled_by_the_events(
    own_url: str, is_made: bool
) -> None:
    cuts = 0

    def cut(link: Link, data: bytes, message: bytes) -> bool:
        nonlocal cuts
        if cuts == 0 and message in data:
            cuts += 1
            link.cut()
            return False
        return True

    async with (
        proxied(own_url) as proxy,
        opened(proxy.url) as database,
        writer(database) as group_writer,
    ):
        assert (await write(group_writer, 1)).accepted == 1
        if is_made:
            proxy.on_answer = lambda link, data: cut(link, data, b"COMMIT\0")
        else:
            proxy.on_request = lambda link, data: cut(link, data, b"COMMIT\0")
        result = await write(group_writer, 2)
        assert cuts == 1
        assert (result.accepted, result.duplicates) == ((0, 1) if is_made else (1, 0))
        assert (await write(group_writer, 2)).duplicates == 1
    assert await stored(own_url) == [1, 2]


async def set_read_only(url: str, *, on: bool) -> None:
    """As a provider does whose disk is full."""
    name = parse_database_url(url).database
    connection = await asyncpg.connect(url)
    what = "SET default_transaction_read_only = on" if on else "RESET default_transaction_read_only"
    await connection.execute("SET default_transaction_read_only = off")
    await connection.execute(f'ALTER DATABASE "{name}" {what}')
    if on:
        await connection.execute(END_THE_OTHERS)
    await connection.close()


@pytest.mark.fault("N2", "E5", "N21")
async def test_a_database_that_is_read_only_for_a_while(own_url: str) -> None:
    async with opened(own_url) as database, writer(database) as group_writer:
        await one_of_each(database)
        await write(group_writer, 1)
        await set_read_only(own_url, on=True)
        with pytest.raises(DatabaseUnavailable) as caught:
            await write(group_writer, 2)
        assert caught.value.log_fields == {"sqlstate": "25006"}
        assert caught.value.__cause__ is None or sqlstate_of(caught.value.__cause__) == "25006"
        with pytest.raises(DatabaseUnavailable):
            await database.check_writable()
        assert await scalar(database, "SELECT 1") == 1  # reads go on
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction() as session:
                await session.execute(text("DELETE FROM app_user"))

        await set_read_only(own_url, on=False)
        async with asyncio.timeout(5):  # a new connection a second, at most
            while True:
                try:
                    await database.check_writable()
                    break
                except DatabaseUnavailable:
                    await asyncio.sleep(0.1)
        assert (await write(group_writer, 2)).accepted == 1
        await one_of_each(database)
    assert await stored(own_url) == [1, 2]


@pytest.mark.fault("N1")
@pytest.mark.parametrize("attributes", ["read-write", "primary", "any", "prefer-standby"])
async def test_readers_find_a_server_by_any_attribute_that_it_has(
    own_url: str, attributes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = f"{own_url}{'&' if '?' in own_url else '?'}target_session_attrs={attributes}"
    async with opened(with_it) as database:
        await one_of_each(database)
        read_only = "SELECT current_setting('default_transaction_read_only')"
        assert await scalar(database, read_only) == "on"
    monkeypatch.setenv("PGTARGETSESSIONATTRS", attributes)
    async with opened(own_url) as database:
        await one_of_each(database)


@pytest.mark.fault("N1", "E2")
@pytest.mark.parametrize("is_first", [True, False])
async def test_a_host_that_does_not_answer_leaves_time_for_the_other(
    own_url: str, is_first: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with proxied(own_url) as proxy:
            there = parse_database_url(proxy.url).ports[0]
            dead = silent.getsockname()[1]
            ports = f"{dead},{there}" if is_first else f"{there},{dead}"
            name = parse_database_url(own_url).database
            url = (
                f"postgresql://postgres@127.0.0.1,127.0.0.1/{name}?port={ports}&sslmode=disable"
                "&target_session_attrs=read-write&connect_timeout=1"
            )
            async with opened(url) as database:
                await one_of_each(database)


@pytest.mark.fault("N3", "E2")
async def test_the_system_looks_after_connections(own_url: str) -> None:
    async with proxied(own_url) as proxy:
        given = "&keepalives_idle=3&tcp_user_timeout=4000"
        for more, idle, user_timeout in (("", 10, 15_000), (given, 3, 4000)):
            async with opened(proxy.url + more) as database:
                connection = await database.connect_writer()
                found = connection._socket
                assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == idle
                assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == user_timeout
                await connection.close()


async def test_a_connection_that_is_in_use_at_the_end_is_closed_when_it_is_returned(
    server_url: str,
) -> None:
    database = Database(server_url, Settings())
    async with database.read() as session:
        adapted = await (await session.connection()).get_raw_connection()
        connection = adapted.driver_connection
        assert isinstance(connection, Connection)
        await database.dispose()
        assert (await session.execute(ONE)).scalar_one() == 1
    assert connection.is_closed()
