"""Two hosts behind a load balancer, of which one dies under load and comes back."""

import asyncio
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.conftest import running_service
from tests.faults.conftest import Cluster, Feed, check, make_batch
from tests.faults.two_hosts import (
    BALANCER,
    DATABASE_PORT,
    SERVICE_PORT,
    Host,
    answered_by,
    balancing,
    hosts,
    may_make_namespaces,
    why_not,
)

KEY = "k" * 40
CLIENTS = 4
LOAD_SECONDS_MAX = 30.0
RETRY_SECONDS = 0.05
PAUSE_SECONDS = 0.02  # a host starts meanwhile, on the same machine
POLL_SECONDS = 0.05
SOME = 20  # requests
# What the balancer says of a host that is gone, and what a host says that is starting or stopping.
TRY_AGAIN = {502, 503, 504}


@pytest.fixture(autouse=True)
def can_run() -> None:
    """In CI the programs are there; whether namespaces may be made is up to who runs it."""
    missing = why_not()
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(f"LEFT OUT: {missing}")
    if not may_make_namespaces():
        pytest.skip("LEFT OUT: network namespaces may not be made here")


@dataclass(slots=True)
class Load:
    """Clients that send batch after batch, each until it is acknowledged."""

    socket: Path
    feed: Feed = field(default_factory=Feed)
    must_end: bool = False

    async def send(self, number: int) -> None:
        chance = random.Random(number)
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket))
        async with httpx.AsyncClient(
            transport=transport,
            base_url="http://balancer",
            headers={"X-API-Key": KEY},
            timeout=10,
        ) as client:
            while not self.must_end:
                await self.send_batch(client, make_batch(chance))
                await asyncio.sleep(PAUSE_SECONDS)

    async def send_batch(self, client: httpx.AsyncClient, batch: dict[str, Any]) -> None:
        while True:
            try:
                answer = await client.post("/api/events/log/batch", json=batch)
            except httpx.TransportError:
                self.feed.broken += 1
            else:
                if answer.status_code == 200:
                    body = answer.json()
                    assert body["accepted"] + body["duplicates"] == len(batch["events"])
                    self.feed.accepted += body["accepted"]
                    self.feed.duplicates += body["duplicates"]
                    self.feed.acknowledged.update(
                        UUID(each["event_id"]) for each in batch["events"]
                    )
                    return
                assert answer.status_code in TRY_AGAIN, answer.text
                self.feed.refused.append(answer)
            await asyncio.sleep(RETRY_SECONDS)


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short path, as it has to be for sockets."""
    with tempfile.TemporaryDirectory(prefix="activity-hosts-") as name:
        yield Path(name)


@pytest.fixture
def two_hosts() -> Iterator[tuple[Host, list[Host]]]:
    with hosts(2) as made:
        yield made


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(POLL_SECONDS)


async def until_it_answers(folder: Path, number: int) -> None:
    """Until the balancer sends requests to this host, and some were answered."""
    await until(lambda: answered_by(folder, number) >= 0)
    before = answered_by(folder, number)
    await until(lambda: answered_by(folder, number) >= before + SOME)


async def test_a_host_killed_under_load(
    cluster: Cluster, two_hosts: tuple[Host, list[Host]], folder: Path
) -> None:
    """Its clients go on with the other one; what was acknowledged is stored, once."""
    balancer, (first, second) = two_hosts
    database_socket = cluster.server.socket_dir / ".s.PGSQL.5432"
    environment = {
        "DATABASE_URL": f"postgresql://postgres@{BALANCER}:{DATABASE_PORT}/activity_events",
        "ACTIVITY_ADMIN_KEYS": KEY,
        "PORT": str(SERVICE_PORT),
    }
    with ExitStack() as stack:
        socket = stack.enter_context(balancing(balancer, [first, second], folder, database_socket))

        def start(host: Host) -> None:
            stack.enter_context(
                running_service(
                    "--port",
                    str(SERVICE_PORT),
                    "--host",
                    host.address,
                    inside=host.inside,
                    **environment,
                )
            )

        await asyncio.gather(asyncio.to_thread(start, first), asyncio.to_thread(start, second))
        load = Load(socket)
        async with asyncio.timeout(LOAD_SECONDS_MAX):
            sending = [asyncio.create_task(load.send(number)) for number in range(CLIENTS)]
            for number in (0, 1):
                await until_it_answers(folder, number)
            await asyncio.to_thread(first.kill)
            await until(lambda: answered_by(folder, 0) < 0)
            await until_it_answers(folder, 1)
            await asyncio.to_thread(start, first)
            await until_it_answers(folder, 0)
            load.must_end = True
            await asyncio.gather(*sending)
    assert load.feed.broken + len(load.feed.refused) > 0
    assert load.feed.accepted + load.feed.duplicates == len(load.feed.acknowledged)
    await check(cluster, load.feed)
