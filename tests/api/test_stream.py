"""`GET /api/events/stream` on a real socket: order, filters, going on after a break."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.database.sessions import Database
from app.ingest.outbox import forget_arrivals
from app.settings import Settings
from tests.api.conftest import Json, event
from tests.conftest import LiveServer, fresh_database, running_service

GIVE_UP_SECONDS = 20.0


@pytest.fixture(scope="module")
def streaming(server_url: str) -> Iterator[tuple[LiveServer, str]]:
    """A service of this module's own, and its database."""
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, ACTIVITY_STREAMS_MAX="20") as server,
    ):
        yield server, url


@pytest.fixture
async def client(streaming: tuple[LiveServer, str]) -> AsyncIterator[httpx.AsyncClient]:
    base_url = f"{streaming[0].url}/api/events"
    async with httpx.AsyncClient(base_url=base_url, timeout=GIVE_UP_SECONDS) as client:
        yield client


class Stream:
    """What a client of server-sent events sees: `id` is what it would send to go on."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.id = ""

    async def next(self) -> Json:
        """The next event; the stream must bring one."""
        async with asyncio.timeout(GIVE_UP_SECONDS):
            async for line in self._lines:
                if line.startswith("id: "):
                    self.id = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    found: Json = json.loads(line.removeprefix("data: "))
                    return found
        raise AssertionError("the stream has ended")

    async def take(self, count: int) -> list[str]:
        """The ids of the next events."""
        return [(await self.next())["event_id"] for _ in range(count)]

    async def opened(self) -> None:
        """Until the stream has said from where it goes on."""
        async with asyncio.timeout(GIVE_UP_SECONDS):
            async for line in self._lines:
                if line.startswith("id: "):
                    self.id = line.removeprefix("id: ")
                    return


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, *, after: str | None = None, **params: Any
) -> AsyncIterator[Stream]:
    headers = {"Last-Event-ID": after} if after else {}
    async with client.stream("GET", "/stream", params=params, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "private, no-store"
        stream = Stream(response.aiter_lines())
        await stream.opened()
        yield stream


def now_event(**fields: Any) -> Json:
    made = event(**fields)
    if "event_timestamp" not in fields:
        del made["event_timestamp"]
    return made


async def send(
    client: httpx.AsyncClient, *events: Json, user: str = "ada@example.com"
) -> list[str]:
    """Logs them in one request; their ids."""
    answer = await client.post("/log/batch", json={"user_email": user, "events": list(events)})
    assert answer.status_code == 200, answer.text
    return [each["event_id"] for each in events]


async def test_an_event_comes_as_the_list_has_it(client: httpx.AsyncClient) -> None:
    async with listening(client) as stream:
        (event_id,) = await send(client, now_event(metadata={"priority": "high", "n": 1.5}))
        found = await stream.next()
    listed = (await client.get("/", params={"limit": 1})).json()["events"][0]
    assert found == listed
    assert found["event_id"] == event_id


@pytest.mark.fault("S5")
async def test_a_costly_filter_gets_its_events_in_order_and_holds_nobody_up(
    client: httpx.AsyncClient,
) -> None:
    """Fifty objects wanted in a list of thousands: PostgreSQL compares those."""
    wanted = [{"n": n} for n in range(50)]
    costly = {"a": [{"n": n} for n in range(4_000)]}
    other = {"a": [{"n": n} for n in range(1, 4_000)]}
    cheap = {"a": wanted}
    events = [now_event(metadata=each) for each in (costly, other, cheap, costly, cheap)]
    filter_ = json.dumps({"a": wanted}, separators=(",", ":"))
    async with listening(client, metadata=filter_) as slow, listening(client) as fast:
        sent = await send(client, *events)
        assert await fast.take(5) == sent
        assert await slow.take(4) == [sent[0], *sent[2:]]


@pytest.mark.fault("B1")
async def test_events_of_one_moment_come_in_the_order_of_their_batch(
    client: httpx.AsyncClient,
) -> None:
    """Also where some of them were sent before, so that they take the other way in."""
    at = datetime.now(UTC).isoformat()
    events = [event(event_type=f"n{number}", event_timestamp=at) for number in range(60)]
    async with listening(client) as stream:
        sent = await send(client, *events[:30])
        assert await stream.take(30) == sent
        sent = await send(client, *events[20:])
        assert await stream.take(30) == sent[10:]


@pytest.mark.fault("R7")
async def test_the_deepest_event_is_streamed_whole(client: httpx.AsyncClient) -> None:
    deepest: Json = {"k": [1]}
    for _ in range(30):
        deepest = {"a": deepest}
    async with listening(client, metadata=json.dumps(deepest)) as stream:
        await send(client, now_event(metadata=deepest, context_snapshot=deepest))
        found = await stream.next()
    assert (found["metadata"], found["context_snapshot"]) == (deepest, deepest)


async def test_all_filters_hold(client: httpx.AsyncClient) -> None:
    wanted = now_event(
        event_type="task_done", entity_type="task", entity_id="7", metadata={"a": {"b": [1, 2]}}
    )
    others = [
        now_event(event_type="task_opened", metadata={"a": {"b": [1, 2]}}),
        now_event(event_type="task_done", entity_id="8", metadata={"a": {"b": [1, 2]}}),
        now_event(event_type="task_done", entity_id="7", metadata={"a": {"b": [2]}}),
    ]
    params: dict[str, Any] = {
        "user_email": "ada@example.com",
        "event_type": ["task_done", "task_closed"],
        "entity_id": "7",
        "metadata": '{"a": {"b": [1]}}',
    }
    async with listening(client, **params) as stream:
        await send(client, wanted, user="bob@example.com")
        await send(client, *others)
        (expected,) = await send(client, {**wanted, "event_id": str(uuid4())})
        assert (await stream.next())["event_id"] == expected


async def test_a_stream_goes_on_where_it_broke_off(client: httpx.AsyncClient) -> None:
    """Without gaps or repeats, also in the middle of what came in one transaction."""
    async with listening(client) as stream:
        sent = await send(client, *(now_event() for _ in range(5)))
        assert await stream.take(2) == sent[:2]
        after = stream.id
    later = await send(client, *(now_event() for _ in range(3)))
    async with listening(client, after=after) as stream:
        assert await stream.take(6) == sent[2:] + later
        last = await send(client, now_event())
        assert await stream.take(1) == last


async def test_from_before_the_first_event(client: httpx.AsyncClient) -> None:
    """The stream says where it begins before anything comes."""
    async with listening(client) as stream:
        after = stream.id
    sent = await send(client, now_event(), now_event())
    async with listening(client, after=after) as stream:
        assert await stream.take(2) == sent


async def test_what_commits_late_is_not_skipped(
    streaming: tuple[LiveServer, str], client: httpx.AsyncClient
) -> None:
    """A transaction that began earlier holds back what committed before it; none is lost."""
    connection = await asyncpg.connect(streaming[1])
    async with listening(client) as stream:
        transaction = connection.transaction()
        await transaction.start()
        user_id = await connection.fetchval(
            "INSERT INTO app_user (email) VALUES ('slow@example.com') RETURNING id"
        )
        fast = await send(client, now_event())
        slow = uuid4()
        at = await connection.fetchval(
            "INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type,"
            " event_category, event_action, received_at) VALUES ($1, now(), $2, 'a_b', 'a', 'b',"
            " now()) RETURNING event_timestamp",
            user_id,
            slow,
        )
        await connection.execute(
            "INSERT INTO activity_arrival VALUES (pg_current_xact_id()::text::bigint, now(), $1,"
            " $2, $3)",
            [user_id],
            [at],
            [slow],
        )
        await transaction.commit()
        assert await stream.take(2) == [str(slow), *fast]
    await connection.close()


async def test_duplicates_do_not_come_twice(client: httpx.AsyncClient) -> None:
    same = now_event(event_timestamp="2026-11-20T09:00:00Z")
    async with listening(client) as stream:
        first = await send(client, same)
        await send(client, same)
        last = await send(client, now_event())
        assert await stream.take(2) == first + last


async def test_many_readers_get_all(client: httpx.AsyncClient) -> None:
    async with asyncio.TaskGroup() as group:
        ready = asyncio.Semaphore(0)

        async def read() -> list[str]:
            async with listening(client) as stream:
                ready.release()
                return await stream.take(30)

        tasks = [group.create_task(read()) for _ in range(10)]
        for _ in tasks:
            await ready.acquire()
        sent = []
        for _ in range(10):
            sent += await send(client, *(now_event() for _ in range(3)))
    assert all(task.result() == sent for task in tasks)


@pytest.mark.parametrize("given", ["0.1", "99999999999.1", "nonsense", "1", "1.2.3", "-1.1"])
async def test_what_is_no_longer_known_is_410(
    streaming: tuple[LiveServer, str], client: httpx.AsyncClient, given: str
) -> None:
    await send(client, now_event())
    headers = {"Last-Event-ID": given}
    answer = await client.get("/stream", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "resume_expired")


async def test_what_is_forgotten_can_not_be_gone_on_from(
    streaming: tuple[LiveServer, str], client: httpx.AsyncClient
) -> None:
    async with listening(client) as stream:
        await send(client, now_event())
        await stream.next()
        old = stream.id
        await send(client, now_event())
        await stream.next()
        kept = stream.id
    database = Database(streaming[1], Settings())
    async with database.read() as session:
        from sqlalchemy import text

        now = (await session.execute(text("SELECT now() + interval '1 day'"))).scalar_one()
    await forget_arrivals(database, now)
    await database.dispose()
    answer = await client.get("/stream", headers={"Last-Event-ID": old})
    assert answer.status_code == 410
    sent = await send(client, now_event())
    async with listening(client, after=kept) as stream:
        assert await stream.take(1) == sent


async def test_an_unknown_parameter_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/stream", params={"days": 7})).status_code == 422
