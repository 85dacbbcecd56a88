"""What it costs that an event is one by its user and its id, beside the ways to have it.

`python -m benchmarks.identity [--events N] [--rounds N] [--json]` (make bench-identity). First the
table alone: COPY into it with each set of keys, in turn, round after round. Then the write path:
groups of batches whose ids are of one kind, in turn: UUIDv7s of their events' months, UUIDv4s, and
UUIDv7s of other months.

CPU is that of this process and its connection, as the operating system counts it.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.progress import track
from rich.table import Table

from activity_events.uuid7 import RANDOM_BITS, uuid7
from app.database.sessions import Database
from app.ingest.group import write_group
from app.ingest.rows import EventRow, TimeBasis
from app.ingest.users import UserCache
from app.settings import Settings
from benchmarks.activity import COLUMNS, rows
from benchmarks.server import connect, cpu_seconds, postgres

USERS = 2_000
SPAN_DAYS = 7
CHUNK = 500
# Batches of 10 and of 100 events, as many as 64 clients bring together.
GROUPS = {"batch10": (30, 10), "batch100": (10, 100)}
GROUPS_EACH = 40

PARTITIONS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits"
    " WHERE inhparent = 'activity_event'::regclass ORDER BY 1"
)
SIZE = "SELECT sum(pg_indexes_size(inhrelid)) FROM pg_inherits WHERE inhparent = $1::regclass"
TIME_INDEX = "ix_activity_event_user_id_event_timestamp"

# Each set of keys: what is done to the table as it is migrated (`{p}` is a partition).
LAYOUTS: dict[str, tuple[list[str], list[str]]] = {
    "key with the time (before)": (
        [
            f"DROP INDEX {TIME_INDEX}",
            "ALTER TABLE activity_event ADD PRIMARY KEY (user_id, event_timestamp, event_id)",
        ],
        ["DROP INDEX {p}_identity"],
    ),
    "the same + unique id by month": (
        [
            f"DROP INDEX {TIME_INDEX}",
            "ALTER TABLE activity_event ADD PRIMARY KEY (user_id, event_timestamp, event_id)",
        ],
        [],
    ),
    "plain time + unique id by month (now)": ([], []),
    "key with the time + a table of all ids": (
        [
            f"DROP INDEX {TIME_INDEX}",
            "ALTER TABLE activity_event ADD PRIMARY KEY (user_id, event_timestamp, event_id)",
            "CREATE TABLE event_identity (user_id bigint, event_id uuid,"
            " event_timestamp timestamptz, PRIMARY KEY (user_id, event_id))",
        ],
        ["DROP INDEX {p}_identity"],
    ),
}
KINDS = ("UUIDv7 of its month", "UUIDv4", "UUIDv7 of another month")
IDENTITY_TABLE = "key with the time + a table of all ids"
BEFORE = next(iter(LAYOUTS))


def measure_layouts(settings: Settings, events: int, rounds: int) -> dict[str, Any]:
    """CPU and bytes of indexes an event, by set of keys."""
    found: dict[str, dict[str, list[float]]] = {name: {"cpu": [], "bytes": []} for name in LAYOUTS}
    for number, name in track(
        list(itertools.product(range(rounds), LAYOUTS)), "COPY by set of keys", transient=True
    ):
        until = datetime.now(UTC)
        data = list(rows(events, user_count=USERS, until=until, days=SPAN_DAYS, seed=number + 1))
        with postgres(settings) as url:
            cpu, size = asyncio.run(_measure_layout(url, name, data))
        found[name]["cpu"].append(cpu / events * 1e6)
        found[name]["bytes"].append(size / events)
    return {
        name: {
            "cpu_us_per_event": statistics.median(values["cpu"]),
            "cpu_ratio": statistics.median(
                mine / before
                for mine, before in zip(values["cpu"], found[BEFORE]["cpu"], strict=True)
            ),
            "index_bytes_per_event": statistics.median(values["bytes"]),
        }
        for name, values in found.items()
    }


async def _measure_layout(url: str, name: str, data: list[tuple[Any, ...]]) -> tuple[float, float]:
    """CPU seconds, and bytes of indexes."""
    connection = await connect(url)
    statements, each = LAYOUTS[name]
    partitions = [row[0] for row in await connection.fetch(PARTITIONS)]
    for statement in statements:
        await connection.execute(statement)
    for partition, statement in itertools.product(partitions, each):
        await connection.execute(statement.format(p=partition))
    empty = await _size(connection, name)
    cpu = await _copy(connection, data, keeps_ids=name == IDENTITY_TABLE)
    size = await _size(connection, name) - empty
    await connection.close()
    return cpu, size


async def _size(connection: asyncpg.Connection, name: str) -> float:
    size = await connection.fetchval(SIZE, "activity_event")
    if name == IDENTITY_TABLE:
        size += await connection.fetchval("SELECT pg_total_relation_size('event_identity')")
    return float(size)


async def _copy(
    connection: asyncpg.Connection, data: list[tuple[Any, ...]], *, keeps_ids: bool
) -> float:
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    before = cpu_seconds(pid) + time.process_time()
    for offset in range(0, len(data), CHUNK):
        chunk = data[offset : offset + CHUNK]
        async with connection.transaction():
            await connection.copy_records_to_table("activity_event", records=chunk, columns=COLUMNS)
            if keeps_ids:
                await connection.copy_records_to_table(
                    "event_identity", records=[(row[0], row[2], row[1]) for row in chunk]
                )
    return cpu_seconds(pid) + time.process_time() - before


def event_rows(kind: str, seed: int, count: int, batch: int) -> Iterator[list[EventRow]]:
    """Batches of one user each."""
    chance = random.Random(seed)
    until = datetime.now(UTC)
    source = rows(count * batch, user_count=USERS, until=until, days=1, seed=seed)
    for _ in range(count):
        chunk = list(itertools.islice(source, batch))
        email = f"user{chance.randrange(USERS)}@{KINDS.index(kind)}.example.com"
        yield [
            EventRow._make(
                (
                    *(place, email, row[1], _id(kind, row[1], chance)),
                    *row[3:14],
                    *(until, TimeBasis.GIVEN, ()),
                )
            )
            for place, row in enumerate(chunk)
        ]


def _id(kind: str, at: datetime, chance: random.Random) -> UUID:
    if kind == "UUIDv4":
        return UUID(int=chance.getrandbits(128), version=4)
    far = timedelta(days=62 if kind == "UUIDv7 of another month" else 0)
    return uuid7(at - far, chance.getrandbits(RANDOM_BITS))


def measure_kinds(settings: Settings, rounds: int) -> dict[str, Any]:
    """CPU an event by the kind of its id, on the whole way from prepared rows to the commit."""
    with postgres(settings) as url:
        found = asyncio.run(_measure_kinds(url, settings, rounds))
    return {
        name: {
            kind: {
                "cpu_us_per_event": statistics.median(values),
                "cpu_ratio": statistics.median(
                    mine / home for mine, home in zip(values, by_kind[KINDS[0]], strict=True)
                ),
            }
            for kind, values in by_kind.items()
        }
        for name, by_kind in found.items()
    }


async def _measure_kinds(
    url: str, settings: Settings, rounds: int
) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {
        name: {kind: [] for kind in KINDS} for name in GROUPS
    }
    database = Database(url, settings)
    connections = {kind: await database.connect_writer() for kind in KINDS}
    known = {kind: UserCache(settings) for kind in KINDS}
    seeds = itertools.count(1)
    tasks = list(itertools.product(range(rounds + 1), GROUPS, KINDS))
    for number, name, kind in track(tasks, "write path by kind of id", transient=True):
        requests, batch = GROUPS[name]
        groups = [
            # Each kind has users of its own: those who have strays are looked up more.
            list(event_rows(kind, next(seeds), requests, batch))
            for _ in range(GROUPS_EACH)
        ]
        connection = connections[kind]
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        before = cpu_seconds(pid) + time.process_time()
        for group in groups:
            await write_group(connection, group, known[kind], expect_new=True)
        cpu = cpu_seconds(pid) + time.process_time() - before
        if number:  # the first round warms up
            found[name][kind].append(cpu / (GROUPS_EACH * requests * batch) * 1e6)
    for connection in connections.values():
        await connection.close()
    await database.dispose()
    return found


def show(result: dict[str, Any]) -> None:
    console = Console(width=110)
    table = Table(title="COPY alone, by set of keys (all other indexes are there)")
    for head in ("keys", "CPU us an event", "x before", "index bytes an event"):
        table.add_column(head, justify="left" if head == "keys" else "right")
    for name, row in result["layouts"].items():
        table.add_row(
            name,
            f"{row['cpu_us_per_event']:.1f}",
            f"{row['cpu_ratio']:.2f}",
            f"{row['index_bytes_per_event']:.0f}",
        )
    console.print(table)
    table = Table(title="From prepared rows to the commit, by kind of id")
    for head in ("", "ids", "CPU us an event", "x UUIDv7 of its month"):
        table.add_column(head, justify="right" if head.startswith(("CPU", "x")) else "left")
    for name, kinds in result["kinds"].items():
        for kind, row in kinds.items():
            table.add_row(name, kind, f"{row['cpu_us_per_event']:.1f}", f"{row['cpu_ratio']:.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="of each COPY")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    settings = Settings()
    result = {
        "layouts": measure_layouts(settings, options.events, options.rounds),
        "kinds": measure_kinds(settings, options.rounds),
    }
    show(result)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
