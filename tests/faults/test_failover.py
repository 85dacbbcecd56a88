"""The primary fails over under load, and networks that cut connections or fall silent."""

import asyncio
import random
import re
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.database.postgres_binaries import binaries, run, server_account
from tests.conftest import LiveServer, running_service
from tests.faults.conftest import Cluster, Feed, check, execute, feed_one, make_batch
from tests.faults.standby import streaming_pair
from tests.proxy import Proxy, proxied

ACCEPTED_AGAIN_SECONDS = 10
PATIENCE_SECONDS = 30
STATEMENT_TIMEOUT_MS = "1000"


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    if not (binaries() / "pg_basebackup").exists():
        pytest.skip("the embedded PostgreSQL has no pg_basebackup to make a standby with")
    with (
        tempfile.TemporaryDirectory(prefix="activity-failover-") as folder,
        streaming_pair(Path(folder)) as pair,
    ):
        yield pair


@asynccontextmanager
async def service_at(
    url: str, **environment: str
) -> AsyncIterator[tuple[LiveServer, httpx.AsyncClient]]:
    """A service whose start and stop don't hold up the proxy in this process."""
    running = running_service(
        DATABASE_URL=url, ACTIVITY_STATEMENT_TIMEOUT_MS=STATEMENT_TIMEOUT_MS, **environment
    )
    service = await asyncio.to_thread(running.__enter__)
    try:
        async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE_SECONDS) as client:
            yield service, client
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def log(client: httpx.AsyncClient) -> httpx.Response:
    event = {"event_type": "a", "user_email": "ada@example.com"}
    return await client.post("/api/events/log", json=event)


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 (another process' state)
            await asyncio.sleep(0.05)


async def until_ready(client: httpx.AsyncClient, *, ready: bool, seconds: float) -> None:
    async def holds() -> bool:
        return await is_ready(client) is ready

    await until(holds, seconds)


async def until_acknowledged(feed: Feed, number: int, seconds: float = PATIENCE_SECONDS) -> None:
    async def holds() -> bool:
        return len(feed.acknowledged) >= number

    await until(holds, seconds)


def promote(standby: Cluster) -> None:
    account = server_account(standby.folder)
    run("pg_ctl", "promote", "-w", "-D", standby.server.pgdata, account=account)


@pytest.mark.fault("E5")
async def test_the_standby_is_promoted_under_load(pair: tuple[Cluster, Cluster]) -> None:
    """The old primary goes on, read-only, and every connection to it stays open. What was
    acknowledged is on the new one, as commits wait for it."""
    primary, standby = pair
    await execute(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    await execute(primary.url, "SELECT pg_reload_conf()")
    feed = Feed()
    ends = asyncio.Event()

    async def client_loop(url: str) -> None:
        chance = random.Random()
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
            while not ends.is_set():
                await feed_one(client, [url], make_batch(chance), feed)

    async with (
        proxied(primary.url) as proxy,
        service_at(proxy.url) as (service, client),
        asyncio.TaskGroup() as group,
    ):
        for _ in range(4):
            group.create_task(client_loop(service.url))
        await until_acknowledged(feed, 400)

        await execute(primary.url, "ALTER SYSTEM SET default_transaction_read_only = on")
        await execute(primary.url, "SELECT pg_reload_conf()")
        await until_ready(client, ready=False, seconds=10)
        await asyncio.to_thread(promote, standby)
        proxy.lead_to(standby.url)
        before = len(feed.acknowledged)
        await until_acknowledged(feed, before + 1, ACCEPTED_AGAIN_SECONDS)
        await until_ready(client, ready=True, seconds=ACCEPTED_AGAIN_SECONDS)
        await until_acknowledged(feed, before + 400)
        ends.set()

    assert {response.json()["error"]["code"] for response in feed.refused} == {
        "database_unavailable"
    }
    await check(standby, feed)


@pytest.mark.fault("N3")
async def test_connections_that_fall_silent_hold_up_nobody_for_long(cluster: Cluster) -> None:
    """A proxy that takes what the service sends and passes nothing on; new connections work."""
    async with proxied(cluster.url) as proxy, service_at(proxy.url) as (service, client):
        assert (await log(client)).status_code == 201
        assert await is_ready(client)
        await client.get("/api/events/")
        proxy.stall()
        begun = time.monotonic()
        read, ready, logged = await asyncio.gather(
            client.get("/api/events/"), client.get("/health/ready"), log(client)
        )
        assert time.monotonic() - begun < 20
        assert logged.status_code == 201, logged.text
        assert {read.status_code, ready.status_code} <= {200, 503}
        assert (await client.get("/api/events/")).status_code == 200
        await until_ready(client, ready=True, seconds=10)

        proxy.stall()
        service.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(service.process.wait, 20) == 0


@pytest.mark.fault("N3")
async def test_idle_connections_that_a_firewall_forgot(cluster: Cluster) -> None:
    """With RST, and without."""
    async with proxied(cluster.url) as proxy, service_at(proxy.url) as (_, client):
        for end in (Proxy.cut, Proxy.stall):
            assert (await log(client)).status_code == 201
            assert (await client.get("/api/events/")).status_code == 200
            await asyncio.sleep(1.2)
            end(proxy)
            answers = await asyncio.gather(log(client), client.get("/api/events/"))
            assert [answer.status_code for answer in answers] == [201, 200]
            assert await is_ready(client)


@pytest.mark.fault("N2", "N21")
async def test_a_disk_that_was_full_for_a_while(cluster: Cluster) -> None:
    """The provider makes the database read-only, and writable again."""
    on = "ALTER DATABASE activity_events SET default_transaction_read_only = on"
    off = "ALTER DATABASE activity_events RESET default_transaction_read_only"
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with service_at(cluster.url) as (_, client):
        assert (await log(client)).status_code == 201
        await execute(cluster.url, on)
        await execute(cluster.url, end)
        try:
            assert (await log(client)).json()["error"]["code"] == "database_unavailable"
            assert not await is_ready(client)
            assert (await client.get("/api/events/")).status_code == 200
            metrics = (await client.get("/metrics")).text
            found = re.search(r'errors_total\{kind="read_only"\} (\d+)', metrics)
            assert found is not None
            assert int(found[1]) >= 1
        finally:
            connection = await asyncpg.connect(cluster.url)
            await connection.execute("SET default_transaction_read_only = off")
            await connection.execute(off)
            await connection.close()
        await until_ready(client, ready=True, seconds=10)
        assert (await log(client)).status_code == 201
