# ruff: noqa: S608 (all of it is ours)
"""What each index of `activity_event` costs on the way in, and what it gives on the way out.

`python -m benchmarks.indexes [--events N] [--json]` (make bench-indexes). Events are copied into
the table with a growing set of indexes; then each question is asked with its index and without.
"""

import argparse
import asyncio
import json
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.read.order import order_sql
from app.settings import Settings
from benchmarks.activity import COLUMNS, rows
from benchmarks.server import connect, cpu_seconds, postgres

USERS = 2_000
DAYS = 360
BUSIEST = 1
TYPICAL = 400
CHUNK = 500
REPEATS = 15

NAMES = {
    "category": "ix_activity_event_user_id_event_category_event_timestamp",
    "entity": "ix_activity_event_user_id_entity_type_entity_id",
    "session": "ix_activity_event_session_id_event_timestamp",
    "time": "ix_activity_event_event_timestamp",
}

NEWEST_FIRST = order_sql("activity_event", descending=True)
OLDEST_FIRST = order_sql("activity_event")
QUESTIONS = {
    "category": "SELECT event_id FROM activity_event WHERE user_id = $1 AND"
    " event_category = 'search' AND event_timestamp >= $2"
    f" ORDER BY {NEWEST_FIRST} LIMIT 100",
    "entity": "SELECT event_id FROM activity_event WHERE user_id = $1 AND event_timestamp >= $2"
    " AND entity_type = 'project' AND entity_id = '7'"
    f" ORDER BY {NEWEST_FIRST} LIMIT 100",
    "session": "SELECT event_id FROM activity_event WHERE session_id ="
    " (SELECT session_id FROM activity_event WHERE user_id = $1"
    " ORDER BY event_timestamp DESC LIMIT 1) AND event_timestamp >= $2"
    f" ORDER BY {OLDEST_FIRST}",
    "time": "SELECT event_id FROM activity_event WHERE user_id <> $1 AND event_timestamp >= $2"
    f" ORDER BY {NEWEST_FIRST} LIMIT 100",
}


async def measure(url: str, events: int, until: datetime) -> dict[str, Any]:
    connection = await connect(url)
    definitions = {}
    for name, index in NAMES.items():
        definition = await connection.fetchval("SELECT pg_get_indexdef($1::regclass)", index)
        # Of a partitioned table's index it gives the shell alone.
        definitions[name] = definition.replace(" ON ONLY ", " ON ")
    for index in NAMES.values():
        await connection.execute(f"DROP INDEX {index}")
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    data = list(rows(events, user_count=USERS, until=until, days=DAYS))
    writes: dict[str, Any] = {}
    for name in ("none", *NAMES):
        if name != "none":
            await connection.execute("TRUNCATE activity_event")
            await connection.execute(definitions[name])
        await connection.execute("CHECKPOINT")
        before, started = cpu_seconds(pid), time.perf_counter()
        for offset in track(range(0, events, CHUNK), f"COPY, +{name}", transient=True):
            await connection.copy_records_to_table(
                "activity_event", records=data[offset : offset + CHUNK], columns=COLUMNS
            )
        seconds = time.perf_counter() - started
        size = await connection.fetchval(
            "SELECT sum(pg_indexes_size(inhrelid)) FROM pg_inherits"
            " WHERE inhparent = 'activity_event'::regclass"
        )
        writes[name] = {
            "cpu_us_per_event": round((cpu_seconds(pid) - before) / events * 1e6, 2),
            "events_per_s": round(events / seconds),
            "index_bytes_per_event": round(int(size) / events, 1),
        }
    await connection.execute("VACUUM ANALYZE activity_event")
    reads = await _reads(connection, definitions, until - timedelta(days=DAYS))
    await connection.close()
    return {"events": events, "writes": writes, "reads": reads}


async def _reads(
    connection: asyncpg.Connection, definitions: dict[str, str], since: datetime
) -> dict[str, Any]:
    reads: dict[str, Any] = {}
    for name, question in QUESTIONS.items():
        reads[name] = {}
        for who, user in (("busiest", BUSIEST), ("typical", TYPICAL)):
            with_it = await _median_ms(connection, question, user, since)
            reads[name][who] = {"with_ms": with_it}
        await connection.execute(f"DROP INDEX {NAMES[name]}")
        for who, user in (("busiest", BUSIEST), ("typical", TYPICAL)):
            without = await _median_ms(connection, question, user, since)
            reads[name][who]["without_ms"] = without
        await connection.execute(definitions[name])
    return reads


async def _median_ms(
    connection: asyncpg.Connection, question: str, user: int, since: datetime
) -> float:
    taken = []
    await connection.fetch(question, user, since)
    for _ in range(REPEATS):
        started = time.perf_counter()
        await connection.fetch(question, user, since)
        taken.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(taken), 2)


def show(result: dict[str, Any]) -> None:
    console = Console()
    table = Table(
        title=f"COPY of {result['events']:,} events, {CHUNK} at a time, by indexes so far"
    )
    for head in ("indexes so far", "CPU us an event", "events/s", "index bytes an event"):
        table.add_column(head, justify="left" if head == "indexes so far" else "right")
    for name, row in result["writes"].items():
        label = "identity and time" if name == "none" else f"+ {name}"
        table.add_row(label, *(f"{value:,}" for value in row.values()))
    console.print(table)
    table = Table(title="Median ms of one question, over the whole year")
    for head in ("question by", "user", "with its index", "without", "times"):
        table.add_column(head, justify="left" if head in {"question by", "user"} else "right")
    for name, users in result["reads"].items():
        for who, row in users.items():
            with_it, without = row["with_ms"], row["without_ms"]
            table.add_row(name, who, f"{with_it:.2f}", f"{without:.2f}", f"{without / with_it:.1f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    until = datetime.now(UTC)
    settings = Settings()
    with postgres(settings) as url:
        result = asyncio.run(measure(url, options.events, until))
    show(result)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
