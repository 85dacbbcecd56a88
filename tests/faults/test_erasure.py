"""Users erased, and opting out and in, while their events and those of others arrive."""

import asyncio
import random
from typing import Any

import httpx

from app.verify_rollups import COUNT_ALL
from tests.conftest import running_service
from tests.faults.conftest import Cluster, differences, execute, make_batch

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
