"""Users erased, and opting out and in, while their events and those of others arrive."""

import asyncio
import random
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from activity_events.uuid7 import uuid7
from app.database.verify_rollups import COUNT_ALL
from tests.conftest import running_service
from tests.faults.conftest import Cluster, differences, execute, make_batch

CUT_OFF_RUNS = 10
RETRIES = 20
CUT_OFF_EVENTS = 12_000  # more than one transaction of an erasure
# All client connections but this one: what an administrator does, or a failover.
CUT_CONNECTIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# Rows of people who are not there any more, or whose erasure is not finished.
LEFT_BEHIND = """
SELECT
  (SELECT count(*) FROM activity_event WHERE user_id NOT IN
    (SELECT id FROM app_user WHERE email IS NOT NULL)) AS events,
  (SELECT count(*) FROM activity_user_day WHERE user_id NOT IN
    (SELECT id FROM app_user WHERE email IS NOT NULL)) AS user_days,
  (SELECT count(*) FROM activity_session WHERE user_id NOT IN
    (SELECT id FROM app_user WHERE email IS NOT NULL)) AS sessions,
  (SELECT count(*) FROM stray_event WHERE user_id NOT IN
    (SELECT id FROM app_user WHERE email IS NOT NULL)) AS strays,
  (SELECT count(*) FROM app_user WHERE email IS NULL) AS users,
  (SELECT count(*) FROM erasure WHERE finished_at IS NULL) AS unfinished
"""

ERASED = [f"user{number}@example.com" for number in range(5)]
ROUNDS = 3


async def test_erasures_under_load(cluster: Cluster) -> None:
    """Two services take events of all users while some are erased again and again, through either.

    Whatever is stored at the end was accepted, and is of an hour after its user's last erasure or
    of a user who was never erased; nobody was answered with a failure.
    """
    chance = random.Random(5)
    accepted: dict[str, int] = {}
    erased: dict[str, int] = {}
    with (
        running_service(DATABASE_URL=cluster.url) as one,
        running_service(DATABASE_URL=cluster.url) as two,
    ):
        urls = [one.url, two.url]
        async with httpx.AsyncClient(timeout=60) as client:

            async def log(number: int) -> None:
                for turn in range(40):
                    batch = make_batch(chance, 10)
                    url = urls[(number + turn) % 2]
                    response = await client.post(f"{url}/api/events/log/batch", json=batch)
                    assert response.status_code == 200, response.text
                    answer = response.json()
                    assert answer["accepted"] + answer["suppressed"] == 10
                    email = batch["user_email"]
                    accepted[email] = accepted.get(email, 0) + answer["accepted"]

            async def erase(number: int, email: str) -> None:
                for turn in range(ROUNDS):
                    response = await client.delete(
                        f"{urls[(number + turn) % 2]}/api/privacy/user",
                        params={"user_email": email},
                    )
                    assert response.status_code == 200, response.text
                    receipt = response.json()
                    assert not any(receipt["remaining"].values())
                    erased[email] = erased.get(email, 0) + receipt["deleted"]["activity_event"]

            async def hide(email: str) -> None:
                for analytics in (True, False) * ROUNDS:
                    response = await client.put(
                        f"{one.url}/api/privacy/opt-out",
                        params={"user_email": email},
                        json={"analytics": analytics},
                    )
                    assert response.status_code == 200, response.text

            await asyncio.gather(
                *(log(number) for number in range(6)),
                *(erase(number, email) for number, email in enumerate(ERASED)),
                hide("user7@example.com"),
                hide("user8@example.com"),
            )
    rows = await execute(
        cluster.url,
        "SELECT coalesce(email, '') AS email, count(*) AS events FROM activity_event"
        " LEFT JOIN app_user ON id = user_id GROUP BY 1",
    )
    stored = {row["email"]: row["events"] for row in rows}
    assert stored.keys() <= accepted.keys()
    for email, count in accepted.items():
        assert stored.get(email, 0) + erased.get(email, 0) == count, email
    assert await differences(cluster.url) == []


async def test_an_erasure_that_is_cut_off_is_finished(cluster: Cluster) -> None:
    """The service is killed in the middle of it. By then nobody finds the user; the same request
    to the next service ends it."""
    email = "user1@example.com"
    await execute(cluster.url, f"INSERT INTO app_user (email) VALUES ('{email}')")  # noqa: S608
    await execute(
        cluster.url,
        "INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type,"
        " event_category, event_action, received_at)"
        " SELECT id, date_trunc('minute', now()) - n * interval '1 second',"
        " gen_random_uuid(), 'a_b', 'a', 'b', now() FROM app_user, generate_series(1, 60000) n",
    )
    for statement in COUNT_ALL:
        await execute(cluster.url, statement)
    params: dict[str, Any] = {"user_email": email}
    with running_service(DATABASE_URL=cluster.url) as service:
        url = f"{service.url}/api/privacy/user"
        async with httpx.AsyncClient(timeout=60) as client:
            erasing = asyncio.create_task(client.delete(url, params=params))
            async with asyncio.timeout(30):
                while not await execute(
                    cluster.url, "SELECT 1 FROM erasure WHERE (deleted->>'activity_event')::int > 0"
                ):
                    pass
            service.process.kill()
            outcome = (await asyncio.gather(erasing, return_exceptions=True))[0]
    left = (await execute(cluster.url, "SELECT count(*) FROM activity_event"))[0][0]
    if isinstance(outcome, httpx.TransportError):
        assert left > 0
    assert await differences(cluster.url) == []
    with running_service(DATABASE_URL=cluster.url) as service:
        async with httpx.AsyncClient(timeout=60) as client:
            response = await client.delete(f"{service.url}/api/privacy/user", params=params)
    receipt = response.json()
    if isinstance(outcome, httpx.TransportError):
        assert receipt["deleted"]["activity_event"] == 60000
    assert (await execute(cluster.url, "SELECT count(*) FROM activity_event"))[0][0] == 0
    assert await execute(cluster.url, "SELECT 1 FROM app_user") == []
    assert await differences(cluster.url) == []


@pytest.mark.fault("R1")
async def test_erasures_that_are_cut_off_again_and_again(cluster: Cluster) -> None:
    """Each run: a person's events, an erasure that is cut off at a random moment, more events of
    theirs, and so on; then an erasure that is left alone. Its receipt is true.

    By turns the service is killed, and its database connections are cut.
    """
    chance = random.Random(20)
    stack = ExitStack()
    # Clocks are right: what comes after an erasure is of after it.
    environment = {"DATABASE_URL": cluster.url, "ACTIVITY_CLOCK_SKEW_TOLERANCE_SECONDS": "0"}
    service = stack.enter_context(running_service(**environment))
    try:
        async with httpx.AsyncClient(timeout=60) as client:
            for run in range(CUT_OFF_RUNS):
                person = f"person{run}@example.com"
                params = {"user_email": person}
                logged = erased = 0
                for cut in range(3):
                    logged += await _log_events(
                        client, service.url, person, CUT_OFF_EVENTS if not cut else 500
                    )
                    url = f"{service.url}/api/privacy/user"
                    erasing = asyncio.create_task(client.delete(url, params=params))
                    await asyncio.sleep(chance.uniform(0.005, 0.4))
                    if run % 3 == 2 and cut == 1:
                        service.process.kill()
                        service.process.wait()
                        await asyncio.gather(erasing, return_exceptions=True)
                        stack.close()
                        service = stack.enter_context(running_service(**environment))
                        continue
                    with suppress(asyncpg.PostgresError):
                        await execute(cluster.url, CUT_CONNECTIONS)
                    answer = await erasing
                    assert answer.status_code in {200, 503}, answer.text
                    if answer.status_code == 200:
                        erased = await _require_true(cluster, answer.json())
                for _ in range(RETRIES):  # connections that were cut are met once each
                    answer = await client.delete(f"{service.url}/api/privacy/user", params=params)
                    if answer.status_code != 503:
                        break
                assert answer.status_code == 200, answer.text
                erased = await _require_true(cluster, answer.json())
                assert logged >= erased
                await _log_events(client, service.url, f"other{run}@example.com", 20)
    finally:
        stack.close()
    rows = await execute(cluster.url, "SELECT email FROM app_user ORDER BY id")
    assert [row["email"] for row in rows] == [
        f"other{run}@example.com" for run in range(CUT_OFF_RUNS)
    ]
    assert (await execute(cluster.url, "SELECT count(*) FROM activity_event"))[0][0] == 200
    assert await differences(cluster.url) == []


async def _log_events(client: httpx.AsyncClient, url: str, person: str, events: int) -> int:
    """New events of the person; how many."""
    logged = 0
    while logged < events:
        at = datetime.now(UTC)
        size = min(1000, events - logged)
        batch = {
            "user_email": person,
            "session_id": "s",
            "events": [
                {"event_type": "page_viewed", "event_id": str(uuid7(at))} for _ in range(size)
            ],
        }
        answer = await client.post(f"{url}/api/events/log/batch", json=batch)
        if answer.status_code == 503:  # its connections were cut
            continue
        assert answer.status_code == 200, answer.text
        assert answer.json()["accepted"] == size
        logged += size
    return logged


async def _require_true(cluster: Cluster, receipt: dict[str, Any]) -> int:
    """A receipt says that nothing remains: nothing does. How many events it is of."""
    assert not any(receipt["remaining"].values())
    [left] = await execute(cluster.url, LEFT_BEHIND)
    assert dict(left) == dict.fromkeys(left.keys(), 0)
    events: int = receipt["deleted"]["activity_event"]
    return events
