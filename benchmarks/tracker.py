"""The tracker: what it weighs, what it costs the page, and what it loses.

`python -m benchmarks.tracker [--rounds N] [--json]` (make bench-tracker). In a real Chromium, on a
real service with a PostgreSQL of its own: the sizes after gzip, the time that `track` takes with
its journal, the fault matrix of `benchmarks/tracker_faults.py`, and a week of
`benchmarks/tracker_week.py`. What was stored is counted by SQL.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import time
from dataclasses import asdict
from typing import Any

from playwright.async_api import async_playwright
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app.settings import Settings
from benchmarks.ingest import service
from benchmarks.server import postgres
from benchmarks.tracker_faults import ROWS, SENT, UNAVAILABLE, Result, try_all
from benchmarks.tracker_lab import FRONTEND, Lab
from benchmarks.tracker_week import live_week

EVENTS = 1000
ROUNDS = 3
# The call alone: many in a row, and one in a task of its own, which finds all caches cold. `tasks`
# has what follows in such a task as well: the status, and now and then a request.
COST = """async (events) => {
  const record = (n) => tracker.track('project_opened', { entityType: 'project', entityId: n,
      metadata: { n, priority: 'high', source: 'sidebar', tags: ['a', 'b'] } })
  const row = [], alone = [], tasks = []
  for (let n = 0; n < events; n++) {
    const started = performance.now()
    record(n)
    row.push(performance.now() - started)
  }
  while (tracker.status().queueSize) await new Promise((done) => setTimeout(done, 50))
  for (let n = 0; n < events; n++) {
    await new Promise((done) => setTimeout(done))
    const started = performance.now()
    record(n)
    alone.push(performance.now() - started)
    await null
    tasks.push(performance.now() - started)
  }
  return { row, alone, tasks, isolated: crossOriginIsolated }
}"""
LONG_TASKS = """() => {
  window.longTasks = []
  const note = (list) => longTasks.push(...list.getEntries().map((entry) => entry.duration))
  new PerformanceObserver(note).observe({ type: 'longtask' })
}"""

console = Console(width=110)


def sizes() -> dict[str, int]:
    """Bytes after gzip, of the script with everything in it, and of the same with the hook."""
    node = shutil.which("node")
    assert node is not None, "Node.js is not installed"
    done = subprocess.run(
        [node, "size.mjs"], cwd=FRONTEND / "tracker", capture_output=True, check=True
    )
    measured: dict[str, int] = json.loads(done.stdout)
    return measured


async def costs(lab: Lab) -> dict[str, float]:
    """Of one event, in milliseconds; and the longest task while a thousand queued ones are sent."""
    async with lab.trial("cost") as trial:
        page = await trial.open()
        await trial.until(page, "s.isSender")
        measured = await page.evaluate(COST, EVENTS)
        assert measured["isolated"], "the page's clock is too coarse"
        await trial.until(page, SENT)
        trial.gateway.fault = UNAVAILABLE
        for start in range(0, EVENTS, 20):
            await page.evaluate(f"record({start}, 20)")
        await trial.until(page, f"s.queueSize === {EVENTS}")
        await page.evaluate(LONG_TASKS)
        trial.gateway.fault = None
        await trial.until(page, SENT)
        await asyncio.sleep(0.5)
        long_tasks: list[float] = await page.evaluate("longTasks")
    return {
        **_of("track", measured["row"]),
        **_of("track_alone", measured["alone"]),
        **_of("task", measured["tasks"]),
        "longest_task_ms": max(long_tasks, default=0.0),
    }


def _of(name: str, times: list[float]) -> dict[str, float]:
    return {
        f"{name}_median_ms": round(statistics.median(times), 3),
        f"{name}_p99_ms": round(statistics.quantiles(times, n=100)[98], 3),
    }


async def week(lab: Lab, seed: int) -> dict[str, Any]:
    """How much of a week's events is stored; `gaps` is what the sessions' own numbers say."""
    started_at = time.monotonic()
    async with lab.trial("week") as trial:
        lived = await live_week(trial, seed)
        numbers = await trial.numbers()
        rows = await trial.rows()
        seen: dict[str, set[int]] = {}
        for row in rows:
            seen.setdefault(row["session_id"], set()).add(row["session_seq"])
        return {
            "tracked": lived.tracked,
            "stored": len(set(numbers)),
            "stored_twice": len(numbers) - len(set(numbers)),
            "sessions": len(seen),
            "gaps": sum(max(each) - len(each) for each in seen.values()),
            "page_errors": len(trial.errors),
            "seconds": round(time.monotonic() - started_at, 1),
        }


async def measure(api_url: str, database_url: str, rounds: int) -> dict[str, Any]:
    async with (
        async_playwright() as playwright,
        Lab.opened(playwright, api_url, database_url) as lab,
    ):
        # By itself, before anything else needs the processor.
        measured: dict[str, Any] = {**sizes(), **await costs(lab)}
        matrix: list[dict[str, Any]] = []
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Faults", total=rounds * len(ROWS))
            for round_ in range(1, rounds + 1):

                def done(result: Result, round_: int = round_) -> None:
                    progress.advance(task)
                    matrix.append({"round": round_, **asdict(result), "good": result.is_good})

                await try_all(lab, ROWS, done)
            progress.update(task, description="A week", total=None)
            measured["matrix"] = matrix
            measured["week"] = await week(lab, seed=rounds)
    return measured


def show(measured: dict[str, Any]) -> None:
    table = Table("what", "measured", "bar", title="The tracker")
    for name, bar in (("core_gzip_bytes", "7,700"), ("hook_gzip_bytes", "9,450")):
        table.add_row(name, f"{measured[name]:,}", bar)
    for name, bar in (
        ("track_median_ms", "0.1"),
        ("track_p99_ms", "1"),
        ("track_alone_median_ms", ""),
        ("track_alone_p99_ms", ""),
        ("task_median_ms", ""),
        ("task_p99_ms", ""),
        ("longest_task_ms", "50"),
    ):
        table.add_row(name, f"{measured[name]:.3f}", bar)
    for name, value in measured["week"].items():
        table.add_row(f"week: {name}", f"{value:,}", "")
    console.print(table)
    faults = Table(
        "fault", "round", "tracked", "stored", "twice", "s", "", title="The fault matrix"
    )
    for row in sorted(measured["matrix"], key=lambda row: (row["name"], row["round"])):
        stored = f"{row['stored']} of {row['expected']}"
        verdict = "ok" if row["good"] else f"FAILED: {row['failure'] or 'not all, or twice'}"
        cells = [row["round"], row["tracked"], stored, row["stored_twice"]]
        faults.add_row(row["name"], *map(str, cells), f"{row['seconds']:.0f}", verdict)
    console.print(faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of the fault matrix")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with postgres(Settings()) as database_url, service(database_url) as running:
        url = f"http://127.0.0.1:{running.port}"
        measured = asyncio.run(measure(url, database_url, options.rounds))
    show(measured)
    if options.json:
        print(json.dumps(measured))


if __name__ == "__main__":
    main()
