"""Processes that are started, replaced and drained; and a service of several, on one socket."""

import asyncio
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import gettempdir

import httpx
import psutil
import pytest
from sqlalchemy import text

from app.database.connection_budget import connections_of
from app.settings import Settings
from tests.conftest import ROOT, LiveServer, connected, fresh_database, running_service
from tests.service.test_serve import (
    TIMEOUT_SECONDS,
    has_ended,
    log_one,
    postmaster_of,
    refuses,
    types_of,
)

MIB = 1024 * 1024
RSS_MAX = 150 * MIB

# Each says what it does, in one write, so that the lines of several don't mix. `work` ends with
# SIGTERM, and says so; what a test changes of it stands in `{change}`.
SCRIPT = """
import os, signal, sys, time
from app.server import workers

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def work(place, ready):
    told, tell = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(tell, b"."))
    say("ready", place, os.getpid())
    ready()
    os.read(told, 1)
    say("finished", place, os.getpid())

workers.PAUSE_SECONDS = 0.05
{change}
try:
    workers.Workers(2, work, stop_seconds=1).run(
        on_ready=lambda: say("all", 0, 0), on_stop=lambda: say("stopping", 0, 0)
    )
except workers.WorkersFailed as error:
    say("failed", 0, 0)
    sys.exit(str(error))
"""


class Crew:
    """The script's process, and what those that it started have said."""

    def __init__(self, change: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.replace("{change}", change)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.said: list[tuple[str, int, int]] = []
        self._rest = b""

    def next(self) -> tuple[str, int, int]:
        """What is said next: a word, a place, a process."""
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            readable, _, _ = select.select([self.process.stdout], [], [], TIMEOUT_SECONDS)
            assert readable, f"nothing more was said after {self.said}"
            more = os.read(self.process.stdout.fileno(), 4096)
            assert more, f"it ended after {self.said}"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        word, place, pid = line.decode().split()
        self.said.append((word, int(place), int(pid)))
        return self.said[-1]

    def take(self, count: int) -> list[tuple[str, int, int]]:
        return [self.next() for _ in range(count)]

    def started(self) -> dict[int, int]:
        """Once all are ready: who is at which place."""
        first = self.take(3)
        assert sorted(word for word, _, _ in first) == ["all", "ready", "ready"]
        return {place: pid for word, place, pid in first if word == "ready"}

    def end(self) -> tuple[int, str]:
        """Its exit code, and what stands on stderr."""
        _, errors = self.process.communicate(timeout=TIMEOUT_SECONDS)
        return self.process.returncode, errors.decode()


@contextmanager
def crew(change: str = "") -> Iterator[Crew]:
    made = Crew(change)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


def wait_until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + TIMEOUT_SECONDS
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_finish_what_they_are_at(number: signal.Signals) -> None:
    with crew() as made:
        pids = made.started()
        assert sorted(pids) == [0, 1]
        made.process.send_signal(number)
        assert made.next()[0] == "stopping"
        assert sorted(made.take(2)) == sorted(("finished", *each) for each in pids.items())
        assert made.end() == (0, "")


def test_who_ends_is_replaced_at_its_place() -> None:
    with crew("workers.STEADY_SECONDS = 0") as made:
        pids = made.started()
        os.kill(pids[1], signal.SIGKILL)
        word, place, pid = made.next()
        assert (word, place) == ("ready", 1)
        assert pid not in pids.values()
        made.process.terminate()
        assert {each[2] for each in made.take(3)} == {0, pids[0], pid}
        code, errors = made.end()
        assert code == 0
        assert errors == f"worker {pids[1]} killed by SIGKILL: restarting it\n"


@pytest.mark.parametrize(
    ("end", "how"),
    [
        ("os._exit(7)", "exited with code 7"),
        ("sys.exit(3)", "exited with code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
        ("raise LookupError('no such thing')", "exited with code 1"),
    ],
)
def test_those_that_end_at_once_are_given_up(end: str, how: str) -> None:
    with crew(f"def work(place, ready):\n    {end}") as made:
        assert made.take(2) == [("stopping", 0, 0), ("failed", 0, 0)]
        code, errors = made.end()
    assert code == 1
    assert f"fail right after their start: 5 in a row, the last one {how}." in errors
    assert errors.count("right after its start") in {5, 6}  # they are two at a time
    assert ("LookupError: no such thing" in errors) == ("LookupError" in end)


def test_they_are_not_given_up_while_one_stays() -> None:
    """One place fails six times; the other's process is steady, and goes on."""
    change = """
workers.STEADY_SECONDS = 0.4
usual, begun = work, time.monotonic()
def work(place, ready):
    if place == 1 and time.monotonic() - begun < 3:
        time.sleep(0.1)
        os._exit(1)
    usual(place, ready)
"""
    with crew(change) as made:
        assert made.next()[:2] == ("ready", 0)
        assert sorted(each[:2] for each in made.take(2)) == [("all", 0), ("ready", 1)]
        made.process.terminate()
        code, errors = made.end()
    assert code == 0
    assert errors.count("right after its start") >= 5


def test_sighup_replaces_each_once_its_successor_is_ready() -> None:
    with crew() as made:
        pids = made.started()
        made.process.send_signal(signal.SIGHUP)
        said = made.take(4)
        assert [word for word, _, _ in said] == ["ready", "finished"] * 2
        assert {pid for word, _, pid in said if word == "finished"} == set(pids.values())
        new = {pid for word, _, pid in said if word == "ready"}
        assert not new & set(pids.values())
        made.process.terminate()
        assert {pid for word, _, pid in made.take(3) if word == "finished"} == new
        assert made.end() == (0, "")


def test_a_successor_that_fails_leaves_the_old_ones_where_they_are() -> None:
    change = """
usual = work
def work(place, ready):
    if place > 1:
        os._exit(1)
    usual(place, ready)
"""
    with crew(change) as made:
        pids = made.started()
        made.process.send_signal(signal.SIGHUP)
        assert made.process.stderr is not None
        assert b"exited with code 1 right after its start" in made.process.stderr.readline()
        made.process.terminate()
        assert {pid for word, _, pid in made.take(3) if word == "finished"} == set(pids.values())
        assert made.end()[0] == 0


STUBBORN = """
def work(place, ready):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("ready", place, os.getpid())
    ready()
    time.sleep(60)
"""


def test_who_does_not_end_is_killed() -> None:
    with crew(STUBBORN) as made:
        pids = made.started()
        made.process.terminate()
        assert made.next()[0] == "stopping"
        code, errors = made.end()
    assert code == 0
    assert sorted(errors.splitlines()) == sorted(
        f"worker {pid} does not exit: killing it" for pid in pids.values()
    )


# They say again and again that they are alive.
ALIVE = """
workers.SILENT_SECONDS_MAX = 1.0
workers.STEADY_SECONDS = 0.0

def work(place, alive):
    say("ready", place, os.getpid())
    for _ in range(1200):
        alive()
        time.sleep(0.05)
"""


def test_who_hangs_is_killed_and_replaced() -> None:
    with crew(ALIVE) as made:
        pids = made.started()
        time.sleep(2)
        os.kill(pids[0], signal.SIGSTOP)
        word, place, successor = made.next()
        assert (word, place) == ("ready", 0)
        assert successor != pids[0]
        made.process.terminate()
        assert made.next()[0] == "stopping"
        code, errors = made.end()
    assert code == 0
    assert errors.splitlines() == [
        f"worker {pids[0]} does not respond: killing it",
        f"worker {pids[0]} killed by SIGKILL: restarting it",
    ]


def test_nobody_hangs_where_all_stood_still() -> None:
    with crew(ALIVE) as made:
        everybody = [made.process.pid, *made.started().values()]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in everybody:
                os.kill(pid, number)
            time.sleep(3)
        made.process.terminate()
        assert made.next()[0] == "stopping"
        assert made.end() == (0, "")


def test_a_second_signal_kills() -> None:
    with crew(STUBBORN) as made:
        made.started()
        made.process.terminate()
        assert made.next()[0] == "stopping"
        made.process.send_signal(signal.SIGINT)
        assert made.end() == (0, "")  # nothing said of a wait that was too long


def test_they_end_with_who_looks_after_them() -> None:
    with crew() as made:
        pids = made.started()
        workers = [psutil.Process(pid) for pid in pids.values()]
        made.process.kill()
        made.process.wait(TIMEOUT_SECONDS)
        wait_until(lambda: all(has_ended(worker) for worker in workers))
        assert "finished" not in [word for word, _, _ in made.said]


@contextmanager
def service_of(server_url: str, workers: int) -> Iterator[tuple[LiveServer, list[psutil.Process]]]:
    """A service of several processes, on a database of its own."""
    with (
        fresh_database(server_url) as url,
        running_service("--workers", str(workers), DATABASE_URL=url) as server,
    ):
        yield server, workers_of(server)


def workers_of(server: LiveServer) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def connections_to(server: LiveServer, worker: psutil.Process) -> int:
    found = worker.net_connections("tcp")
    return sum(
        each.status == psutil.CONN_ESTABLISHED and each.laddr[1] == server.port for each in found
    )


def test_several_processes_share_the_connections_and_memory(server_url: str) -> None:
    with service_of(server_url, 3) as (server, workers), ExitStack() as stack:
        assert "  Workers    3 processes\n" in server.greeting
        assert "Warning" not in server.greeting
        assert len(workers) == 3
        at_rest = [psutil.Process(server.process.pid), *workers]
        assert [
            each.memory_info().rss for each in at_rest if each.memory_info().rss > RSS_MAX
        ] == []
        clients = [stack.enter_context(httpx.Client(base_url=server.url)) for _ in range(30)]
        for client in clients:
            assert client.get("/health/live").status_code == 200
        shares = [connections_to(server, worker) for worker in workers]
        assert sum(shares) == 30
        assert min(shares) >= 3, shares


def test_a_killed_worker_is_replaced_and_the_others_answer(server_url: str) -> None:
    with service_of(server_url, 2) as (server, workers):
        log_one(server, "project_created")
        workers[0].kill()
        for _ in range(10):
            assert types_of(server) == ["project_created"]
        wait_until(lambda: len(workers_of(server)) == 2 and workers[0] not in workers_of(server))
        assert workers[1] in workers_of(server)


# What follows is started where a worker may be silent for two seconds only.
IMPATIENT = """
import runpy, sys
from app.server import workers
workers.SILENT_SECONDS_MAX = 2.0
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_worker_that_hangs_is_replaced_and_those_that_idle_stay(server_url: str) -> None:
    impatient = (sys.executable, "-c", IMPATIENT)
    with (
        fresh_database(server_url) as url,
        running_service("--workers", "2", inside=impatient, DATABASE_URL=url) as server,
    ):
        idle, hanging = workers_of(server)
        time.sleep(5)
        assert workers_of(server) == [idle, hanging]
        hanging.suspend()
        wait_until(lambda: len(workers_of(server)) == 2 and hanging not in workers_of(server))
        assert idle in workers_of(server)
        for _ in range(4):
            assert httpx.get(f"{server.url}/health/live").status_code == 200


def accepted_by(server: LiveServer) -> set[float]:
    """Of all processes, as told through ten connections."""
    line = re.compile(r'^activity_events_total\{code="",verdict="accepted"\} (\S+)$', re.MULTILINE)
    told = [httpx.get(f"{server.url}/metrics").text for _ in range(10)]
    return {float(count) for text in told for count in line.findall(text)}


def test_any_of_them_tells_the_metrics_of_all(server_url: str) -> None:
    """What one had counted when it was killed, too; and nothing is left behind in the end."""
    folders = set(Path(gettempdir()).glob("activity-metrics-*"))
    with service_of(server_url, 2) as (server, workers):
        for _ in range(10):
            log_one(server, "project_created")
        assert accepted_by(server) == {10.0}
        workers[0].kill()
        wait_until(lambda: len(workers_of(server)) == 2 and workers[0] not in workers_of(server))
        log_one(server, "project_created")
        assert accepted_by(server) == {11.0}
    assert set(Path(gettempdir()).glob("activity-metrics-*")) <= folders


def test_sighup_loses_no_request(server_url: str) -> None:
    """Each by a connection of its own: one that is kept may be closed just when it is used."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with service_of(server_url, 2) as (server, workers), httpx.Client(limits=limits) as client:
        server.process.send_signal(signal.SIGHUP)
        give_up_at = time.monotonic() + TIMEOUT_SECONDS
        while set(workers_of(server)) & set(workers) or len(workers_of(server)) > 2:
            assert client.get(f"{server.url}/health/live").status_code == 200
            assert time.monotonic() < give_up_at
        assert len(workers_of(server)) == 2
        assert client.get(f"{server.url}/health/live").status_code == 200


def test_what_is_under_way_is_answered_before_the_database_stops(tmp_path: Path) -> None:
    """By either worker; the embedded PostgreSQL is started once and stopped last."""
    body = b'{"user_email": "ada@example.com", "event_type": "project_created"}'
    head = (
        b"POST /api/events/log HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with (
        running_service("--workers", "2", ACTIVITY_DATA_DIR=str(tmp_path)) as server,
        ExitStack() as stack,
    ):
        postmaster = postmaster_of(tmp_path)
        workers = workers_of(server)
        connections = [
            stack.enter_context(socket.create_connection((server.host, server.port), 30))
            for _ in range(8)
        ]
        for connection in connections:
            connection.sendall(head + body[:10])
        wait_until(lambda: sum(connections_to(server, each) for each in workers[:2]) >= 8)
        wait_until(lambda: all(_is_idle(each) for each in workers[:2]))
        server.process.terminate()
        wait_until(lambda: refuses(server))
        for connection in connections:
            connection.sendall(body[10:])
        for connection in connections:
            assert connection.recv(4096).startswith(b"HTTP/1.1 201 ")
        assert server.process.wait(TIMEOUT_SECONDS) == 0
    assert has_ended(postmaster)
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def _is_idle(process: psutil.Process) -> bool:
    return process.status() == psutil.STATUS_SLEEPING


def test_killed_it_leaves_no_process_and_starts_again(tmp_path: Path) -> None:
    with running_service("--workers", "2", ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        log_one(server, "email_opened")
        workers = [each for each in workers_of(server) if each.name() != "postgres"]
        server.process.kill()
        server.process.wait(TIMEOUT_SECONDS)
        wait_until(lambda: all(has_ended(worker) for worker in workers))
    with running_service(
        "--workers", "2", "--port", str(server.port), ACTIVITY_DATA_DIR=str(tmp_path)
    ) as server:
        assert types_of(server) == ["email_opened"]


async def connections_taken(url: str) -> int:
    """Of those that PostgreSQL takes, it keeps some for its superuser."""
    async with connected(url) as connection:
        found: int = await connection.scalar(
            text(
                "SELECT current_setting('max_connections')::int"
                " - current_setting('superuser_reserved_connections')::int"
            )
        )
    return found


def test_too_many_connections_are_warned_of(server_url: str) -> None:
    assert connections_of(Settings()) == 36
    taken = asyncio.run(connections_taken(server_url))
    pool_size = taken // 4
    wanted = 2 * connections_of(Settings(database_pool_size=pool_size))
    assert taken < wanted < taken + 40
    with (
        fresh_database(server_url) as url,
        running_service(
            "--workers", "2", DATABASE_URL=url, ACTIVITY_DATABASE_POOL_SIZE=str(pool_size)
        ) as server,
    ):
        assert (
            f"Warning    the service may need up to {wanted} database connections, but PostgreSQL "
            f"allows {taken}: raise its max_connections, or lower ACTIVITY_WORKERS or "
            "ACTIVITY_DATABASE_POOL_SIZE\n"
        ) in server.greeting
