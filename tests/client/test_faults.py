"""Whatever happens on the way, each event is stored once, and none is lost unsaid."""

import asyncio
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from activity_events import (
    ActivityClient,
    AsyncActivityClient,
    Backoff,
    Counts,
    RateLimited,
    TooExpensive,
    Unavailable,
    make_event,
)
from tests.client.conftest import (
    FORWARD,
    LOSE,
    PATIENT,
    UNAVAILABLE,
    Connect,
    Scripted,
    Service,
    gate,
    stored_ids,
)
from tests.conftest import ROOT, fresh_database, running_service

TIMEOUT_SECONDS = 60
FAST = Backoff(attempts=3, base_seconds=0.01)


class Told:
    """What `on_drop` was told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()

    def __call__(self, events: list[dict[str, Any]], reason: str) -> None:
        self.events += events
        self.reasons[reason] += len(events)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not is_so():  # noqa: ASYNC110 (some of it happens on other threads)
            await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture
def email() -> str:
    return f"{random.randbytes(6).hex()}@example.com"


@pytest.fixture(scope="module")
def database(server_url: str) -> Any:
    """For services that are killed."""
    with fresh_database(server_url) as url:
        yield url


async def test_the_service_killed_while_all_ways_are_in_use(
    database: str, connect: Connect, email: str
) -> None:
    told = Told()
    with ExitStack() as services:
        first = services.enter_context(running_service(DATABASE_URL=database))
        client = connect(
            first.url, backoff=PATIENT, background_backoff=PATIENT, on_drop=told, flush_at=20
        )
        sent: list[str] = []
        going = True

        async def track() -> None:
            while going:
                sent.append(str(client.track("page_viewed", user_email=email)))
                await asyncio.sleep(0.002)

        async def log() -> None:
            while going:
                verdict = await client("log", "email_opened", user_email=email)
                assert verdict.stored
                sent.append(verdict.event_id)

        async def log_batch() -> None:
            while going:
                events = [make_event("project_created", user_email=email) for _ in range(40)]
                verdicts = await client("log_batch", events)
                assert all(verdict.stored for verdict in verdicts)
                sent.extend(verdict.event_id for verdict in verdicts)

        async def kill_and_restart() -> None:
            nonlocal going
            await asyncio.sleep(0.4)
            first.process.send_signal(signal.SIGKILL)
            first.process.wait(TIMEOUT_SECONDS)
            again = running_service("--port", str(first.port), DATABASE_URL=database)
            await asyncio.to_thread(services.enter_context, again)
            await asyncio.sleep(0.4)
            going = False

        await asyncio.gather(track(), log(), log(), log_batch(), kill_and_restart())
        assert await client("flush", 20) is True
        counts = client.client.counts
    assert told.events == []
    assert counts == Counts(counts.tracked, counts.tracked, 0, 0)
    assert len(sent) > 200
    assert await stored_ids(database, email) == sorted(sent)


@pytest.mark.parametrize("losses", [1, 2])
async def test_an_answer_that_is_lost_after_the_commit(
    service: Service, connect: Connect, email: str, losses: int
) -> None:
    with gate(service.url, *[LOSE] * losses) as way:
        client = connect(way.url, backoff=FAST, background_backoff=FAST)
        verdict = await client("log", "page_viewed", user_email=email)
        assert (verdict.status, verdict.stored) == ("duplicate", True)
        way.script = [LOSE] * losses
        verdicts = await client(
            "log_batch", [make_event("page_viewed", user_email=email) for _ in range(30)]
        )
        assert {each.status for each in verdicts} == {"duplicate"}
        way.script = [LOSE] * losses
        tracked = [client.track("page_viewed", user_email=email) for _ in range(30)]
        assert await client("flush") is True
    assert client.client.counts == Counts(30, 30, 0, 0)
    ids = [verdict.event_id, *(each.event_id for each in verdicts), *tracked]
    assert await service.stored(email) == sorted(ids)
    attempts = [json.loads(seen.body) for seen in way.seen if seen.path.endswith("/log")]
    assert len(attempts) == losses + 1
    assert len({attempt.pop("sent_at") for attempt in attempts}) == losses + 1
    assert attempts == [attempts[0]] * (losses + 1)


@pytest.mark.parametrize("status", [429, 503])
async def test_it_waits_as_long_as_it_is_told(
    service: Service, connect: Connect, email: str, status: int
) -> None:
    busy = Scripted(status, UNAVAILABLE.body, {"Retry-After": "1"})
    with gate(service.url, busy, FORWARD, busy, FORWARD) as way:
        client = connect(way.url, flush_after_seconds=0.01)
        verdict = await client("log", "page_viewed", user_email=email)
        assert verdict.status == "accepted"
        client.track("page_viewed", user_email=email)
        assert await client("flush") is True
    first, second, third, fourth = (seen.at for seen in way.seen)
    assert second - first >= 1
    assert fourth - third >= 1
    assert len(await service.stored(email)) == 2


async def test_it_does_not_wait_longer_than_a_caller_may(connect: Connect, email: str) -> None:
    busy = Scripted(429, b"", {"Retry-After": "3600"})
    with gate(otherwise=busy) as way, pytest.raises(RateLimited) as refused:
        await connect(way.url)("log", "page_viewed", user_email=email)
    assert refused.value.retry_after == 3600
    assert len(way.seen) == 1


async def test_a_question_that_is_too_expensive_is_not_asked_again(connect: Connect) -> None:
    body = b'{"error": {"code": "too_expensive", "message": "ask for less", "details": {}}}'
    with gate(otherwise=Scripted(503, body, {"Retry-After": "1"})) as way:
        with pytest.raises(TooExpensive, match="ask for less"):
            await connect(way.url)("analytics")
        assert len(way.seen) == 1


async def test_a_service_that_is_not_there_yet(
    service: Service, connect: Connect, email: str
) -> None:
    port = free_port()
    client = connect(
        f"http://127.0.0.1:{port}",
        backoff=PATIENT,
        background_backoff=PATIENT,
        flush_after_seconds=0.01,
    )
    tracked = client.track("page_viewed", user_email=email)
    waiting = asyncio.create_task(client("log", "page_viewed", user_email=email))
    await asyncio.sleep(0.3)
    with gate(service.url, port=port):
        verdict = await waiting
        assert await client("flush") is True
    assert await service.stored(email) == sorted([tracked or "", verdict.event_id])


async def test_what_was_not_acknowledged_is_handed_back(
    service: Service, connect: Connect, email: str
) -> None:
    events = [make_event("page_viewed", user_email=email) for _ in range(2500)]
    events[3]["user_email"] = "nobody"
    # The second batch is committed, but nobody hears of it.
    with gate(service.url, FORWARD, LOSE, otherwise=UNAVAILABLE) as way:
        client = connect(way.url, backoff=FAST)
        with pytest.raises(Unavailable) as failed:
            await client("log_batch", events)
        error = failed.value
        assert error.code == "overloaded"
        assert [each.status for each in error.verdicts].count("accepted") == 999
        assert len(error.events) == 1500
        way.otherwise = FORWARD
        verdicts = await client("log_batch", error.events)
    counted = Counter(each.status for each in verdicts)
    assert counted == {"duplicate": 1000, "accepted": 500}
    stored = [each.event_id for each in error.verdicts + verdicts if each.stored]
    assert await service.stored(email) == sorted(stored)
    assert len(stored) == 2499


async def test_a_full_buffer_and_a_close_that_is_in_vain(
    service: Service, connect: Connect, email: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    with gate(service.url, otherwise=UNAVAILABLE) as way:
        client = connect(way.url, buffer_max_events=50, flush_at=10, on_drop=told)
        taken = [client.track("page_viewed", user_email=email) for _ in range(80)]
        assert [each is None for each in taken] == [False] * 50 + [True] * 30
        assert told.reasons == {"buffer_full": 30}
        assert client.client.counts == Counts(80, 0, 30, 50)
        began_at = time.monotonic()
        assert await client("flush", 0.1) is False
        await client("close", 0.3)
        assert time.monotonic() - began_at < 3
        assert told.reasons == {"buffer_full": 30, "close_timed_out": 50}
        assert client.client.counts == Counts(80, 0, 80, 0)
        assert client.track("page_viewed", user_email=email) is None
        assert told.reasons["closed"] == 1

        way.otherwise = FORWARD
        verdicts = await connect(way.url)("log_batch", told.events)
    assert {each.status for each in verdicts} == {"accepted"}
    assert len(await service.stored(email)) == 81
    warned = [each.getMessage() for each in caplog.records if "dropped" in each.getMessage()]
    assert sum(int(each.split()[0]) for each in warned if "buffer_full" in each) == 30
    assert "50 activity events dropped: close_timed_out" in warned


async def test_bounded_bytes(connect: Connect, email: str) -> None:
    told = Told()
    with gate(otherwise=UNAVAILABLE) as way:
        client = connect(way.url, buffer_max_bytes=5000, on_drop=told)
        for _ in range(10):
            client.track("page_viewed", user_email=email, metadata={"text": "x" * 1000})
    assert told.reasons == {"buffer_full": 6}


async def test_it_gives_up_in_the_end_and_goes_on_with_the_next(
    service: Service, connect: Connect, email: str
) -> None:
    told = Told()
    with gate(service.url, *[UNAVAILABLE] * 3) as way:
        client = connect(way.url, background_backoff=FAST, on_drop=told)
        given_up = client.track("page_viewed", user_email=email)
        assert await client("flush") is True
        kept = client.track("page_viewed", user_email=email)
        assert await client("flush") is True
    assert told.reasons == {"overloaded": 1}
    assert [event["event_id"] for event in told.events] == [given_up]
    assert client.client.counts == Counts(2, 1, 1, 0)
    assert await service.stored(email) == [kept]


async def test_what_can_not_be_kept_is_told_of_by_event(
    service: Service, connect: Connect, email: str
) -> None:
    told = Told()
    client = connect(service.url, on_drop=told)
    kept = client.track("page_viewed", user_email=email)
    client.track("page_viewed", user_email="nobody")
    client.track("page_viewed", user_email=email, metadata={"when": "x" * 80_000})
    assert await client("flush") is True
    assert told.reasons == {"invalid_value": 1, "event_too_large": 1}
    assert client.client.counts == Counts(3, 1, 2, 0)
    assert await service.stored(email) == [kept]


@pytest.mark.parametrize("failure", [RuntimeError, SystemExit])
async def test_a_callback_that_fails_hinders_nothing(
    service: Service,
    connect: Connect,
    email: str,
    caplog: pytest.LogCaptureFixture,
    failure: type[BaseException],
) -> None:
    def fail(_: object, reason: str) -> None:
        raise failure(reason)

    client = connect(service.url, on_drop=fail)
    client.track("page_viewed", user_email="nobody")
    assert await client("flush") is True
    kept = client.track("page_viewed", user_email=email)
    assert await client("flush") is True
    assert await service.stored(email) == [kept]
    assert "on_drop failed" in caplog.text


async def test_a_log_that_fails_hinders_nothing(
    service: Service, connect: Connect, email: str
) -> None:
    class Broken(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            raise RuntimeError

    logger, handler = logging.getLogger("activity_events.client"), Broken()
    logger.addHandler(handler)
    try:
        client = connect(service.url)
        # The service's warning of a changed value, the client's own, and a rejected event.
        first = client.track("page_viewed", user_email=email, metadata={"x": "half \ud83d"})
        second = client.track("page_viewed", user_email=email, metadata={"x": object()})
        client.track("page_viewed", user_email="nobody")
        assert await client("flush") is True
    finally:
        logger.removeHandler(handler)
    assert client.client.counts == Counts(3, 2, 1, 0)
    assert set(await service.stored(email)) == {first, second}


async def test_a_close_is_in_a_hurry_where_nobody_asked_to_wait(
    service: Service, connect: Connect, email: str
) -> None:
    slow = Backoff(attempts=3, base_seconds=600, cap_seconds=600)
    with gate(service.url, UNAVAILABLE) as way:
        client = connect(way.url, background_backoff=slow, flush_at=1)
        tracked = client.track("page_viewed", user_email=email)
        await until(lambda: len(way.seen) == 1)
        await client("close")
    assert await service.stored(email) == [tracked]


async def test_events_go_by_number(service: Service, connect: Connect, email: str) -> None:
    with gate(service.url) as way:
        client = connect(way.url, flush_at=10, flush_after_seconds=600)
        for _ in range(9):
            client.track("page_viewed", user_email=email)
        await asyncio.sleep(0.1)
        assert client.client.counts == Counts(9, 0, 0, 9)
        client.track("page_viewed", user_email=email)
        await until(lambda: client.client.counts.delivered == 10)
        assert len(way.seen) == 1


async def test_events_go_by_age(service: Service, connect: Connect, email: str) -> None:
    with gate(service.url) as way:
        client = connect(way.url, flush_at=10, flush_after_seconds=0.5)
        began_at = time.monotonic()
        client.track("page_viewed", user_email=email)
        await until(lambda: client.client.counts.delivered == 1)
        assert way.seen[0].at - began_at >= 0.5


def test_eight_threads(service: Service, email: str) -> None:
    ids: list[str] = []

    def work() -> None:
        for number in range(1000):
            ids.append(str(client.track("page_viewed", user_email=email)))
            if number % 20 == 0:
                ids.append(client.log("email_opened", user_email=email).event_id or "")

    with ActivityClient(service.url, buffer_max_events=100_000) as client:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush(30) is True
        assert client.counts == Counts(8000, 8000, 0, 0)
    assert len(ids) == 8 * 1050
    assert asyncio.run(service.stored(email)) == sorted(ids)


async def test_eight_tasks(service: Service, email: str) -> None:
    ids: list[str] = []

    async def work() -> None:
        for number in range(1000):
            ids.append(str(client.track("page_viewed", user_email=email)))
            if number % 20 == 0:
                ids.append((await client.log("email_opened", user_email=email)).event_id or "")

    async with AsyncActivityClient(service.url, buffer_max_events=100_000) as client:
        await asyncio.gather(*(work() for _ in range(8)))
        assert await client.flush(30) is True
    assert await service.stored(email) == sorted(ids)


def test_one_client_in_several_event_loops_and_in_none(service: Service, email: str) -> None:
    """As where a framework runs each request in a loop of its own, and nobody closes the client."""
    told = Told()
    client = AsyncActivityClient(service.url, on_drop=told)
    ids = [client.track("page_viewed", user_email=email)]

    async def request() -> None:
        ids.append(client.track("page_viewed", user_email=email))
        ids.append((await client.log("page_viewed", user_email=email)).event_id)

    for _ in range(3):
        asyncio.run(request())
    threads = [threading.Thread(target=asyncio.run, args=(request(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def close() -> None:
        ids.append(client.track("page_viewed", user_email=email))
        assert await client.flush() is True
        await client.close()

    asyncio.run(close())
    assert asyncio.run(service.stored(email)) == sorted(map(str, ids))
    assert (len(ids), told.events) == (14, [])
    assert client.counts == Counts(8, 8, 0, 0)


def run(script: str, url: str, email: str) -> subprocess.CompletedProcess[str]:
    # The child of a fork leaves the parent's connections alone, open as they are.
    strict = ["-W", "error", "-W", "ignore::ResourceWarning"]
    return subprocess.run(
        [sys.executable, *strict, "-c", script, email],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ACTIVITY_URL": url},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


LEAVE = """
import sys
from activity_events import ActivityClient
client = ActivityClient(on_drop=lambda events, reason: print(len(events), reason))
for _ in range(250):
    print(client.track("page_viewed", user_email=sys.argv[1]))
"""


def test_what_waits_is_sent_as_the_interpreter_ends(service: Service, email: str) -> None:
    done = run(LEAVE, service.url, email)
    assert (done.returncode, done.stderr) == (0, "")
    assert asyncio.run(service.stored(email)) == sorted(done.stdout.split())


def test_an_interpreter_that_ends_in_vain_says_so_and_ends(email: str) -> None:
    began_at = time.monotonic()
    done = run(LEAVE, f"http://127.0.0.1:{free_port()}", email)
    assert done.returncode == 0
    told = [line.split() for line in done.stdout.splitlines() if " " in line]
    assert sum(int(count) for count, _ in told) == 250
    assert {reason for _, reason in told} <= {"close_timed_out", "no_answer"}
    assert "activity events dropped: close_timed_out" in done.stderr
    assert time.monotonic() - began_at < 15


FORK = """
import os, sys
from activity_events import ActivityClient
client = ActivityClient(flush_after_seconds=60)
client.log("page_viewed", user_email=sys.argv[1])
client.track("in_parent", user_email=sys.argv[1])
child = os.fork()
client.track("in_child" if child == 0 else "in_parent", user_email=sys.argv[1])
client.log("page_viewed", user_email=sys.argv[1])
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(status)
assert client.counts.tracked == 1
"""


def test_after_a_fork_each_sends_its_own(service: Service, email: str) -> None:
    done = run(FORK, service.url, email)
    assert (done.returncode, done.stderr) == (0, "")
    with ActivityClient(service.url) as client:
        types = Counter(event["event_type"] for event in client.recent(email))
    assert types == {"in_parent": 2, "in_child": 1, "page_viewed": 3}


def test_nothing_is_said_where_nothing_is_wrong(
    service: Service, email: str, caplog: pytest.LogCaptureFixture
) -> None:
    with ActivityClient(service.url) as client:
        client.track("page_viewed", user_email=email)
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
