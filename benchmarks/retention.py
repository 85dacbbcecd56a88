"""What it costs ingest that a month goes, and how long that takes.

`python -m benchmarks.retention [--events N] [--json]` (make bench-retention). On a PostgreSQL of
its own, an old month is filled; a service takes batches of 10 at a steady rate, before and while
the month is removed.
"""

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import uvloop
from rich.console import Console
from rich.table import Table

from app.database.partitions import Month
from app.database.sessions import Database
from app.database.verify_rollups import COUNT_ALL
from app.privacy.retention import enforce_retention
from app.settings import Settings
from benchmarks.ingest import requests, service
from benchmarks.load import Load, run
from benchmarks.server import postgres

EVENTS = 5_000_000
USERS = 20_000
PER_SECOND = 100.0
SECONDS = 10
RETENTION_DAYS = 60

FILL = """
INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type, event_category,
  event_action, event_metadata, session_id, device_type, received_at)
SELECT 1 + n % {users}, timestamptz '{start}' + n * interval '1 second' * {step}, gen_random_uuid(),
  'project_opened', 'project', 'opened', '{{"priority": "high"}}', 's' || n / 50, 'desktop', now()
FROM generate_series(0, {events} - 1) AS n
"""
console = Console(width=100)


async def fill(url: str, month: Month, events: int) -> None:
    seconds = (month.plus(1).start - month.start).total_seconds()
    connection = await asyncpg.connect(url)
    await connection.execute(
        FILL.format(users=USERS, start=month.start, step=seconds / events, events=events)
    )
    for statement in (*COUNT_ALL, "VACUUM ANALYZE", "CHECKPOINT"):
        await connection.execute(statement)
    await connection.close()


async def measure(url: str, port: int, now: datetime, events: int) -> dict[str, Any]:
    def messages(seed: int) -> list[bytes]:
        return requests("batch10", int(PER_SECOND * SECONDS) * 10, seed)

    before = await run([port], messages(2), concurrency=16, per_second=PER_SECOND)
    database = Database(url, Settings())
    steps: list[tuple[float, int]] = []
    started = time.perf_counter()

    async def remove() -> tuple[float, tuple[str, ...]]:
        await asyncio.sleep(1)
        begun = time.perf_counter()
        done = await enforce_retention(
            database,
            Settings(retention_days=RETENTION_DAYS),
            now,
            on_deleted=lambda count: steps.append((time.perf_counter() - begun, count)),
        )
        return time.perf_counter() - begun, done.partitions_dropped

    load, (total, dropped) = await asyncio.gather(
        run([port], messages(3), concurrency=16, per_second=PER_SECOND), remove()
    )
    assert dropped
    assert time.perf_counter() - started < SECONDS * 3
    _require_ok(before)
    _require_ok(load)
    await database.dispose()
    month_seconds = next(seconds for seconds, count in steps if count >= events)
    return {
        "events": events,
        "drop_seconds": month_seconds,
        "total_seconds": total,
        "p50_before_ms": before.percentile(0.5),
        "p50_during_ms": load.percentile(0.5),
        "p99_before_ms": before.percentile(0.99),
        "p99_during_ms": load.percentile(0.99),
        "longest_before_ms": max(before.latencies_ms),
        "longest_ms": max(load.latencies_ms),
    }


def _require_ok(load: Load) -> None:
    assert set(load.statuses) == {200}, load.statuses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="of the month that goes")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    now = datetime.now(UTC)
    month = Month.of(now - timedelta(days=RETENTION_DAYS + 35))
    with postgres(Settings()) as url:
        with console.status(f"filling {month.partition} with {options.events:,} events"):
            asyncio.run(fill(url, month, options.events))
        with service(url) as target:
            uvloop.run(run([target.port], requests("batch10", 2000, 1), concurrency=16))
            found = uvloop.run(measure(url, target.port, now, options.events))
    table = Table(title=f"{options.events:,} events go, {PER_SECOND:.0f} batches/s come")
    for head in ("", "before", "meanwhile"):
        table.add_column(head, justify="right" if head else "left")
    for name in ("p50", "p99", "longest"):
        before, during = (
            f"{name}_before_ms",
            "longest_ms" if name == "longest" else f"{name}_during_ms",
        )
        table.add_row(f"{name} ms", f"{found[before]:.1f}", f"{found[during]:.1f}")
    console.print(table)
    console.print(
        f"the month, its totals included: {found['drop_seconds']:.2f} s; all of the run: "
        f"{found['total_seconds']:.2f} s"
    )
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
