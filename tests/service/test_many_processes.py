"""What several processes on one database owe each other: tasks done once, and no stale answers."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from activity_events.uuid7 import uuid7
from app.auth.key_ring import FRESH_SECONDS, NEW_KEY_SECONDS
from app.auth.keys import create_key, revoke_key
from app.auth.principal import Scope
from app.database.sessions import Database
from app.settings import Settings
from tests.api.test_stream import listening, now_event, send
from tests.conftest import ROOT, fresh_database, running_service
from tests.faults.conftest import execute

STREAM_SECONDS = 2.0
MARGIN_SECONDS = 2.0  # for a machine that is busy
ADMIN_KEY = "admin-" + "k" * 32

# Stands for one process of the service: looks what is due whenever it is given a time, twice; what
# it does is done for real, and noted.
KEEPER = """
import asyncio, os, sys
from dataclasses import replace
from datetime import datetime
from sqlalchemy import text
from app.database.sessions import Database
from app.background.tasks import BACKGROUND_TASKS, BackgroundTasks
from app.settings import Settings

async def main(url):
    settings = Settings()
    database = Database(url, settings)
    now = None

    def noted(task):
        async def run(*given):
            async with database.transaction() as session:
                await session.execute(
                    text("INSERT INTO done VALUES (:name, :at, :pid)"),
                    {"name": task.name, "at": now, "pid": os.getpid()},
                )
            await task.run(*given)
        return replace(task, run=run)

    tasks = BackgroundTasks(database, settings, lambda: now, tuple(map(noted, BACKGROUND_TASKS)))
    for line in iter(sys.stdin.readline, ""):
        now = datetime.fromisoformat(line.strip())
        await tasks.look()
        await tasks.look()
        print("looked", flush=True)
    await database.dispose()

asyncio.run(main(sys.argv[1]))
"""


def test_each_duty_is_done_once_in_its_period_by_one_of_three(server_url: str) -> None:
    with fresh_database(server_url) as url:
        asyncio.run(execute(url, "CREATE TABLE done (name text, at timestamptz, pid int)"))
        keepers = [
            subprocess.Popen(
                [sys.executable, "-c", KEEPER, url],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        for at in ("12:00:00", "12:00:59", "12:01:00", "12:59:59", "13:00:00", "18:00:00"):
            for keeper in keepers:
                assert keeper.stdin is not None
                keeper.stdin.write(f"2026-11-20T{at}+00:00\n")
                keeper.stdin.flush()
            for keeper in keepers:
                assert keeper.stdout is not None
                assert keeper.stdout.readline() == "looked\n"
        for keeper in keepers:
            keeper.communicate(timeout=30)
            assert keeper.returncode == 0
        rows = asyncio.run(
            execute(
                url,
                "SELECT name,"
                " string_agg(to_char(at AT TIME ZONE 'UTC', 'HH24:MI:SS'), ' ' ORDER BY at)"
                " FROM done GROUP BY name",
            )
        )
    assert dict(rows) == {
        "partitions": "12:00:00 18:00:00",
        "unfinished": "12:00:00 12:01:00 12:59:59 18:00:00",
        "retention": "12:00:00",
        "arrivals": "12:00:00 12:01:00 12:59:59 18:00:00",
        "summaries": "12:00:00 12:01:00 12:59:59 18:00:00",
        "predictions": "12:00:00 12:01:00 12:59:59 18:00:00",
    }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two services on one database, as seen by the same admin."""

    url: str
    one: httpx.AsyncClient
    two: httpx.AsyncClient


@pytest.fixture(scope="module")
def addresses(server_url: str) -> Iterator[tuple[str, str, str]]:
    """The database, and two services on it, for which all clocks are right: what comes after an
    erasure is of after it."""
    environment = {
        "ACTIVITY_ADMIN_KEYS": ADMIN_KEY,
        "ACTIVITY_CLOCK_SKEW_TOLERANCE_SECONDS": "0",
    }
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, **environment) as one,
        running_service(DATABASE_URL=url, **environment) as two,
    ):
        yield url, one.url, two.url


@pytest.fixture
async def pair(addresses: tuple[str, str, str]) -> AsyncIterator[Pair]:
    url, one, two = addresses
    headers = {"X-API-Key": ADMIN_KEY}
    async with (
        httpx.AsyncClient(base_url=f"{one}/api/events", headers=headers, timeout=20) as first,
        httpx.AsyncClient(base_url=f"{two}/api/events", headers=headers, timeout=20) as second,
    ):
        yield Pair(url, first, second)


async def log(client: httpx.AsyncClient, email: str, **fields: Any) -> dict[str, Any]:
    """The counts of one event's verdict."""
    body = {"user_email": email, "events": [now_event(**fields)]}
    answer = await client.post("/log/batch", json=body)
    assert answer.status_code == 200, answer.text
    return {name: answer.json()[name] for name in ("accepted", "duplicates", "suppressed")}


ACCEPTED = {"accepted": 1, "duplicates": 0, "suppressed": 0}
SUPPRESSED = {"accepted": 0, "duplicates": 0, "suppressed": 1}
DUPLICATE = {"accepted": 0, "duplicates": 1, "suppressed": 0}


async def test_an_event_of_one_process_reaches_a_stream_of_the_other(pair: Pair) -> None:
    async with listening(pair.two) as stream:
        for client in (pair.one, pair.two, pair.one):
            began = time.monotonic()
            sent = await send(client, now_event(), now_event())
            assert await stream.take(2) == sent
            assert time.monotonic() - began < STREAM_SECONDS


async def test_a_stream_is_gone_on_with_at_the_other_process(pair: Pair) -> None:
    async with listening(pair.one) as stream:
        sent = await send(pair.two, *(now_event() for _ in range(3)))
        assert await stream.take(1) == sent[:1]
        after = stream.id
    later = await send(pair.one, now_event())
    async with listening(pair.two, after=after) as stream:
        assert await stream.take(3) == sent[1:] + later


async def test_what_one_process_erased_the_other_forgets(pair: Pair) -> None:
    """The second one remembers the user, by an id that is no more."""
    email, event_id = "erased@example.com", str(uuid4())
    old = {"event_id": event_id, "event_timestamp": datetime.now(UTC).isoformat()}
    assert await log(pair.two, email) == ACCEPTED
    assert await log(pair.two, email, **old) == ACCEPTED
    assert await log(pair.one, email, **old) == DUPLICATE
    erased = await pair.one.delete("/cleanup", params={"user_email": email})
    assert erased.json()["events_deleted"] == 2
    assert await log(pair.two, email, **old) == SUPPRESSED
    assert await log(pair.two, email) == SUPPRESSED  # without a time, it may be of before
    for client in (pair.two, pair.one):
        later = {"event_timestamp": datetime.now(UTC).isoformat()}
        assert await log(client, email, **later) == ACCEPTED
    for client in (pair.one, pair.two):
        listed = (await client.get("/", params={"user_email": email})).json()["events"]
        assert len(listed) == 2
        assert event_id not in {each["event_id"] for each in listed}


async def test_what_one_process_was_told_to_leave_out_the_other_does(pair: Pair) -> None:
    email = "hidden@example.com"
    for client in (pair.one, pair.two):
        assert await log(client, email) == ACCEPTED
    for analytics, logged, listed in ((True, SUPPRESSED, 0), (False, ACCEPTED, 4)):
        answer = await pair.one.put(
            pair.one.base_url.copy_with(path="/api/privacy/opt-out"),
            params={"user_email": email},
            json={"analytics": analytics},
        )
        assert answer.status_code == 200, answer.text
        for client in (pair.two, pair.one):
            assert await log(client, email) == logged
        for client in (pair.two, pair.one):
            answer = await client.get("/", params={"user_email": email})
            assert len(answer.json()["events"]) == listed


async def test_a_key_is_known_and_refused_by_both_in_time(pair: Pair) -> None:
    """Made and revoked by a third process, as the command line is one."""
    database = Database(pair.url, Settings())
    key, secret = await create_key(database, "site", [Scope.READ], datetime.now(UTC))

    async def until(status: int, within_seconds: float) -> None:
        """Both answer so, in time."""
        began = time.monotonic()
        for client in (pair.one, pair.two):
            while (
                answer := await client.get("/", headers={"X-API-Key": secret})
            ).status_code != status:
                assert answer.status_code in {200, 401}
                assert time.monotonic() - began < within_seconds

    await until(200, NEW_KEY_SECONDS + MARGIN_SECONDS)
    await revoke_key(database, key.prefix, datetime.now(UTC))
    await until(401, FRESH_SECONDS + MARGIN_SECONDS)
    await database.dispose()


@pytest.mark.fault("A1")
@pytest.mark.parametrize("kind", ["v4", "v7"])
async def test_an_id_is_one_event_through_whichever_process(pair: Pair, kind: str) -> None:
    """Each of 40 ids four times at once, by turns through both, at four times in two months."""
    email = f"{uuid4()}@example.com"
    now = datetime.now(UTC)
    times = [now - timedelta(minutes=59), now, now - timedelta(days=31), now - timedelta(days=30)]
    ids = [str(uuid4() if kind == "v4" else uuid7(now)) for _ in range(40)]
    event = {"user_email": email, "event_type": "order_paid"}

    async def log(service: httpx.AsyncClient, event_id: str, at: datetime) -> str:
        body = {**event, "event_id": event_id, "event_timestamp": at.isoformat()}
        response = await service.post("/log", json=body)
        assert response.status_code in {200, 201}, response.text
        return str(response.json()["status"])

    statuses = await asyncio.gather(
        *(
            log((pair.one, pair.two)[turn % 2], event_id, at)
            for event_id in ids
            for turn, at in enumerate(times)
        )
    )
    assert statuses.count("accepted") == 40
    assert statuses.count("duplicate") == 120
    for service in (pair.one, pair.two):
        params: dict[str, str | int] = {"user_email": email, "days": 365}
        answer = await service.get("/analytics", params=params)
        assert answer.json()["total_events"] == 40
