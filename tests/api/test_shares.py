"""Callers beside one another, on real sockets: what one takes leaves the others theirs."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.auth import admission
from app.auth.key_ring import KeyRing
from app.auth.keys import create_key, revoke_key
from app.auth.principal import Scope
from app.dependencies import Service
from app.main import create_app
from app.routers import responses
from app.settings import Settings
from tests.api.conftest import error_of
from tests.api.credentials import ADMIN_KEY, AUDIENCE, ISSUER, READ_KEY, SECRET, bearer, token
from tests.conftest import truncate

MALLORY = "mallory@example.com"
BOB = "bob@example.com"
GIVE_UP_SECONDS = 20.0
MANY = 12
BIG = 8_000  # events

# Of one user, about a kilobyte each: more than any buffer on the way holds.
STORE = """
    INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type, event_category,
      event_action, event_metadata, received_at)
    SELECT $1, now() - n * interval '1 second', gen_random_uuid(), 'a_b', 'a', 'b',
      jsonb_build_object('text', (
        SELECT string_agg(md5(n::text || k::text), '') FROM generate_series(1, 32) AS k
      )), now()
    FROM generate_series(1, $2::int) AS n
"""


@dataclass(frozen=True)
class Served:
    """An application that listens on a socket."""

    app: FastAPI
    url: str
    database_url: str

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    def client(self, credentials: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"{self.url}/api/events",
            headers=bearer(credentials),
            timeout=GIVE_UP_SECONDS,
            # What is sent and not read yet waits at the service.
            transport=httpx.AsyncHTTPTransport(
                limits=httpx.Limits(max_connections=100),
                socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)],
            ),
        )


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    assert settings.database_url is not None
    given = {
        "read_keys": READ_KEY,
        "admin_keys": ADMIN_KEY,
        "jwt_secret": SECRET,
        "jwt_audience": AUDIENCE,
        "jwt_issuer": ISSUER,
        "jwt_leeway_seconds": 0,
        "database_pool_size": 4,
        "database_timeout_seconds": 1,
        "streams_max": 8,
    }
    app = create_app(Settings(**{**settings.model_dump(), **given}), settings.database_url)
    config = uvicorn.Config(app, port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    async with app.router.lifespan_context(app):
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        ticking = asyncio.create_task(server.main_loop())
        host, port = server.servers[0].sockets[0].getsockname()
        yield Served(app, f"http://{host}:{port}", settings.database_url)
        app.state.service.feed.end()
        server.should_exit = True
        await ticking
        await server.shutdown()
    await truncate(settings.database_url)


@asynccontextmanager
async def locked(served: Served, table: str) -> AsyncIterator[None]:
    """What asks for this table takes as long as this."""
    connection = await asyncpg.connect(served.database_url)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def store(served: Served, user: str, count: int) -> None:
    connection = await asyncpg.connect(served.database_url)
    user_id = await connection.fetchval(
        "INSERT INTO app_user (email) VALUES ($1) RETURNING id", user
    )
    await connection.execute(STORE, user_id, count)
    await connection.close()


async def log(served: Served, user: str) -> None:
    async with served.client(ADMIN_KEY) as client:
        body = {"user_email": user, "event_type": "a_b"}
        assert (await client.post("/log", json=body)).status_code == 201


async def eventually(is_so: Any) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while not is_so():  # noqa: ASYNC110 (the service tells nobody)
            await asyncio.sleep(0.01)


@pytest.mark.fault("S6", "S19")
async def test_slow_reads_of_one_leave_the_others_theirs(served: Served) -> None:
    async with (
        served.client(token(MALLORY)) as mallory,
        served.client(token(BOB)) as bob,
        served.client(READ_KEY) as reader,
    ):
        async with locked(served, "activity_session"):
            slow = [asyncio.create_task(mallory.get("/sessions")) for _ in range(MANY)]
            pools = served.service.database.pools
            await eventually(lambda: pools()["read"][0] >= 2)
            for client in (bob, reader):
                for path in ("/", f"{served.url}/health/ready"):
                    assert (await client.get(path)).status_code == 200, path
            await eventually(lambda: sum(each.done() for each in slow) == MANY - 2)
            refusals = [each.result() for each in slow if each.done()]
            assert {error_of(each, 429)["code"] for each in refusals} == {"share_exceeded"}
            assert {each.headers["retry-after"] for each in refusals} == {"1"}
        statuses = [each.status_code for each in await asyncio.gather(*slow)]
    assert sorted(set(statuses)) == [200, 429]
    assert statuses.count(200) == 2


@pytest.mark.fault("S6")
async def test_slow_questions_about_all_leave_the_others_theirs(served: Served) -> None:
    """Also where the one who asks has a key; the service's own work has what it needs."""
    async with (
        served.client(READ_KEY) as reader,
        served.client(ADMIN_KEY) as admin,
        locked(served, "activity_user_day"),
    ):
        path = "/analytics/active-users"
        slow = [asyncio.create_task(reader.get(path)) for _ in range(MANY)]
        pools = served.service.database.pools
        await eventually(lambda: pools()["heavy"][0] == 2)
        of_admin = [asyncio.create_task(admin.get(path)) for _ in range(MANY)]
        await eventually(lambda: pools()["heavy"][0] == 3)
        assert (await admin.get("/")).status_code == 200
        for task in (*slow, *of_admin):
            task.cancel()
        await asyncio.gather(*slow, *of_admin, return_exceptions=True)
    async with served.client(READ_KEY) as reader:
        await eventually(lambda: pools()["heavy"][0] == 0)
        assert (await reader.get(path)).status_code == 200


@pytest.mark.fault("S6")
async def test_changes_of_one_leave_the_others_theirs(served: Served) -> None:
    """A transaction of somebody else holds up all that Mallory erases."""
    async with (
        served.client(token(MALLORY)) as mallory,
        served.client(token(BOB)) as bob,
        locked(served, "erasure"),
    ):
        url = f"{served.url}/api/privacy"
        slow = [asyncio.create_task(mallory.delete(f"{url}/user")) for _ in range(MANY)]
        pools = served.service.database.pools
        await eventually(lambda: pools()["write"][0] == 2)
        await asyncio.sleep(0.05)
        assert pools()["write"][0] == 2
        body = {"user_email": BOB, "event_type": "a_b"}
        assert (await bob.post("/log", json=body)).status_code == 201
        assert (await bob.get(f"{url}/opt-out")).status_code == 200
        refused = await asyncio.wait_for(
            asyncio.gather(*slow, return_exceptions=True), GIVE_UP_SECONDS
        )
    statuses = {each.status_code for each in refused if isinstance(each, httpx.Response)}
    assert 429 in statuses


async def opened(stack: AsyncExitStack, client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await stack.enter_async_context(client.stream("GET", path))


@pytest.mark.fault("S6")
async def test_streams_of_one_leave_the_others_theirs(served: Served) -> None:
    async with (
        served.client(token(MALLORY)) as mallory,
        served.client(ADMIN_KEY) as admin,
        AsyncExitStack() as others,
    ):
        async with AsyncExitStack() as stack:
            streams = [await opened(stack, mallory, "/stream") for _ in range(6)]
            assert [each.status_code for each in streams] == [200] * 4 + [429] * 2
            await streams[-1].aread()
            assert error_of(streams[-1], 429)["details"] == {"limit": "streams", "held": 4}
            assert (await opened(others, admin, "/stream")).status_code == 200
        await eventually(lambda: served.service.feed.readers == 1)
        assert (await opened(others, mallory, "/stream")).status_code == 200


@asynccontextmanager
async def unread(
    served: Served, path: str, credentials: str
) -> AsyncIterator[asyncio.StreamReader]:
    """A request whose answer nobody reads, beyond its first bytes."""
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    authorization = bearer(credentials)["Authorization"]
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\r\n"
    writer.write(head.encode())
    try:
        assert await reader.readexactly(12) == b"HTTP/1.1 200"
        yield reader
    finally:
        writer.transport.abort()


@pytest.mark.fault("S6")
async def test_exports_that_nobody_reads_leave_the_others_theirs(served: Served) -> None:
    await store(served, MALLORY, BIG)
    url = f"{served.url}/api/privacy/export"
    exports = served.service.exports
    async with served.client(token(MALLORY)) as mallory, served.client(ADMIN_KEY) as admin:
        async with unread(served, "/api/privacy/export", token(MALLORY)):
            refused = error_of(await mallory.get(url), 429)
            assert (refused["code"], refused["details"]["limit"]) == ("share_exceeded", "exports")
            assert (await admin.get("/export", params={"limit": 10})).status_code == 200
            assert exports.held == 1
        # Who hangs up gives it back.
        await eventually(lambda: exports.held == 0)
        assert (await mallory.get(url)).status_code == 200


@pytest.mark.fault("S6")
async def test_an_export_that_nobody_reads_is_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "SEND_TIMEOUT_SECONDS", 0.3)
    await store(served, MALLORY, BIG)
    async with unread(served, "/api/privacy/export", token(MALLORY)) as reader:
        await eventually(lambda: served.service.exports.held == 1)
        await eventually(lambda: served.service.exports.held == 0)
        rest = await asyncio.wait_for(reader.read(-1), GIVE_UP_SECONDS)
        assert not rest.endswith(b"0\r\n\r\n")
    await eventually(lambda: served.service.database.pools()["read"][0] == 0)


@pytest.mark.fault("S6", "S19")
async def test_readiness_is_asked_once_a_second_by_a_connection_of_its_own(served: Served) -> None:
    database, url = served.service.database, f"{served.url}/health/ready"
    async with AsyncExitStack() as stack, httpx.AsyncClient(timeout=GIVE_UP_SECONDS) as client:
        for _ in range(8):  # all that callers share, and the service's own beside them
            session = await stack.enter_async_context(database.read())
            await session.connection()
        answers = await asyncio.gather(*(client.get(url) for _ in range(20)))
        assert {each.status_code for each in answers} == {200}
        assert len({each.content for each in answers}) == 1
    readiness, now = served.service.readiness, datetime.now(UTC) + timedelta(minutes=1)
    first = await readiness.get(now)
    assert await readiness.get(now + timedelta(seconds=0.9)) is first
    assert await readiness.get(now + timedelta(seconds=1)) is not first


class Lines:
    """A stream of server-sent events, by its lines."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.id = self.last = ""

    async def event(self) -> dict[str, Any] | None:
        """The next event; None at the end."""
        async for line in self._lines:
            self.last = line or self.last
            if line.startswith("id: "):
                self.id = line.removeprefix("id: ")
            if line.startswith("data: "):
                event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return event
        return None


@pytest.mark.fault("S10")
async def test_a_stream_ends_when_its_token_expires(served: Served) -> None:
    begun = time.time()
    expiring = token(BOB, exp=int(begun) + 3)
    async with (
        served.client(expiring) as bob,
        bob.stream("GET", "/stream") as response,
        asyncio.timeout(GIVE_UP_SECONDS),
    ):
        lines = Lines(response)
        assert response.status_code == 200
        await log(served, BOB)
        while (event := await lines.event()) is not None:
            assert event["user_email"] == BOB
        assert lines.last == ": expired_token"
        assert time.time() >= int(begun) + 3
        assert served.service.feed.readers == 0


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked again after seconds is asked after tenths of one."""
    monkeypatch.setattr(admission, "CONFIRM_SECONDS", 0.1)
    monkeypatch.setattr(KeyRing._refresh, "__defaults__", (0.1,))


@pytest.mark.fault("S10")
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("is_busy", [False, True])
async def test_a_stream_ends_when_its_key_is_revoked(served: Served, is_busy: bool) -> None:
    """One that idles, and one that never does."""
    database, now = served.service.database, datetime.now(UTC)
    key, secret = await create_key(database, "reader", [Scope.READ], now)
    other, other_secret = await create_key(database, "other", [Scope.READ], now)
    async with (
        served.client(secret) as first,
        served.client(other_secret) as second,
        first.stream("GET", "/stream") as revoked,
        second.stream("GET", "/stream") as kept,
        asyncio.timeout(GIVE_UP_SECONDS),
    ):
        await revoke_key(database, key.prefix, now)

        async def feed() -> None:
            while is_busy:
                await log(served, BOB)
                await asyncio.sleep(0.02)

        feeding = asyncio.create_task(feed())
        lines = Lines(revoked)
        while await lines.event() is not None:
            pass
        assert lines.last == ": invalid_key"
        feeding.cancel()
        await log(served, MALLORY)
        others = Lines(kept)
        while (await others.event() or {})["user_email"] != MALLORY:
            pass
        assert served.service.feed.readers == 1
    assert other.prefix != key.prefix


@pytest.mark.fault("S10")
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("format_", ["ndjson", "csv", "parquet"])
async def test_an_export_breaks_off_when_its_key_is_revoked(served: Served, format_: str) -> None:
    """So that nobody takes it for whole."""
    await store(served, MALLORY, BIG)
    database, now = served.service.database, datetime.now(UTC)
    key, secret = await create_key(database, "reader", [Scope.READ], now)
    async with (
        served.client(secret) as client,
        client.stream("GET", "/export", params={"format": format_}) as response,
        asyncio.timeout(GIVE_UP_SECONDS),
    ):
        assert response.status_code == 200
        await revoke_key(database, key.prefix, now)
        await asyncio.sleep(0.3)
        with pytest.raises(httpx.RemoteProtocolError):
            async for _ in response.aiter_raw():
                pass
    await eventually(lambda: served.service.exports.held == 0)


@pytest.mark.fault("S10")
async def test_an_export_breaks_off_when_its_token_expires(served: Served) -> None:
    await store(served, MALLORY, BIG)
    url = f"{served.url}/api/privacy/export"
    async with (
        served.client(token(MALLORY, exp=int(time.time()) + 3)) as client,
        client.stream("GET", url) as response,
        asyncio.timeout(GIVE_UP_SECONDS),
    ):
        assert response.status_code == 200
        await asyncio.sleep(3.1)
        with pytest.raises(httpx.RemoteProtocolError):
            async for _ in response.aiter_raw():
                pass


@pytest.mark.fault("S14")
async def test_who_comes_and_goes_misses_nothing(served: Served) -> None:
    """Streams of some users join and leave while others write: each goes on where it was."""
    users = [f"user{number}@example.com" for number in range(5)]
    done = asyncio.Event()

    async def follow(user: str) -> list[str]:
        events: list[str] = []
        after = ""
        async with served.client(token(user)) as client:
            while not done.is_set():
                headers = {"Last-Event-ID": after} if after else {}
                async with client.stream("GET", "/stream", headers=headers) as response:
                    assert response.status_code == 200, await response.aread()
                    lines = Lines(response)
                    for _ in range(3):
                        event = await lines.event()
                        assert event is not None
                        events.append(event["event_id"])
                        if event["event_type"] == "z_end":
                            return events
                    after = lines.id
        return events

    async def write(user: str) -> list[str]:
        ids: list[str] = []
        async with served.client(token(user)) as client:
            for number in range(16):
                body = {"event_type": "z_end" if number == 15 else "a_b"}
                ids.append((await client.post("/log", json=body)).json()["event_id"])
                await asyncio.sleep(0.01)
        return ids

    async with asyncio.timeout(2 * GIVE_UP_SECONDS):
        following = [asyncio.create_task(follow(user)) for user in users]
        await eventually(lambda: served.service.feed.readers == len(users))
        sent = await asyncio.gather(*(write(user) for user in users))
        assert await asyncio.gather(*following) == list(sent)
