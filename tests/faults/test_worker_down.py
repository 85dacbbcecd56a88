"""A worker of a Citus cluster dies under load and comes back.

`CITUS_WORKER_CTL` is a shell command that does with one of the workers what stands for `%s`, as
`pg_ctl` takes it: `stop -m immediate`, `start`, `status`.
"""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from activity_events.uuid7 import uuid7
from app.settings import Settings
from tests.faults.conftest import differences, execute

USERS = [f"user{number}@example.com" for number in range(40)]
TIMEOUT_SECONDS = 60

pytestmark = pytest.mark.skipif(
    not {"CITUS_URL", "CITUS_WORKER_CTL"} <= os.environ.keys(), reason="needs a Citus cluster"
)


def worker(action: str) -> None:
    """Returns when it is done."""
    subprocess.run(  # noqa: S602 (whoever runs the tests gave it)
        os.environ["CITUS_WORKER_CTL"] % action,
        shell=True,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.fixture(autouse=True)
def in_the_end_it_runs() -> Iterator[None]:
    yield
    try:
        worker("status")
    except subprocess.CalledProcessError:
        worker("start")


def batch(user: str, size: int = 5) -> dict[str, Any]:
    now = datetime.now(UTC)
    event = {"event_type": "project_created", "event_timestamp": now.isoformat()}
    events = [event | {"event_id": str(uuid7(now)), "session_id": "s"} for _ in range(size)]
    return {"user_email": user, "events": events}


def ids(sent: dict[str, Any]) -> set[UUID]:
    return {UUID(event["event_id"]) for event in sent["events"]}


async def send(client: httpx.AsyncClient, given: dict[str, Any]) -> bool:
    """Whether it was acknowledged; else it was refused, as it should be."""
    response = await client.post("/log/batch", json=given)
    if response.status_code == 200:
        return True
    assert response.status_code == 503, response.text
    assert response.json()["error"]["code"] == "database_unavailable"
    assert int(response.headers["retry-after"]) >= 1
    return False


async def send_all(client: httpx.AsyncClient, batches: list[dict[str, Any]]) -> list[bool]:
    return list(await asyncio.gather(*(send(client, each) for each in batches)))


async def test_users_of_the_others_go_on(client: httpx.AsyncClient, settings: Settings) -> None:
    assert settings.database_url is not None
    first = [batch(user) for user in USERS]
    assert all(await send_all(client, first))
    await asyncio.to_thread(worker, "stop -m immediate")
    sent = [batch(user) for user in USERS for _ in range(3)]
    taken = await send_all(client, sent)
    again = await send_all(client, sent)  # the same: what was refused stays so
    assert again == taken
    by_user = {user: set[bool]() for user in USERS}
    for each, was_taken in zip(sent, taken, strict=True):
        by_user[each["user_email"]].add(was_taken)
    assert sorted(map(len, by_user.values())) == [1] * len(USERS)
    assert {True, False} == set(taken)
    # Somebody new has to be known to all workers.
    assert not await send(client, batch("somebody.new@example.com"))

    await asyncio.to_thread(worker, "start")
    await execute(settings.database_url, "SELECT recover_prepared_transactions()")
    acknowledged = set().union(*(ids(each) for each in first))
    acknowledged |= set().union(*(ids(each) for each, ok in zip(sent, taken, strict=True) if ok))
    rows = await execute(settings.database_url, "SELECT event_id FROM activity_event")
    stored = [row["event_id"] for row in rows]
    assert len(stored) == len(acknowledged)
    assert set(stored) == acknowledged
    assert await differences(settings.database_url) == []
    assert all(await send_all(client, [*sent, batch("somebody.new@example.com")]))
    rows = await execute(
        settings.database_url, "SELECT count(DISTINCT event_id) FROM activity_event"
    )
    assert rows[0][0] == len(USERS) * 5 * 4 + 5
    assert await differences(settings.database_url) == []


async def test_it_dies_and_comes_back_under_load(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    """Each batch is sent until it is acknowledged: all are there in the end, each event once."""
    assert settings.database_url is not None
    assert all(await send_all(client, [batch(user) for user in USERS]))
    sent: list[dict[str, Any]] = []
    refused = 0
    is_over = asyncio.Event()

    async def log(user: str) -> None:
        nonlocal refused
        while not is_over.is_set():
            each = batch(user)
            sent.append(each)
            while not await send(client, each):
                refused += 1
                await asyncio.sleep(0.05)

    async with asyncio.timeout(TIMEOUT_SECONDS * 2), asyncio.TaskGroup() as group:
        for user in USERS:
            group.create_task(log(user))
        for action in ("stop -m immediate", "start", "restart -m immediate"):
            await asyncio.sleep(1)
            await asyncio.to_thread(worker, action)
        await asyncio.sleep(1)
        is_over.set()
    await execute(settings.database_url, "SELECT recover_prepared_transactions()")
    assert refused > 0
    rows = await execute(settings.database_url, "SELECT event_id FROM activity_event")
    stored = [row["event_id"] for row in rows]
    assert len(stored) == len(set(stored))
    assert set().union(*(ids(each) for each in sent)) <= set(stored)
    assert len(stored) == (len(sent) + len(USERS)) * 5
    assert await differences(settings.database_url) == []
