"""Whatever is killed, what was acknowledged is stored, once."""

import asyncio
import random
import time
from contextlib import ExitStack

import httpx

from app.settings import Settings
from tests.conftest import running_service
from tests.faults.conftest import Cluster, Feed, check, execute, feed_all, feed_one, make_batch

BATCHES = 300
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'activity-events' AND random() < 0.7"
)
OUTAGE_SECONDS = 10


async def test_the_service_killed_under_load(cluster: Cluster) -> None:
    with ExitStack() as services:
        first = services.enter_context(running_service(DATABASE_URL=cluster.url))

        def kill_and_restart() -> None:
            first.process.kill()
            first.process.wait(30)
            services.enter_context(
                running_service("--port", str(first.port), DATABASE_URL=cluster.url)
            )

        feed = await feed_all([first.url], BATCHES, after={BATCHES // 3: kill_and_restart})
    assert feed.broken > 0
    await check(cluster, feed)


async def test_the_database_killed_under_load(cluster: Cluster) -> None:
    def kill_and_restart() -> None:
        cluster.kill()
        cluster.start()

    with running_service(DATABASE_URL=cluster.url) as service:
        feed = await feed_all([service.url], BATCHES, after={BATCHES // 3: kill_and_restart})
    assert feed.refused
    await check(cluster, feed)


async def test_a_database_that_is_away_for_a_while(cluster: Cluster) -> None:
    """503 with Retry-After, and not only once nobody waits any more; and the same process goes on
    when it is back."""

    def away() -> None:
        cluster.stop()
        time.sleep(OUTAGE_SECONDS)
        cluster.start()

    with running_service(DATABASE_URL=cluster.url) as service:
        feed = await feed_all([service.url], BATCHES, after={BATCHES // 3: away})
        ready = await asyncio.to_thread(httpx.get, f"{service.url}/health/ready")
        assert ready.status_code == 200
    assert len(feed.refused) > 10
    assert {each.json()["error"]["code"] for each in feed.refused} == {"database_unavailable"}
    assert feed.slowest_refusal_seconds < Settings().database_timeout_seconds / 2
    await check(cluster, feed)


async def test_connections_cut_at_random(cluster: Cluster) -> None:
    def cut() -> None:
        asyncio.run(execute(cluster.url, TERMINATE))

    after = dict.fromkeys(range(20, BATCHES, 15), cut)
    with running_service(DATABASE_URL=cluster.url) as service:
        feed = await feed_all([service.url], BATCHES, after=after)
    await check(cluster, feed)


async def test_two_services_fed_the_same_at_the_same_moment(cluster: Cluster) -> None:
    with (
        running_service(DATABASE_URL=cluster.url) as one,
        running_service(DATABASE_URL=cluster.url) as two,
    ):
        feed = Feed()
        chance = random.Random(5)
        batches = [make_batch(chance) for _ in range(60)]
        async with httpx.AsyncClient(timeout=30) as client:
            for start in range(0, len(batches), 6):
                await asyncio.gather(
                    *(
                        feed_one(client, [service.url], batch, feed)
                        for batch in batches[start : start + 6]
                        for service in (one, two)
                    )
                )
    assert feed.accepted == len(feed.acknowledged) == 60 * 20
    assert feed.duplicates == feed.accepted
    await check(cluster, feed)
