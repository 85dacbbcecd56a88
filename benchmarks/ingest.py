"""What an event costs on its way in, beside a bare COPY and beside the usual way to write it.

`python -m benchmarks.ingest [--quick] [--json]` (make bench-ingest). Everything runs in one go on a
PostgreSQL of its own: a binary COPY of the rows into the same table with the same indexes, before
and after; the service over HTTP with single events and batches; the `add_all` yardstick; two
service processes; a paced load; a million events for the memory.

CPU is that of the service's process and its database connections, as the operating system counts
it; the load's own is not in it. The COPY's is that of its client and its connection.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import asyncpg
import orjson
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from app.settings import Settings
from benchmarks.activity import COLUMNS, context, metadata, rows
from benchmarks.load import Load, post, run
from benchmarks.server import cpu_seconds, postgres

USERS = 2_000
CONCURRENCY = (1, 16, 64)
BATCHES = {"single": 1, "batch10": 10, "batch100": 100}
EVENTS = {"single": 6_000, "batch10": 30_000, "batch100": 100_000}
COPY_EVENTS = 100_000
COPY_CHUNK = 1_000
ADD_ALL_EVENTS = 6_000
WARM_UP_REQUESTS = 200
SPAN_DAYS = 7
MEMORY_SMALL, MEMORY_LARGE = 10_000, 1_000_000
PACED_SECONDS = 10
PAIR_EVENTS_PER_S = 20_000
MIB = 1024 * 1024

console = Console(width=130)


@dataclass(frozen=True, slots=True)
class Service:
    """A process under test, and where it listens."""

    process: psutil.Process
    port: int


def bodies(events: int, batch: int, seed: int) -> Iterator[bytes]:
    """Batches of one user each, over the last week; every event is another one."""
    chance = random.Random(seed)
    source = rows(events, user_count=USERS, until=datetime.now(UTC), days=SPAN_DAYS, seed=seed)
    while chunk := list(itertools.islice(source, batch)):
        first = chunk[0]
        yield orjson.dumps(
            {
                "user_email": f"user{first[0]}@example.com",
                "session_id": first[9],
                "device_type": first[11],
                "context_snapshot": context(chance),
                "sent_at": datetime.now(UTC),
                "events": [
                    {
                        "event_type": row[3],
                        "event_id": str(row[2]),
                        "event_timestamp": row[1],
                        "entity_type": row[6],
                        "entity_id": row[7],
                        "metadata": metadata(chance),
                        "session_seq": row[10],
                        **({} if row[13] is None else {"duration_ms": row[13]}),
                    }
                    for row in chunk
                ],
            }
        )


def requests(name: str, events: int, seed: int) -> list[bytes]:
    made = bodies(events, BATCHES[name], seed)
    if name != "single":
        return [post("/api/events/log/batch", body) for body in made]
    singles = []
    for body in made:
        batch = orjson.loads(body)
        (event,) = batch.pop("events")
        singles.append(post("/api/events/log", orjson.dumps(batch | event)))
    return singles


@contextmanager
def service(url: str, *, command: list[str] | None = None) -> Iterator[Service]:
    """The service, or the yardstick, in a process of its own."""
    default = [str(Path(sys.executable).with_name("activity-events")), "serve", "--port", "0"]
    process = subprocess.Popen(
        command or default,
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        port = 0
        for line in process.stdout:
            words = line.replace("/", " ").replace(":", " ").split()
            if "API" in words or "port" in words:
                port = int(next(word for word in words if word.isdigit() and int(word) > 999))
            if "Data" in words or "port" in words:
                break
        yield Service(psutil.Process(process.pid), port)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def backends() -> float:
    """CPU seconds of all client connections of this benchmark's server that live now."""
    total = 0.0
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if line.startswith("postgres: postgres activity_events"):
            total += cpu_seconds(process.pid)
    return total


def copy(url: str, seed: int) -> dict[str, float]:
    """The bare COPY: the same kind of rows, the same table and indexes, nothing else."""
    data = list(
        rows(COPY_EVENTS, user_count=USERS, until=datetime.now(UTC), days=SPAN_DAYS, seed=seed)
    )

    async def go() -> tuple[float, float]:
        connection = await asyncpg.connect(url)
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        cpu = cpu_seconds(pid) + time.process_time()
        started = time.perf_counter()
        for offset in range(0, COPY_EVENTS, COPY_CHUNK):
            await connection.copy_records_to_table(
                "activity_event", records=data[offset : offset + COPY_CHUNK], columns=COLUMNS
            )
        seconds = time.perf_counter() - started
        cpu = cpu_seconds(pid) + time.process_time() - cpu
        await connection.close()
        return cpu, seconds

    cpu, seconds = asyncio.run(go())
    return {"cpu_us_per_event": cpu / COPY_EVENTS * 1e6, "events_per_s": COPY_EVENTS / seconds}


def measure(
    target: Service, messages: list[bytes], *, events: int, concurrency: int
) -> dict[str, float]:
    before, groups = target.process.cpu_times(), stats(target)
    cpu = backends() + before.user + before.system
    load = uvloop.run(run([target.port], messages, concurrency=concurrency))
    after = target.process.cpu_times()
    cpu = backends() + after.user + after.system - cpu
    _require_ok(load)
    found = {
        "cpu_us_per_event": cpu / events * 1e6,
        "cpu_us_api": (after.user + after.system - before.user - before.system) / events * 1e6,
        "events_per_s": events / load.seconds,
        "p50_ms": load.percentile(0.5),
        "p99_ms": load.percentile(0.99),
    }
    if groups:
        later = stats(target)
        found["mean_group_events"] = (later["events"] - groups["events"]) / max(
            1, later["groups"] - groups["groups"]
        )
    return found


def stats(target: Service) -> dict[str, int]:
    """The writer's running totals; none of the yardstick."""
    try:
        with urlopen(f"http://127.0.0.1:{target.port}/health/ready", timeout=5) as answer:
            found: dict[str, int] = json.load(answer)["ingest"]
            return found
    except OSError:
        return {}


def _require_ok(load: Load) -> None:
    bad = {status: count for status, count in load.statuses.items() if status not in {200, 201}}
    if bad:
        raise SystemExit(f"the load met other answers than 200 and 201: {bad}")


def warm_up(target: Service, seed: int) -> None:
    uvloop.run(run([target.port], requests("batch10", WARM_UP_REQUESTS * 10, seed), concurrency=16))


def all_rounds(url: str, scale: float) -> dict[str, Any]:
    seeds = itertools.count(1000)
    result: dict[str, Any] = {}
    first = copy(url, next(seeds))
    with service(url) as target:
        warm_up(target, next(seeds))
        for name, batch in BATCHES.items():
            by_concurrency: dict[str, Any] = {}
            for concurrency in CONCURRENCY:
                events = int(EVENTS[name] * scale)
                messages = requests(name, events, next(seeds))
                found = measure(target, messages, events=events, concurrency=concurrency)
                by_concurrency[str(concurrency)] = found
            result[name] = {
                "batch": batch,
                **by_concurrency["64"],
                "by_concurrency": by_concurrency,
            }
        result["paced"] = paced(target, result["batch100"]["events_per_s"], next(seeds))
    with service(url, command=[sys.executable, "-m", "benchmarks.add_all", url]) as yardstick:
        uvloop.run(run([yardstick.port], requests("batch10", 500, next(seeds)), concurrency=8))
        messages = requests("batch10", ADD_ALL_EVENTS, next(seeds))
        result["add_all"] = measure(yardstick, messages, events=ADD_ALL_EVENTS, concurrency=64)
    result["two_processes"] = two_processes(url, int(EVENTS["batch100"] * 2 * scale), next(seeds))
    result["rss_mib"] = memory(url, int(MEMORY_LARGE * scale), seeds)
    second = copy(url, next(seeds))
    result["copy"] = {key: (first[key] + second[key]) / 2 for key in first}
    result["copy"] |= {"before": first, "after": second}
    for name in BATCHES:
        for found in (result[name], *result[name]["by_concurrency"].values()):
            ratio = found["cpu_us_per_event"] / result["copy"]["cpu_us_per_event"]
            found["cpu_ratio_to_copy"] = ratio
    return result


def paced(target: Service, highest: float, seed: int) -> dict[str, float]:
    """At half the highest rate that batches of 100 sustained."""
    rate = highest / 2 / 100
    messages = requests("batch100", int(rate * PACED_SECONDS) * 100, seed)
    load = uvloop.run(run([target.port], messages, concurrency=64, per_second=rate))
    _require_ok(load)
    return {
        "events_per_s": rate * 100,
        "p50_ms": load.percentile(0.5),
        "p99_ms": load.percentile(0.99),
    }


def two_processes(url: str, events: int, seed: int) -> dict[str, float]:
    """Two service processes on one database, and one load; p95 at concurrency 64.

    As fast as they can, which says that 64 batches are always in flight; then paced.
    """
    with service(url) as one, service(url) as two:
        warm_up(one, seed + 1)
        warm_up(two, seed + 2)
        messages = requests("batch100", events, seed)
        load = uvloop.run(run([one.port, two.port], messages, concurrency=64))
        _require_ok(load)
        rate = PAIR_EVENTS_PER_S / 100
        messages = requests("batch100", int(rate * PACED_SECONDS) * 100, seed + 3)
        calm = uvloop.run(run([one.port, two.port], messages, concurrency=64, per_second=rate))
        _require_ok(calm)
    return {
        "events_per_s": events / load.seconds,
        "p95_ms": load.percentile(0.95),
        "paced_events_per_s": len(messages) * 100 / calm.seconds,
        "paced_p95_ms": calm.percentile(0.95),
    }


def memory(url: str, large: int, seeds: Iterator[int]) -> dict[str, float]:
    """The service's resident memory after a few events, at its highest, and after many."""
    with service(url) as target:
        sent, start, peak, end = 0, 0.0, 0.0, 0.0
        while sent < large:
            part = MEMORY_SMALL if not sent else min(50_000, large - sent)
            load = uvloop.run(
                run([target.port], requests("batch100", part, next(seeds)), concurrency=64)
            )
            _require_ok(load)
            sent += part
            end = target.process.memory_info().rss / MIB
            start = start or end
            peak = max(peak, end)
    return {"start": start, "peak": peak, "end": end}


def show(result: dict[str, Any]) -> None:
    table = Table(
        title="Ingest: CPU microseconds an event (API and PostgreSQL), beside a bare COPY"
    )
    for head in (
        "",
        "clients",
        "CPU us",
        "of it API",
        "x COPY",
        "events/s",
        "p50 ms",
        "p99 ms",
        "group",
    ):
        table.add_column(head, justify="left" if not head else "right")
    bare = result["copy"]
    cpu, rate = f"{bare['cpu_us_per_event']:.1f}", f"{bare['events_per_s']:,.0f}"
    table.add_row("COPY, bare", "1", cpu, "", "1.00", rate)

    def line(name: str, clients: str, found: dict[str, float]) -> None:
        ratio = found["cpu_us_per_event"] / bare["cpu_us_per_event"]
        table.add_row(
            name,
            clients,
            f"{found['cpu_us_per_event']:.1f}",
            f"{found['cpu_us_api']:.1f}",
            f"{ratio:.2f}",
            f"{found['events_per_s']:,.0f}",
            f"{found['p50_ms']:.1f}",
            f"{found['p99_ms']:.1f}",
            f"{found['mean_group_events']:.0f}" if "mean_group_events" in found else "",
        )

    for name in BATCHES:
        for clients, found in result[name]["by_concurrency"].items():
            line(name, clients, found)
    line("add_all, batch10", "64", result["add_all"])
    console.print(table)
    two, calm, rss = result["two_processes"], result["paced"], result["rss_mib"]
    times = result["batch10"]["events_per_s"] / result["add_all"]["events_per_s"]
    for line_ in (
        f"two processes, batches of 100: {two['events_per_s']:,.0f} events/s, p95 "
        f"{two['p95_ms']:.0f} ms; paced at {two['paced_events_per_s']:,.0f}: p95 "
        f"{two['paced_p95_ms']:.0f} ms",
        f"half the highest rate ({calm['events_per_s']:,.0f} events/s): p50 "
        f"{calm['p50_ms']:.1f} ms, p99 {calm['p99_ms']:.1f} ms",
        f"batch10 over add_all, 64 clients: {times:.1f} times the events/s",
        f"memory of the API, MiB: {rss['start']:.0f} after the first events, peak "
        f"{rss['peak']:.0f}, end {rss['end']:.0f}",
    ):
        console.print(line_)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    with postgres(Settings()) as url:
        result = all_rounds(url, 0.1 if options.quick else 1.0)
    show(result)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
