"""What more processes bring: `serve --workers N`, the same load, and whose CPU it took.

`python -m benchmarks.workers [--most N] [--share S] [--json]` (make bench-workers). On a PostgreSQL
of its own, batches of 10 and of 100 from 64 connections. First one and two workers as they are: on
a machine of few cores they, PostgreSQL and the load soon share all of it, and that is the limit.
So then each worker is given a share of a core (a control group with a quota, which takes root), as
if the machine had more: 1, 2, ... workers, until something else is the limit.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from app.settings import Settings
from benchmarks.ingest import BATCHES, Service, backends, requests, service
from benchmarks.load import run
from benchmarks.server import cpu_seconds, postgres

CONNECTIONS = 64
EVENTS = {"batch10": 50_000, "batch100": 250_000}
PERIOD_US = 10_000
MOST, SHARE = 4, 0.2

console = Console(width=110)


@contextmanager
def held_to(share: float | None, pids: Sequence[int]) -> Iterator[None]:
    """Each of the processes gets at most so much of a core; None is all there is.

    Raises:
        OSError: control groups can't be made here.
    """
    if share is None:
        yield
        return
    quota = int(PERIOD_US * share)
    folders = []
    try:
        for pid in pids:
            one = Path("/sys/fs/cgroup/cpu")
            folder = (one if one.is_dir() else one.parent) / f"activity-bench-{pid}"
            folder.mkdir()
            folders.append(folder)
            if one.is_dir():
                (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (folder / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")
            (folder / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for folder, pid in zip(folders, pids, strict=False):
            with suppress(OSError):  # it has ended
                (folder.parent / "cgroup.procs").write_text(str(pid))
            folder.rmdir()


def measure(url: str, workers: int, share: float | None, batch: str, seed: int) -> dict[str, float]:
    """Events a second, and how many cores each part kept busy meanwhile."""
    command = [str(Path(sys.executable).with_name("activity-events")), "serve", "--port", "0"]
    with service(url, command=[*command, "--workers", str(workers)]) as target:
        pids = [each.pid for each in target.process.children()] or [target.process.pid]
        warm = requests(batch, EVENTS[batch] // 20, seed)
        uvloop.run(run([target.port], warm, concurrency=CONNECTIONS))
        scale = 1 if share is None else share * workers
        events = int(EVENTS[batch] * min(1, scale) / 100) * 100
        messages = requests(batch, events, seed + 1)
        with held_to(share, pids):
            return _measured(target, pids, messages, events)


def _measured(
    target: Service, pids: Sequence[int], messages: list[bytes], events: int
) -> dict[str, float]:
    api, database, load_cpu = sum(map(cpu_seconds, pids)), backends(), time.process_time()
    machine = psutil.cpu_times()
    load = uvloop.run(run([target.port], messages, concurrency=CONNECTIONS))
    idle = psutil.cpu_times().idle - machine.idle
    assert load.statuses.keys() <= {200, 201}, load.statuses
    return {
        "events_per_s": events / load.seconds,
        "p95_ms": load.percentile(0.95),
        "api_cores": (sum(map(cpu_seconds, pids)) - api) / load.seconds,
        "database_cores": (backends() - database) / load.seconds,
        "load_cores": (time.process_time() - load_cpu) / load.seconds,
        "idle_cores": idle / load.seconds,
    }


def every(url: str, most: int, share: float) -> list[dict[str, Any]]:
    """All of it, each with its ratio to one worker."""
    plan: list[tuple[float | None, range]] = [(None, range(1, 3)), (share, range(1, most + 1))]
    found: list[dict[str, Any]] = []
    for each, counts in plan:
        for batch in EVENTS:
            one = 0.0
            for workers in counts:
                console.print(f"{batch}, {workers} workers, {each or 'all there is'} ...")
                try:
                    seen = measure(url, workers, each, batch, 1000 * len(found))
                except OSError as error:
                    console.print(f"no shares of a core: {error}")
                    return found
                one = one or seen["events_per_s"]
                about = {"batch": BATCHES[batch], "workers": workers, "share_of_core": each}
                found.append({**about, **seen, "ratio_to_one": seen["events_per_s"] / one})
    return found


def show(found: list[dict[str, Any]]) -> None:
    table = Table(title=f"serve --workers N, {CONNECTIONS} connections, {os.cpu_count()} cores")
    heads = ("batch", "each has", "workers", "events/s", "x one", "p95 ms")
    for head in (*heads, "API", "PostgreSQL", "load", "idle cores"):
        table.add_column(head, justify="right")
    for each in found:
        share = each["share_of_core"]
        table.add_row(
            str(each["batch"]),
            "all there is" if share is None else f"{share:.2f} core",
            str(each["workers"]),
            f"{each['events_per_s']:,.0f}",
            f"{each['ratio_to_one']:.2f}",
            f"{each['p95_ms']:.0f}",
            *(f"{each[name]:.2f}" for name in ("api_cores", "database_cores", "load_cores")),
            f"{each['idle_cores']:.2f}",
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=MOST, help=f"workers in the end ({MOST})")
    parser.add_argument(
        "--share", type=float, default=SHARE, help=f"of a core, for each worker ({SHARE})"
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    given = parser.parse_args()
    with postgres(Settings()) as url:
        found = every(url, given.most, given.share)
    show(found)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
