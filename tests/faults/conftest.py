"""Real processes under load: a PostgreSQL that loses nothing, services on it, and clients that
retry the same batch until it is acknowledged.
"""

import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import psutil
import pytest

from activity_events.uuid7 import uuid7
from app.database import embedded
from app.database.migrations import migrate_at
from app.database.verify import Check
from app.database.verify_rollups import verify_rollups
from app.settings import Settings
from tests.conftest import connected

USERS = 20
BATCH = 20
ATTEMPTS_MAX = 400
RETRY_SECONDS = 0.05
REQUEST_TIMEOUT_SECONDS = 15


@dataclass(slots=True)
class Cluster:
    """A PostgreSQL that can be killed and started again on its data."""

    folder: Path
    server: embedded.EmbeddedServer

    @property
    def url(self) -> str:
        return self.server.url()

    def kill(self) -> None:
        """SIGKILL of the postmaster; its children notice, and end."""
        postmaster = psutil.Process(self.server.pid)
        children = postmaster.children()
        postmaster.kill()
        psutil.wait_procs([postmaster, *children], 30)

    def stop(self) -> None:
        embedded.stop(self.server)

    def start(self) -> None:
        self.server = embedded.start(self.folder)


@pytest.fixture(scope="session")
def session_cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="activity-faults-") as folder:
        cluster = Cluster(Path(folder), embedded.start(Path(folder)))
        asyncio.run(migrate_at(cluster.url, Settings()))
        yield cluster
        cluster.stop()


@pytest.fixture
def cluster(session_cluster: Cluster) -> Cluster:
    """Empty, and running."""
    asyncio.run(
        execute(
            session_cluster.url,
            "TRUNCATE activity_event, app_user, activity_rollup, activity_user_day,"
            " activity_session, activity_arrival, stray_event, erasure",
        )
    )
    return session_cluster


async def execute(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


@dataclass(slots=True)
class Feed:
    """What clients sent and what they were told."""

    acknowledged: set[UUID] = field(default_factory=set)
    accepted: int = 0
    duplicates: int = 0
    refused: list[httpx.Response] = field(default_factory=list)
    broken: int = 0
    slowest_refusal_seconds: float = 0.0


def make_batch(chance: random.Random, size: int = BATCH) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "user_email": f"user{chance.randrange(USERS)}@example.com",
        "device_type": chance.choice(["desktop", "mobile"]),
        "events": [
            {
                "event_type": chance.choice(["project_created", "email_opened", "page_viewed"]),
                "event_id": str(uuid7(now)),
                "event_timestamp": now.isoformat(),
                "duration_ms": chance.randrange(1000),
                "metadata": {"n": chance.randrange(10)},
            }
            for _ in range(size)
        ],
    }


async def feed_one(
    client: httpx.AsyncClient, urls: list[str], batch: dict[str, Any], feed: Feed
) -> None:
    """Sends one batch, the same each time, until it is acknowledged."""
    for attempt in range(ATTEMPTS_MAX):
        url = urls[attempt % len(urls)]
        started = asyncio.get_running_loop().time()
        try:
            response = await client.post(f"{url}/api/events/log/batch", json=batch)
        except httpx.TransportError:
            feed.broken += 1
        else:
            if response.status_code == 200:
                body = response.json()
                assert body["accepted"] + body["duplicates"] == len(batch["events"])
                feed.accepted += body["accepted"]
                feed.duplicates += body["duplicates"]
                feed.acknowledged.update(UUID(event["event_id"]) for event in batch["events"])
                return
            assert response.status_code == 503, response.text
            assert int(response.headers["retry-after"]) >= 1
            feed.refused.append(response)
            taken = asyncio.get_running_loop().time() - started
            feed.slowest_refusal_seconds = max(feed.slowest_refusal_seconds, taken)
        await asyncio.sleep(RETRY_SECONDS)
    raise AssertionError("a batch was not acknowledged")


async def feed_all(
    urls: list[str],
    batches: int,
    *,
    clients: int = 8,
    seed: int = 1,
    after: dict[int, Callable[[], Any]] | None = None,
) -> Feed:
    """Clients share the batches; a step of `after` runs once so many were acknowledged.

    A step that blocks runs in a thread, so that the clients go on meanwhile.
    """
    chance = random.Random(seed)
    waiting = [make_batch(chance) for _ in range(batches)]
    steps = dict(after or {})
    feed = Feed()
    done = 0

    async def client_loop() -> None:
        nonlocal done
        timeout = httpx.Timeout(REQUEST_TIMEOUT_SECONDS)
        async with httpx.AsyncClient(timeout=timeout) as client:
            while waiting:
                await feed_one(client, urls, waiting.pop(), feed)
                done += 1
                step = steps.pop(done, None)
                if step is not None:
                    await asyncio.to_thread(step)

    await asyncio.gather(*(client_loop() for _ in range(clients)))
    assert steps == {}
    return feed


async def check(cluster: Cluster, feed: Feed) -> None:
    """Every acknowledged event is stored, once, and the totals are those of the events."""
    rows = await execute(cluster.url, "SELECT event_id FROM activity_event")
    stored = [row["event_id"] for row in rows]
    assert len(stored) == len(set(stored))
    assert set(stored) == feed.acknowledged
    assert await differences(cluster.url) == []


async def differences(url: str) -> list[Check]:
    """Where the totals are not those of a recount."""
    async with connected(url) as connection:
        checks = await verify_rollups(connection)
    return [each for each in checks if not each.ok]
