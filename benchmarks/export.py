"""What an export costs: `python -m benchmarks.export [--json] [--events N]`.

Copies events into a database of its own, starts the service as a process, takes every format over
a socket, and watches how the service's memory grows. A new service for each format, as what one
leaves behind must not hide in the next one's beginning.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import psutil

from app.read.export_formats import MEDIA_TYPES
from app.settings import Settings
from benchmarks.activity import COLUMNS, rows
from benchmarks.server import postgres

EVENTS = 200_000
USERS = 500
DAYS = 90
LOOK_EVERY_SECONDS = 0.02
MIB = 1024 * 1024
# The first requests of a process import and compile what all later ones share.
WARM_UP = "/api/events/export?limit=1"


@dataclass(frozen=True, slots=True)
class Result:
    """One format. Memory is the service's resident set, in MiB."""

    format: str
    events: int
    seconds: float
    events_per_second: int
    file_mib: float
    service_cpu_us_per_event: float
    rss_before_mib: float
    rss_peak_mib: float
    rss_grown_mib: float
    rss_grown_by_a_tenth_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with postgres(Settings(), {"fsync": "off"}) as url:
        asyncio.run(_load(url, given.events))
        results = [_measure(url, format_, given.events) for format_ in MEDIA_TYPES]
    if given.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    print(f"{given.events} events over a socket; memory of the service in MiB")
    print("format    events/s  file MiB  CPU us/event  before   peak  grown  grown by a tenth")
    for each in results:
        print(
            f"{each.format:8} {each.events_per_second:9} {each.file_mib:9.1f}"
            f" {each.service_cpu_us_per_event:13.1f} {each.rss_before_mib:7.1f}"
            f" {each.rss_peak_mib:6.1f} {each.rss_grown_mib:6.1f}"
            f" {each.rss_grown_by_a_tenth_mib:17.1f}"
        )


async def _load(url: str, events: int) -> None:
    now = datetime.now(UTC)
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO app_user (email)"
        " SELECT 'user-' || n || '@example.com' FROM generate_series(1, $1::int) AS n",
        USERS,
    )
    await connection.copy_records_to_table(
        "activity_event",
        records=rows(events, user_count=USERS, until=now, days=DAYS),
        columns=COLUMNS,
    )
    await connection.execute("ANALYZE activity_event")
    await connection.close()


def _measure(url: str, format_: str, events: int) -> Result:
    path = f"/api/events/export?format={format_}"
    with _service(url) as (tenth_process, address):
        _, grown_by_a_tenth, _ = _take(tenth_process, f"{address}{path}&limit={events // 10}")
    with _service(url) as (process, address):
        httpx.get(f"{address}{WARM_UP}").raise_for_status()
        before = process.memory_info().rss
        cpu = _cpu(process)
        started = time.perf_counter()
        size, grown, peak = _take(process, f"{address}{path}")
        seconds = time.perf_counter() - started
        cpu = _cpu(process) - cpu
    return Result(
        format=format_,
        events=events,
        seconds=round(seconds, 3),
        events_per_second=round(events / seconds),
        file_mib=round(size / MIB, 1),
        service_cpu_us_per_event=round(cpu / events * 1e6, 1),
        rss_before_mib=round(before / MIB, 1),
        rss_peak_mib=round(peak / MIB, 1),
        rss_grown_mib=round(grown / MIB, 1),
        rss_grown_by_a_tenth_mib=round(grown_by_a_tenth / MIB, 1),
    )


def _take(process: psutil.Process, url: str) -> tuple[int, int, int]:
    """Stream a response; return its bytes, the most the process grew, and its peak memory."""
    httpx.get(f"{url.split('/api')[0]}{WARM_UP}").raise_for_status()
    before = peak = process.memory_info().rss
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(LOOK_EVERY_SECONDS):
            peak = max(peak, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with httpx.stream("GET", url, timeout=60) as response:
            response.raise_for_status()
            size = sum(len(chunk) for chunk in response.iter_raw())
    finally:
        ended.set()
        watching.join()
    peak = max(peak, process.memory_info().rss)
    return size, peak - before, peak


@contextmanager
def _service(url: str) -> Iterator[tuple[psutil.Process, str]]:
    process = subprocess.Popen(
        [Path(sys.executable).with_name("activity-events"), "serve", "--port", "0"],
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        words: list[str] = []
        for line in process.stdout:
            words += line.split()
            if line.strip().startswith("Data"):
                break
        address = next(word for word in words if word.startswith("http"))
        yield psutil.Process(process.pid), address.split("/api")[0]
    finally:
        process.terminate()
        process.wait(30)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
