"""A real primary and a real streaming replica: what is read where, and what is seen."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from activity_events import ActivityClient
from activity_events.uuid7 import uuid7
from app.database.postgres_binaries import binaries
from app.database.sessions import Database, ReadSession
from app.errors import DatabaseUnavailable, InvalidRequest, NotFound, TooExpensive
from app.replica.reads import Replicas
from app.replica.standby import WAIT_SECONDS
from app.settings import Settings
from tests.conftest import LiveServer, running_service
from tests.faults.conftest import Cluster, execute
from tests.faults.standby import streaming_pair

PATIENCE_SECONDS = 40
ADMIN = "an-admin-key-of-thirty-two-characters"
READER = "a-read-key-of-thirty-two-characters!"
HEADER = "Activity-Position"
COMMIT = "INSERT INTO app_user (email) VALUES (gen_random_uuid() || '@example.com')"
IS_REPLICA = text("SELECT pg_is_in_recovery()")
JSON = dict[str, Any]


class Pair:
    """A primary, and a replica that follows it."""

    def __init__(self, primary: Cluster, standby: Cluster) -> None:
        self.primary, self.standby = primary, standby

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "DATABASE_URL": self.primary.url,
            "READ_DATABASE_URL": self.standby.url,
            "READ_MAX_LAG_SECONDS": "3600",
            "ACTIVITY_ADMIN_KEYS": ADMIN,
            "ACTIVITY_READ_KEYS": READER,
            **more,
        }

    async def caught_up(self) -> None:
        wanted = (await execute(self.primary.url, "SELECT pg_current_wal_flush_lsn()"))[0][0]

        async def is_there() -> bool:
            found = await execute(self.standby.url, "SELECT pg_last_wal_replay_lsn()")
            return bool(found[0][0] >= wanted)

        await eventually(is_there)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """The replica takes what the primary sends, and replays none of it."""
        await self.caught_up()
        await execute(self.standby.url, "SELECT pg_wal_replay_pause()")

        async def is_paused() -> bool:
            found = await execute(self.standby.url, "SELECT pg_get_wal_replay_pause_state()")
            return bool(found[0][0] == "paused")

        # It notices where it replays, or waits for more.
        await eventually(is_paused)
        try:
            yield
        finally:
            await execute(self.standby.url, "SELECT pg_wal_replay_resume()")


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():  # noqa: ASYNC110 (another process' state)
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    if not (binaries() / "pg_basebackup").exists():
        pytest.skip("the embedded PostgreSQL has no pg_basebackup to make a replica with")
    with (
        tempfile.TemporaryDirectory(prefix="activity-replica-") as folder,
        streaming_pair(Path(folder)) as (primary, standby),
    ):
        yield Pair(primary, standby)


@pytest.fixture(scope="module")
def services(pair: Pair) -> Iterator[list[LiveServer]]:
    """Two processes, as behind a load balancer."""
    environment = pair.environment()
    with running_service(**environment) as one, running_service(**environment) as two:
        yield [one, two]


@asynccontextmanager
async def opened(
    primary_url: str, standby_url: str | None, **more: Any
) -> AsyncIterator[tuple[Database, Replicas]]:
    settings = Settings(
        database_url=primary_url,
        read_database_url=standby_url,
        **{"read_max_lag_seconds": 3600, **more},
    )
    database = Database(primary_url, settings)
    replicas = Replicas(database, settings)
    try:
        yield database, replicas
    finally:
        await replicas.dispose()
        await database.dispose()


@asynccontextmanager
async def caller(key: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        yield client


async def log(client: httpx.AsyncClient, service: LiveServer, email: str) -> httpx.Response:
    now = datetime.now(UTC)
    event = {
        "user_email": email,
        "event_type": "project_created",
        "event_id": str(uuid7(now)),
        "event_timestamp": now.isoformat(),
        "session_id": f"s-{email}",
    }
    response = await client.post(f"{service.url}/api/events/log", json=event)
    assert response.status_code == 201, response.text
    return response


async def seen(client: httpx.AsyncClient, service: LiveServer, email: str, **headers: str) -> int:
    """How many events of a user a caller sees."""
    response = await client.get(
        f"{service.url}/api/events/", params={"user_email": email}, headers=headers
    )
    assert response.status_code == 200, response.text
    return len(response.json()["events"])


async def ready(service: LiveServer) -> JSON:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{service.url}/health/ready")
    assert response.status_code == 200, response.text
    replica: JSON = response.json()["replica"]
    return replica


async def exact(service: LiveServer) -> None:
    """Until the replica has all: the primary writes for itself, too."""

    async def is_exact() -> bool:
        return bool((await ready(service))["state"] == "exact")

    await eventually(is_exact)


async def is_replica(replicas: Replicas, **asked: bool) -> bool:
    async def question(session: ReadSession) -> bool:
        return bool(await session.scalar(IS_REPLICA))

    return await replicas.reads().ask(question, **asked)


async def in_use(replicas: Replicas) -> None:
    """Until a read is the replica's: one that is late for a moment leaves it to the primary."""
    await eventually(partial(is_replica, replicas))


async def test_reads_are_the_replicas_with_all_settings_of_a_read(pair: Pair) -> None:
    settings = text(
        "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only'),"
        " current_setting('statement_timeout'), current_setting('work_mem'),"
        " current_setting('application_name'), current_setting('TimeZone')"
    )

    async def question(session: ReadSession) -> list[Any]:
        return list((await session.execute(settings)).one())

    async with opened(pair.primary.url, pair.standby.url, statement_timeout_ms=7000) as (
        database,
        replicas,
    ):
        await pair.caught_up()

        async def of_the_replica(heavy: bool) -> list[Any]:
            """A replica that is late for a moment leaves a read to the primary."""
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    row = await replicas.reads().ask(question, heavy=heavy)
                    if row[0]:
                        return row

        usual, heavy = await of_the_replica(False), await of_the_replica(True)
        assert usual[:3] == [True, "on", "7s"]
        assert usual[4:] == ["activity-events", "UTC"]
        assert heavy[:4] == [True, "on", "7s", "64MB"]
        assert (await database.ask(question))[0] is False


async def test_without_a_replica_reads_are_the_primarys(pair: Pair) -> None:
    async with opened(pair.primary.url, None) as (database, replicas):
        assert replicas.reads("key:a", "anything") is database
        assert await replicas.written("key:a") is None
        assert await replicas.state() is None


async def test_what_was_just_committed_is_waited_for(pair: Pair) -> None:
    """A reader who has written nothing still sees all, but for where that would take long."""
    async with opened(pair.primary.url, pair.standby.url) as (_, replicas):
        for number in range(50):
            await execute(
                pair.primary.url,
                f"INSERT INTO app_user (email) VALUES ('wait{number}@example.com')",  # noqa: S608
            )

            async def question(session: ReadSession) -> int:
                counting = "SELECT count(*) FROM app_user WHERE email LIKE 'wait%'"
                return int(await session.scalar(text(counting)) or 0)

            assert await replicas.reads().ask(question) == number + 1
    await execute(pair.primary.url, "DELETE FROM app_user WHERE email LIKE 'wait%'")


async def test_who_writes_reads_it_and_others_what_there_was(
    pair: Pair, services: list[LiveServer]
) -> None:
    one, two = services
    email = "ada@example.com"
    async with caller(ADMIN) as writer, caller(READER) as reader:
        await log(writer, one, email)
        async with pair.paused():
            assert await seen(reader, one, email) == 1
            written = await log(writer, one, email)
            position = written.headers[HEADER]
            # The caller through the same process; the position through the other one.
            assert await seen(writer, one, email) == 2
            assert await seen(writer, two, email, **{HEADER: position}) == 2
            assert await seen(reader, two, email, **{HEADER: "what is this"}) == 2
            # Who knows of nothing has what there was: 200, and old.
            assert await seen(reader, one, email) == 1
            assert await seen(reader, two, email) == 1
            replica = await ready(two)
            assert replica["state"] == "behind"
            assert replica["lag_seconds"] > 0
        await pair.caught_up()
        assert await seen(reader, two, email) == 2
        await exact(two)


async def test_a_client_sees_what_it_wrote_through_a_load_balancer(
    pair: Pair, services: list[LiveServer]
) -> None:
    """Turn by turn through two processes; also where one client writes and another one reads."""
    one, two = services
    email = "grace@example.com"
    turns = iter([*services] * 100)

    def balance(request: httpx.Request) -> None:
        to = next(turns)
        request.url = request.url.copy_with(host=to.host, port=to.port)

    def client(key: str) -> ActivityClient:
        made = ActivityClient("http://balancer.example.com", key=key)
        made._http.event_hooks["request"].append(balance)
        return made

    with client(ADMIN) as writer, client(READER) as reader:
        async with pair.paused():
            for number in range(1, 6):
                await asyncio.to_thread(writer.log, "email_opened", user_email=email)
                for each in (writer, reader, writer, reader):
                    found = await asyncio.to_thread(each.recent, email)
                    assert len(found) == number
            async with caller(READER) as stranger:
                assert await seen(stranger, one, email) == 0
                assert await seen(stranger, two, email) == 0


SUMMARY = "/api/events/analytics?user_email={}"
ABOUT_A_USER = (
    "/api/events/?user_email={}",
    SUMMARY,
    "/api/events/sessions?user_email={}",
    "/api/events/export?user_email={}",
    "/api/events/",
    "/api/events/export",
    "/api/events/analytics/top?by=user",
)


async def shown(client: httpx.AsyncClient, service: LiveServer, email: str) -> list[str]:
    """The paths whose answer tells of a user."""
    found = []
    for path in ABOUT_A_USER:
        response = await client.get(service.url + path.format(email))
        assert response.status_code == 200, response.text
        if path == SUMMARY:
            is_there = response.json()["total_events"] > 0
        else:
            is_there = email in response.text
        if is_there:
            found.append(path)
    return found


async def everybodys_events(client: httpx.AsyncClient, service: LiveServer) -> int:
    response = await client.get(f"{service.url}/api/events/analytics")
    return int(response.json()["total_events"])


@pytest.mark.parametrize("change", ["erasure", "opt-out"])
async def test_who_is_erased_or_opts_out_is_gone_for_all_readers_at_once(
    pair: Pair, services: list[LiveServer], change: str
) -> None:
    one, two = services
    email = f"{change}@example.com"
    params = {"user_email": email}
    async with caller(ADMIN) as admin, caller(READER) as reader:
        before = await everybodys_events(reader, one)
        await log(admin, one, email)
        async with pair.paused():
            # Old data is shown, so that what follows is not for want of it.
            await log(admin, one, email)
            assert await seen(reader, two, email) == 1
            assert await shown(reader, two, email) == list(ABOUT_A_USER)
            if change == "erasure":
                answer = await admin.delete(f"{one.url}/api/privacy/user", params=params)
            else:
                url = f"{one.url}/api/privacy/opt-out"
                answer = await admin.put(url, params=params, json={"analytics": True})
            assert answer.status_code == 200, answer.text
            for service in (two, one):
                assert await shown(reader, service, email) == []
                assert await everybodys_events(reader, service) == before
        await pair.caught_up()
        for service in (two, one):
            assert await shown(reader, service, email) == []


async def test_opting_out_of_assistants_holds_at_once(
    pair: Pair, services: list[LiveServer]
) -> None:
    one, two = services
    email = "linus@example.com"
    params = {"user_email": email}
    async with caller(ADMIN) as admin, caller(READER) as reader:

        async def context() -> tuple[bool, int]:
            url = f"{two.url}/api/insights/context"
            answer = (await reader.get(url, params=params)).json()
            return answer["opted_out"], answer["events_read"]

        await log(admin, one, email)
        async with pair.paused():
            await log(admin, one, email)
            assert await context() == (False, 1)
            url = f"{one.url}/api/privacy/opt-out"
            await admin.put(url, params=params, json={"ai_context": True})
            assert await context() == (True, 0)


async def test_a_wait_in_vain_is_not_repeated_at_once_but_later(pair: Pair) -> None:
    async with opened(pair.primary.url, pair.standby.url) as (_, replicas):
        await in_use(replicas)
        async with pair.paused():
            await execute(pair.primary.url, COMMIT)
            begun = monotonic()
            took = []
            while monotonic() - begun < 1.5:
                asked = monotonic()
                assert await is_replica(replicas)
                took.append(monotonic() - asked)
        assert took[0] >= WAIT_SECONDS
        assert min(took) < WAIT_SECONDS
        assert max(took[2:]) >= WAIT_SECONDS


async def test_one_that_lags_too_far_is_not_read_from(pair: Pair) -> None:
    async with opened(pair.primary.url, pair.standby.url, read_max_lag_seconds=0.2) as (
        _,
        replicas,
    ):
        await in_use(replicas)
        async with pair.paused():
            await execute(pair.primary.url, COMMIT)
            await asyncio.sleep(0.3)
            assert not await is_replica(replicas)
            state = await replicas.state()
            assert state is not None
            assert state.state == "lagging"

        await in_use(replicas)


async def test_one_that_is_killed_is_not_missed_and_used_again_when_it_is_back(
    pair: Pair, services: list[LiveServer]
) -> None:
    email = "barbara@example.com"
    async with (
        caller(ADMIN) as admin,
        caller(READER) as reader,
        opened(pair.primary.url, pair.standby.url) as (_, replicas),
    ):
        await in_use(replicas)
        await asyncio.to_thread(pair.standby.kill)
        try:
            for number in range(1, 11):
                service = services[number % 2]
                await log(admin, service, email)
                assert await seen(reader, service, email) == number
            assert (await ready(services[0])) == {"state": "unreachable", "lag_seconds": None}
            assert not await is_replica(replicas)
            assert not await is_replica(replicas, heavy=True)
        finally:
            await asyncio.to_thread(pair.standby.start)

        await in_use(replicas)
        assert await is_replica(replicas, heavy=True)
        await exact(services[0])
        assert await seen(reader, services[0], email) == 10


@contextmanager
def frozen(cluster: Cluster) -> Iterator[None]:
    """A server that takes connections and answers nothing."""
    postmaster = psutil.Process(cluster.server.pid)
    processes = [postmaster, *postmaster.children()]
    for each in processes:
        each.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for each in reversed(processes):
            each.send_signal(signal.SIGCONT)


async def test_one_that_hangs_holds_up_nobody_for_long(pair: Pair) -> None:
    async with opened(pair.primary.url, pair.standby.url) as (_, replicas):
        await in_use(replicas)
        with frozen(pair.standby):
            begun = monotonic()
            assert not await is_replica(replicas)  # on the connection that there is
            assert not await is_replica(replicas, heavy=True)  # in its rest
            assert monotonic() - begun < 6
            begun = monotonic()
            state = await replicas.state()
            assert state is not None
            assert state.state == "unreachable"
            assert monotonic() - begun < 1

        await in_use(replicas)


async def test_a_conflict_with_recovery_is_settled_by_the_primary(pair: Pair) -> None:
    await execute(pair.primary.url, "CREATE TABLE conflict AS SELECT 1 AS one")
    await pair.caught_up()
    asked_of: list[bool] = []
    sleeping = text("SELECT pg_sleep(8) FROM conflict")
    try:
        async with opened(pair.primary.url, pair.standby.url) as (_, replicas):

            async def question(session: ReadSession) -> int:
                asked_of.append(bool(await session.scalar(IS_REPLICA)))
                return len((await session.execute(sleeping)).all())

            asking = asyncio.create_task(replicas.reads().ask(question))

            async def is_asleep() -> bool:
                asleep = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                return bool(await execute(pair.standby.url, asleep))

            await eventually(is_asleep)
            await execute(pair.primary.url, "TRUNCATE conflict")
            assert await asking == 0
            assert asked_of == [True, False]
            assert await is_replica(replicas)
    finally:
        await execute(pair.primary.url, "DROP TABLE conflict")


@pytest.mark.parametrize(
    ("statement", "failure"),
    [
        ("SELECT pg_sleep(2)", TooExpensive),
        ("SELECT '2026-02-31'::date", InvalidRequest),
    ],
)
async def test_what_the_primary_would_refuse_too_is_not_asked_twice(
    pair: Pair, statement: str, failure: type[Exception]
) -> None:
    asked = 0
    async with opened(pair.primary.url, pair.standby.url, statement_timeout_ms=200) as (
        _,
        replicas,
    ):
        await pair.caught_up()

        async def question(session: ReadSession) -> None:
            nonlocal asked
            asked += 1
            await session.execute(text(statement))

        with pytest.raises(failure):
            await replicas.reads().ask(question)
        assert asked == 1
        assert await is_replica(replicas)


async def test_a_questions_own_failure_is_its_own(pair: Pair) -> None:
    async def question(_: ReadSession) -> None:
        raise NotFound("no such thing")

    async with opened(pair.primary.url, pair.standby.url) as (_, replicas):
        with pytest.raises(NotFound):
            await replicas.reads().ask(question)


async def test_what_is_no_replica_of_this_database_is_not_read_from(
    pair: Pair, cluster: Cluster
) -> None:
    for url in (pair.primary.url, cluster.url):
        async with opened(pair.primary.url, url) as (_, replicas):
            assert not await is_replica(replicas)
            state = await replicas.state()
            assert state is not None
            assert state.state == "foreign"


async def test_without_the_primary_a_replica_answers_nobody(pair: Pair) -> None:
    """Nobody could say whether a user who is still in it has been erased."""
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    async with opened(nowhere, pair.standby.url) as (_, replicas):
        with pytest.raises(DatabaseUnavailable):
            await is_replica(replicas)
        # A write whose position nobody can tell: what is read next must have everything.
        assert await replicas.written("key:a") == "F" * 16


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/nothing",
        "postgresql://nobody@/nothing?host=/nowhere",
    ],
)
async def test_a_replica_that_cant_be_reached_is_no_failure(pair: Pair, url: str) -> None:
    async with opened(pair.primary.url, url) as (_, replicas):
        assert not await is_replica(replicas)
        state = await replicas.state()
        assert state is not None
        assert state.state == "unreachable"


async def test_several_hosts_and_one_of_them_a_replica(pair: Pair) -> None:
    hosts = f"{pair.primary.server.socket_dir},{pair.standby.server.socket_dir}"
    url = f"postgresql://postgres@/activity_events?host={hosts}&target_session_attrs=standby"
    async with opened(pair.primary.url, url) as (_, replicas):
        await in_use(replicas)


async def test_looks_at_the_primary_are_shared(pair: Pair) -> None:
    """However many read at once, the primary is asked a few times; each time after they came."""
    async with opened(pair.primary.url, pair.standby.url) as (_, replicas):
        await is_replica(replicas)
        primary = replicas._primary
        assert primary is not None
        first = asyncio.create_task(primary.look())
        await asyncio.sleep(0)
        found = await asyncio.gather(first, *(primary.look() for _ in range(100)))
        assert len({id(each) for each in found}) <= 2
        before = found[-1]
        await execute(pair.primary.url, COMMIT)
        after = await primary.look()
        assert before is not None
        assert after is not None
        assert after.position > before.position
