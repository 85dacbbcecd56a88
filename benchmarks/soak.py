"""Half an hour at 60 % of the highest rate, with readers, clean-ups, erasures and two kill -9.

`python -m benchmarks.soak [--minutes N] [--json]` (make bench-soak). On a PostgreSQL of its own
that holds 13 months of events. First the highest rate is found: batches of 50 from 16 clients, for
a few seconds. Then 60 % of that, while each second one user's question is asked and one of
everybody, two listen to the stream, a clean-up removes three days' events every two minutes, and a
user is erased every 20 seconds. After a third of the time the service is killed, after two thirds
PostgreSQL; both are started again, and the clients go on with the same ids. At the end every event
that was acknowledged is there once, and the totals equal a recount. What is compared: a fifth of
the time before the first kill with the last fifth; latencies are those of five seconds. The data
grow meanwhile, and the disk with them: `bytes_an_event` are those of a new one with its indexes.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import httpx
import orjson
import psutil
import uvloop
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from activity_events.uuid7 import uuid7
from app.database import embedded
from app.database.engine import create_engine
from app.database.migrations import migrate_at
from app.database.partitions import PARENT
from app.database.verify_rollups import verify_rollups
from app.settings import Settings
from benchmarks.activity import metadata
from benchmarks.history import DAYS, fill
from benchmarks.load import Load

HISTORY_EVENTS, DAYS_PER_CLEANUP = 500_000, 3
USERS = 20_000  # so that each has about as many in the end as active people have in a week
BATCH, CLIENTS = 50, 16
PROBE_SECONDS, SHARE_OF_HIGHEST = 15, 0.6
READ_EVERY, STREAMS = 1.0, 2
CLEANUP_EVERY, ERASE_EVERY, SAMPLE_EVERY = 120.0, 20.0, 5.0
RETRY_SECONDS, TIMEOUT_SECONDS = 0.3, 60
A_MINUTE = 12  # samples
MIB = 1024 * 1024
SETTINGS = Settings(retention_days=400)

console = Console(width=110)


@dataclass(slots=True)
class Sample:
    """What was seen in a few seconds; sizes in MiB, latencies in ms."""

    at: float
    service_mib: float
    service_files: int
    database_mib: float
    disk_mib: float
    month_bytes: int
    dead_share: float
    ingest_p50: float
    ingest_p99: float
    user_p50: float
    user_p99: float
    all_p50: float
    all_p99: float
    events: int


@dataclass(slots=True)
class Run:
    """What goes on; everything in it is bounded but the samples, of which there is one in 5 s."""

    port: int
    url: str
    sent: int = 0
    retried: int = 0
    erased: int = 0
    cleaned: int = 0
    streamed: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    ingest_ms: list[float] = field(default_factory=list)
    user_ms: list[float] = field(default_factory=list)
    all_ms: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    over: bool = False


class Service:
    """`activity-events serve`, killed and started again."""

    def __init__(self, url: str, port: int) -> None:
        self._command = [str(Path(sys.executable).with_name("activity-events")), "serve"]
        self._environment = {**os.environ, "DATABASE_URL": url, "PORT": str(port)}
        self._environment["ACTIVITY_RETENTION_DAYS"] = str(SETTINGS.retention_days)
        self._port = port
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.DEVNULL, stderr=sys.stderr
        )

    async def ready(self) -> None:
        async with httpx.AsyncClient() as client:
            for _ in range(300):
                with suppress(httpx.TransportError):
                    if (await client.get(f"http://127.0.0.1:{self._port}/health/ready")).is_success:
                        return
                await asyncio.sleep(0.1)
        raise RuntimeError("the service doesn't get ready")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process = self._start()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Clients:
    """Writes batches, each until it is acknowledged, with the ids that it had at first."""

    def __init__(self, run: Run, seed: int) -> None:
        self._run, self._chance = run, random.Random(seed)
        self._metadata = [metadata(self._chance) for _ in range(200)]

    def batch(self) -> bytes:
        now = datetime.now(UTC)
        user = f"soak{self._chance.randrange(USERS)}@example.com"
        events = [
            {
                "event_type": ("page_viewed", "email_opened", "project_opened")[n % 3],
                "event_id": str(uuid7(now)),
                "event_timestamp": (now - timedelta(milliseconds=n)).isoformat(),
                "metadata": self._metadata[(n + now.microsecond) % 200],
            }
            for n in range(BATCH)
        ]
        session = f"{user}-{now:%d%H}-{now.minute // 15}"
        return orjson.dumps({"user_email": user, "session_id": session, "events": events})

    async def write(self, client: httpx.AsyncClient, body: bytes) -> None:
        """Until it is acknowledged."""
        while True:
            begun = time.perf_counter()
            try:
                answer = await client.post("/api/events/log/batch", content=body)
                self._run.statuses[str(answer.status_code)] += 1
                if answer.is_success:
                    self._run.ingest_ms.append((time.perf_counter() - begun) * 1000)
                    self._run.sent += BATCH
                    return
                if answer.status_code < 429:
                    raise RuntimeError(f"{answer.status_code}: {answer.text[:200]}")
            except httpx.TransportError as error:
                self._run.statuses[type(error).__name__] += 1
            self._run.retried += 1
            await asyncio.sleep(RETRY_SECONDS)

    async def go_on(self, per_second: float | None) -> None:
        """Writes at this rate (batches), or as fast as it goes, until the run is over."""
        started, number = time.perf_counter(), 0
        async with _client(self._run) as client:
            while not self._run.over:
                await self.write(client, self.batch())
                number += 1
                if per_second is not None:
                    ahead = started + number / per_second - time.perf_counter()
                    if ahead > 0:
                        await asyncio.sleep(ahead)
                    elif ahead < -1:  # after a kill, it doesn't hurry
                        started = time.perf_counter() - number / per_second


@asynccontextmanager
async def _client(run: Run) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Content-Type": "application/json"}
    base = f"http://127.0.0.1:{run.port}"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=TIMEOUT_SECONDS) as client:
        yield client


async def now_and_then(run: Run, every: float, do: Callable[[], Awaitable[None]]) -> None:
    """Again and again until the run is over; what can't be done while something is down, isn't."""
    due = time.perf_counter() + every
    while not run.over:
        if time.perf_counter() < due:
            await asyncio.sleep(0.05)
            continue
        due = max(due + every, time.perf_counter())
        with suppress(httpx.TransportError, asyncpg.PostgresError, OSError, psutil.NoSuchProcess):
            await do()


async def ask_of_users(run: Run) -> None:
    """One user's questions, of one after another."""
    paths = (
        "/api/events/?{}&limit=50",
        "/api/events/analytics?{}&days=7",
        "/api/insights/context?{}",
        "/api/insights/next-actions?{}",
    )
    chance = random.Random(7)

    def path() -> str:
        user = f"user_email=soak{chance.randrange(USERS)}@example.com"
        return chance.choice(paths).format(user)

    await _ask(run, path, lambda ms: run.user_ms.append(ms))


async def ask_of_all(run: Run) -> None:
    """Everybody's questions."""
    paths = (
        "/api/events/analytics?days=7",
        "/api/events/analytics/timeseries?days=7",
        "/api/events/analytics/top?days=1",
        "/api/events/analytics/active-users?days=7",
    )
    chance = random.Random(8)
    await _ask(run, lambda: chance.choice(paths), lambda ms: run.all_ms.append(ms))


async def _ask(run: Run, path: Callable[[], str], took: Callable[[float], None]) -> None:
    async with _client(run) as client:

        async def ask() -> None:
            begun = time.perf_counter()
            answer = await client.get(path())
            run.statuses[f"read {answer.status_code}"] += 1
            if answer.is_success:
                took((time.perf_counter() - begun) * 1000)

        await now_and_then(run, READ_EVERY, ask)


async def listen(run: Run) -> None:
    """To the stream; connects again where it was cut."""
    async with _client(run) as client:
        while not run.over:
            with suppress(httpx.TransportError):
                async with client.stream(
                    "GET", "/api/events/stream?event_type=project_opened", timeout=5
                ) as answer:
                    async for line in answer.aiter_lines():
                        run.streamed += line.startswith("data:")
                        if _is_over(run):
                            return
            await asyncio.sleep(RETRY_SECONDS)


def _is_over(run: Run) -> bool:
    return run.over


async def tend(run: Run, cluster: "Cluster", service: Service) -> None:
    """Clean-ups, erasures and samples."""
    async with _client(run) as client:

        async def clean_up() -> None:
            days = DAYS - DAYS_PER_CLEANUP * (run.cleaned + 1)
            answer = await client.delete("/api/events/cleanup", params={"days": days})
            run.statuses[f"cleanup {answer.status_code}"] += 1
            run.cleaned += answer.is_success

        async def erase() -> None:
            # Of the history's: what the clients write is to be counted at the end.
            params = {"user_email": f"user{run.erased + 1}@example.com"}
            answer = await client.delete("/api/privacy/user", params=params)
            run.statuses[f"erase {answer.status_code}"] += 1
            run.erased += answer.is_success

        async def sample() -> None:
            run.samples.append(await _sample(run, cluster, service))

        await asyncio.gather(
            now_and_then(run, CLEANUP_EVERY, clean_up),
            now_and_then(run, ERASE_EVERY, erase),
            now_and_then(run, SAMPLE_EVERY, sample),
        )


@dataclass(slots=True)
class Cluster:
    """The embedded PostgreSQL."""

    folder: Path
    server: embedded.EmbeddedServer

    def kill(self) -> None:
        postmaster = psutil.Process(self.server.pid)
        processes = [postmaster, *postmaster.children()]
        postmaster.kill()
        psutil.wait_procs(processes, 30)
        self.server = embedded.start(self.folder)

    def memory_mib(self) -> float:
        """What its processes have for themselves."""
        processes = psutil.Process(self.server.pid).children()
        return sum(_private(each) for each in processes) / MIB


def _private(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0


async def _sample(run: Run, cluster: Cluster, service: Service) -> Sample:
    connection = await asyncpg.connect(run.url, timeout=5)
    try:
        size, month, dead = await connection.fetchrow(
            "SELECT pg_database_size(current_database()), pg_total_relation_size($1::regclass),"
            " coalesce(sum(n_dead_tup)::float / nullif(sum(n_live_tup + n_dead_tup), 0), 0)"
            " FROM pg_stat_user_tables",
            f"{PARENT}_p{datetime.now(UTC):%Y_%m}",
        )
    finally:
        await connection.close()
    process = psutil.Process(service.process.pid)
    ingest, users, everybody = (
        Load(latencies_ms=each) for each in (run.ingest_ms, run.user_ms, run.all_ms)
    )
    run.ingest_ms, run.user_ms, run.all_ms = [], [], []
    return Sample(
        at=time.perf_counter(),
        service_mib=process.memory_info().rss / MIB,
        service_files=process.num_fds(),
        database_mib=cluster.memory_mib(),
        disk_mib=size / MIB,
        month_bytes=month,
        dead_share=float(dead),
        ingest_p50=ingest.percentile(0.5),
        ingest_p99=ingest.percentile(0.99),
        user_p50=users.percentile(0.5),
        user_p99=users.percentile(0.99),
        all_p50=everybody.percentile(0.5),
        all_p99=everybody.percentile(0.99),
        events=run.sent,
    )


async def highest_rate(run: Run) -> float:
    """Batches a second, as fast as it goes."""
    begun = time.perf_counter()
    writing = [asyncio.create_task(Clients(run, n).go_on(None)) for n in range(CLIENTS)]
    await asyncio.sleep(PROBE_SECONDS)
    run.over = True
    await asyncio.gather(*writing)
    run.over = False
    run.ingest_ms = []
    return run.sent / BATCH / (time.perf_counter() - begun)


async def soak(cluster: Cluster, service: Service, run: Run, seconds: float) -> dict[str, Any]:
    await service.ready()
    at_rest = psutil.Process(service.process.pid).memory_info().rss / MIB
    highest = await highest_rate(run)
    each = highest * SHARE_OF_HIGHEST / CLIENTS
    writing = [asyncio.create_task(Clients(run, 100 + n).go_on(each)) for n in range(CLIENTS)]
    reading = [ask_of_users(run), ask_of_all(run), *(listen(run) for _ in range(STREAMS))]
    beside = [asyncio.create_task(task) for task in (*reading, tend(run, cluster, service))]
    begun, before = time.perf_counter(), run.sent
    kills = [(seconds / 3, service.kill, "service"), (seconds * 2 / 3, cluster.kill, "PostgreSQL")]
    down: dict[str, float] = {}
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("soaking", total=seconds)
        while (elapsed := time.perf_counter() - begun) < seconds:
            if kills and elapsed >= kills[0][0]:
                _, kill, name = kills.pop(0)
                killed = time.perf_counter()
                await asyncio.to_thread(kill)
                await service.ready()
                down[name] = time.perf_counter() - killed
            bar.update(task, completed=elapsed)
            # None of them ends before its time, but by a failure.
            await asyncio.wait([*writing, *beside], timeout=0.5, return_when="FIRST_EXCEPTION")
            for ended in (each for each in (*writing, *beside) if each.done()):
                ended.result()
    run.over = True
    await asyncio.wait_for(asyncio.gather(*writing, *beside), 120)
    return {
        "seconds": round(time.perf_counter() - begun),
        "highest_events_per_second": round(highest * BATCH),
        "events_per_second_meant": round(highest * SHARE_OF_HIGHEST * BATCH),
        "events_per_second": round((run.sent - before) / (time.perf_counter() - begun)),
        "down_seconds": {name: round(length, 1) for name, length in down.items()},
        **await _counted(run),
        "service_mib_at_rest": round(at_rest, 1),
        **_compared(run.samples, begun, seconds),
    }


async def _counted(run: Run) -> dict[str, Any]:
    """Whether each acknowledged event is there, once, and the totals with them."""
    connection = await asyncpg.connect(run.url)
    stored = await connection.fetchval(
        "SELECT count(*) FROM activity_event WHERE user_id IN"
        " (SELECT id FROM app_user WHERE email LIKE 'soak%')"
    )
    await connection.close()
    engine = create_engine(run.url, SETTINGS, pooled=False, server_settings={})
    async with engine.connect() as checked:
        checks = await verify_rollups(checked)
    await engine.dispose()
    return {
        "acknowledged": run.sent,
        "stored": stored,
        "exact": stored == run.sent,
        "totals_exact": not [check for check in checks if not check.ok],
        "retried": run.retried,
        "erased_users": run.erased,
        "cleanups": run.cleaned,
        "streamed": run.streamed,
        "statuses": dict(sorted(run.statuses.items())),
    }


def _compared(samples: list[Sample], begun: float, seconds: float) -> dict[str, Any]:
    """Medians of a fifth before the first kill, and of the last fifth."""
    early = [s for s in samples if seconds * 0.12 <= s.at - begun < seconds * 0.32]
    late = [s for s in samples if s.at - begun >= seconds * 0.8]
    names = [name for name in Sample.__slots__ if name not in {"at", "events", "month_bytes"}]
    found = {
        name: {
            "early": round(median(getattr(s, name) for s in early), 2),
            "late": round(median(getattr(s, name) for s in late), 2),
        }
        for name in names
    }
    found["bytes_an_event"] = {"early": _bytes_an_event(early), "late": _bytes_an_event(late)}
    return {
        "compared": found,
        "service_mib_max": round(max(s.service_mib for s in samples), 1),
        "service_mib_by_minute": [round(s.service_mib, 1) for s in samples[::A_MINUTE]],
    }


def _bytes_an_event(samples: list[Sample]) -> float:
    """How many bytes the month's partition grew per acknowledged event."""
    first, last = samples[0], samples[-1]
    return round((last.month_bytes - first.month_bytes) / max(last.events - first.events, 1), 1)


def show(result: dict[str, Any]) -> None:
    compared = result["compared"]
    table = Table("", "early", "late", "late / early")
    for name, values in compared.items():
        ratio = f"{values['late'] / values['early']:.2f}" if values["early"] else ""
        table.add_row(name, f"{values['early']:,.2f}", f"{values['late']:,.2f}", ratio)
    console.print(table)
    for name, value in result.items():
        if name != "compared":
            console.print(f"{name}: {value}", highlight=False)


def free_port() -> int:
    """Of loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (30)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="activity-soak-") as name:
        folder = Path(name)
        cluster = Cluster(folder, embedded.start(folder))
        url = cluster.server.url()
        service = None
        try:
            asyncio.run(migrate_at(url, SETTINGS))
            console.print(f"making {HISTORY_EVENTS:,} events ...")
            fill(url, HISTORY_EVENTS, datetime.now(UTC), SETTINGS)
            port = free_port()
            service = Service(url, port)
            result = uvloop.run(soak(cluster, service, Run(port, url), given.minutes * 60))
        finally:
            if service is not None:
                service.stop()
            embedded.stop(cluster.server)
    show(result)
    if given.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
