"""How fast questions are answered over HTTP, beside a bare `SELECT 1` and beside plain SQL.

`python -m benchmarks.read [--events N ...] [--data FOLDER] [--only TEXT] [--plans] [--json]`
(make bench-read). On a PostgreSQL of its own: 20,000 users, 13 months of sessions with a daily and
a weekly rhythm, power-law activity. One client asks each question again and again, through the same
HTTP stack as a route that runs `SELECT 1`, which is measured before and after each kind of
question; the same question in plain SQL on the events table goes straight to the database. With
`--events 1000000 10000000` both sizes are measured, and compared.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app.database import embedded
from app.database.migrations import migrate_at
from app.settings import Settings
from benchmarks.history import fill
from benchmarks.load import Load, get, run
from benchmarks.plain_sql import PLAIN
from benchmarks.read_questions import Question, questions

EVENTS = (10_000_000,)
SETTINGS = Settings(retention_days=400)
SERVER = {"max_wal_size": "8GB", "shared_buffers": "2GB"}
WARM_UP = 6
REQUESTS = 100
REQUESTS_MIN = 12
SECONDS = 4.0
SELECTS = 100
PLAIN_RUNS = 3
PLAIN_SECONDS = 20.0

# The median of those who were active in the last week; the one with the most events.
TYPICAL = """
WITH active AS (
  SELECT user_id, count(*) AS events FROM activity_event WHERE event_timestamp >= $1 GROUP BY 1
)
SELECT user_id FROM active ORDER BY events, user_id OFFSET (SELECT count(*) / 2 FROM active) LIMIT 1
"""
BUSIEST = "SELECT user_id FROM activity_session GROUP BY 1 ORDER BY sum(events) DESC LIMIT 1"
SESSION = (
    "SELECT session_id FROM activity_session WHERE user_id = $1 ORDER BY started_at DESC LIMIT 1"
)

console = Console(width=130)


@contextmanager
def history(events: int, folder: Path | None) -> Iterator[str]:
    """A server with so many events; in a folder that is kept, they are made once."""
    with tempfile.TemporaryDirectory(prefix="activity-bench-") as temporary:
        data = folder / str(events) if folder else Path(temporary)
        data.mkdir(parents=True, exist_ok=True)
        done = data / "filled"
        server = embedded.start(data, SERVER)
        try:
            asyncio.run(migrate_at(server.url(), SETTINGS))
            if not done.exists():
                console.print(f"making {events:,} events ...")
                fill(server.url(), events, datetime.now(UTC), SETTINGS)
                done.touch()
            yield server.url()
        finally:
            embedded.stop(server)


@contextmanager
def service(url: str) -> Iterator[int]:
    """The service, with `/select-1`, in a process of its own; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.read_service", url],
        env={**os.environ, "ACTIVITY_RETENTION_DAYS": "400"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().split()[1])
        for _ in range(100):
            try:
                uvloop.run(run([port], [get("/health/ready")], concurrency=1))
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def ask(port: int, path: str, *, at_most: int = REQUESTS) -> Load:
    """One client's latencies: as many requests as there is time for."""
    request = get(path)
    load = uvloop.run(run([port], [request] * WARM_UP, concurrency=1))
    warm = load.latencies_ms[-1] / 1000
    count = max(REQUESTS_MIN, min(at_most, int(SECONDS / warm)))
    load = uvloop.run(run([port], [request] * count, concurrency=1))
    if set(load.statuses) != {200}:
        raise SystemExit(f"{path} was answered with {load.statuses}")
    return load


def in_plain_sql(url: str, question: Question, now: datetime, *, plans: bool) -> float | None:
    """The longest of a few runs, in ms; None where it takes too long."""
    statement = PLAIN.get(question.kind)
    if statement is None:
        return None
    who = "true" if question.who is None else f"user_id = {question.who}"
    window = (now - timedelta(days=question.days), now)

    async def go() -> float | None:
        connection = await asyncpg.connect(
            url, server_settings={"jit": "off", "work_mem": "64MB"}, command_timeout=PLAIN_SECONDS
        )
        text = statement.replace("{who}", who)
        longest = 0.0
        try:
            for _ in range(PLAIN_RUNS):
                started = time.perf_counter()
                await connection.fetch(text, *window)
                longest = max(longest, time.perf_counter() - started)
            if plans:
                for row in await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {text}", *window):
                    console.print(row[0], highlight=False, markup=False, soft_wrap=True)
        except TimeoutError:
            return None
        finally:
            connection.terminate()
        return longest * 1000

    return asyncio.run(go())


def measure(url: str, only: str, *, plans: bool) -> dict[str, Any]:
    now = datetime.now(UTC)

    async def choose() -> tuple[int, int, str]:
        connection = await asyncpg.connect(url)
        typical = await connection.fetchval(TYPICAL, now - timedelta(days=7))
        busiest = await connection.fetchval(BUSIEST)
        session = await connection.fetchval(SESSION, typical)
        await connection.close()
        return typical, busiest, session

    asked = [each for each in questions(*asyncio.run(choose())) if only in each.name]
    selects: list[float] = []
    found: dict[str, Any] = {}
    with service(url) as port, Progress(console=console, transient=True) as progress:
        ask(port, "/select-1")
        task = progress.add_task("asking", total=len(asked))
        for question in asked:
            selects += ask(port, "/select-1", at_most=SELECTS).latencies_ms
            load = ask(port, question.path)
            plain = in_plain_sql(url, question, now, plans=plans)
            found[question.name] = {
                "p50_ms": load.percentile(0.5),
                "p95_ms": load.percentile(0.95),
                "p99_ms": load.percentile(0.99),
                "plain_sql_p95_ms": plain,
            }
            progress.advance(task)
    bare = Load(latencies_ms=selects)
    for each in found.values():
        each["ratio_to_select_1"] = each["p95_ms"] / bare.percentile(0.95)
    names = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
    select_1 = {name: bare.percentile(share) for name, share in names.items()}
    return {"select_1": select_1, "questions": found}


def show(events: int, result: dict[str, Any], smaller: dict[str, Any] | None) -> None:
    bare = result["select_1"]
    table = Table(
        title=f"{events:,} events; SELECT 1: p50 {bare['p50_ms']:.2f}, p95 {bare['p95_ms']:.2f} ms"
    )
    heads = ("", "p50 ms", "p95 ms", "p99 ms", "x SELECT 1", "plain SQL ms", "plain / ours")
    for head in heads + (("p50 to smaller",) if smaller else ()):
        table.add_column(head, justify="right" if head else "left")
    for name, each in result["questions"].items():
        plain = each["plain_sql_p95_ms"]
        cells = [
            name,
            *(f"{each[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms")),
            f"{each['ratio_to_select_1']:.1f}",
            "" if plain is None else f"{plain:,.0f}",
            "" if plain is None else f"{plain / each['p95_ms']:.1f}",
        ]
        if smaller:
            cells.append(f"{each['p50_ms'] / smaller['questions'][name]['p50_ms']:.2f}")
        table.add_row(*cells)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=EVENTS, help="how many are loaded")
    parser.add_argument("--data", type=Path, help="keep the databases in this folder")
    parser.add_argument("--only", default="", help="only questions with this in their name")
    parser.add_argument("--plans", action="store_true", help="print the plans of the plain SQL")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    smaller: dict[str, Any] | None = None
    result: dict[str, Any] = {}
    for events in options.events:
        with history(events, options.data) as url:
            result = {"events": events, **measure(url, options.only, plans=options.plans)}
        show(events, result, smaller)
        smaller = result
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
