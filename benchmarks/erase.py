"""A user of a million events is erased while their events, and those of others, go on arriving.

`python -m benchmarks.erase [--events N] [--json]` (make bench-erase). On a PostgreSQL of its own; a
service takes 500 events a second, every second batch of them of the user who is being erased.
Afterwards everything is counted again: nothing of the user is left but what is newer than the
erasure, the other user's analytics have grown by what was acknowledged, and the totals equal a
recount.
"""

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import orjson
import uvloop
from rich.console import Console
from rich.table import Table

from activity_events.uuid7 import uuid7
from app.database.engine import create_engine
from app.database.verify_rollups import COUNT_ALL, verify_rollups
from app.settings import Settings
from benchmarks.ingest import service
from benchmarks.load import Load, post, run
from benchmarks.server import postgres

EVENTS = 1_000_000
DAYS = 300
BATCH, BATCHES_PER_SECOND = 10, 50.0
BEFORE_SECONDS, DURING_SECONDS = 10, 60
GONE, OTHER = "gone@example.com", "other@example.com"

FILL = """
INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type, event_category,
  event_action, event_metadata, session_id, device_type, received_at)
SELECT u.id, now() - interval '1 hour' - n * interval '1 second' * {step}, gen_random_uuid(),
  (ARRAY['project_opened', 'email_opened', 'page_viewed'])[1 + n % 3], 'project', 'opened',
  '{{"priority": "high"}}', 's' || n / 50, 'desktop', now()
FROM app_user AS u, generate_series(0, {events} - 1) AS n WHERE u.email = '{email}'
"""

console = Console(width=100)


async def fill(url: str, events: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO app_user (email) SELECT unnest($1::text[])", [GONE, OTHER]
    )
    for email, count in ((GONE, events), (OTHER, events // 100)):
        step = DAYS * 86400 / count
        await connection.execute(FILL.format(step=step, events=count, email=email))
    for statement in (*COUNT_ALL, "VACUUM ANALYZE", "CHECKPOINT"):
        await connection.execute(statement)
    await connection.close()


def batches(seconds: int) -> list[bytes]:
    """Events of now, of both in turn; each is another one."""
    now = datetime.now(UTC)
    made = []
    for number in range(int(BATCHES_PER_SECOND * seconds)):
        at = now - timedelta(seconds=30) + timedelta(milliseconds=number)
        events = [
            {
                "event_type": "page_viewed",
                "event_id": str(uuid7(at)),
                "event_timestamp": at.isoformat(),
                "metadata": {"n": number},
            }
            for _ in range(BATCH)
        ]
        body = {"user_email": (GONE, OTHER)[number % 2], "events": events}
        made.append(post("/api/events/log/batch", orjson.dumps(body)))
    return made


async def measure(url: str, port: int) -> dict[str, Any]:
    base = f"http://127.0.0.1:{port}/api"

    async def total(client: httpx.AsyncClient) -> int:
        params: dict[str, str | int] = {"user_email": OTHER, "days": 365}
        answer = await client.get(f"{base}/events/analytics", params=params)
        return int(answer.json()["total_events"])

    async with httpx.AsyncClient(timeout=600) as client:
        others = await total(client)
        before = await run(
            [port], batches(BEFORE_SECONDS), concurrency=16, per_second=BATCHES_PER_SECOND
        )
        load = asyncio.create_task(
            run([port], batches(DURING_SECONDS), concurrency=16, per_second=BATCHES_PER_SECOND)
        )
        await asyncio.sleep(1)
        started = time.perf_counter()
        answer = await client.delete(f"{base}/privacy/user", params={"user_email": GONE})
        seconds = time.perf_counter() - started
        during = await load
        assert answer.status_code == 200, answer.text
        receipt = answer.json()
        sent = sum(each.statuses.get(200, 0) for each in (before, during)) // 2 * BATCH
        grown = await total(client) - others
    for each in (before, during):
        assert set(each.statuses) == {200}, each.statuses
    return {
        "seconds": seconds,
        "deleted": receipt["deleted"],
        "remaining": receipt["remaining"],
        "others_exact": grown == sent,
        "p50_before_ms": before.percentile(0.5),
        "p99_before_ms": before.percentile(0.99),
        **_meanwhile(during, seconds),
        **await recount(url, datetime.fromisoformat(receipt["erased_at"])),
    }


def _meanwhile(load: Load, seconds: float) -> dict[str, float]:
    """The latencies of what was sent while the erasure ran; the load went on longer."""
    sent = int((seconds + 1) * BATCHES_PER_SECOND)
    cut = Load(latencies_ms=load.latencies_ms[:sent])
    return {"p50_during_ms": cut.percentile(0.5), "p99_during_ms": cut.percentile(0.99)}


async def recount(url: str, erased_at: datetime) -> dict[str, Any]:
    """What is found afterwards, by SQL that none of the service's code has a hand in."""
    connection = await asyncpg.connect(url)
    left = await connection.fetchval(
        "SELECT count(*) FROM activity_event WHERE event_timestamp <= $1 AND user_id NOT IN"
        " (SELECT id FROM app_user WHERE email = $2)",
        erased_at,
        OTHER,
    )
    await connection.close()
    engine = create_engine(url, Settings(), pooled=False, server_settings={})
    async with engine.connect() as session:
        checks = await verify_rollups(session)
    await engine.dispose()
    return {"left": left, "totals_exact": all(check.ok for check in checks)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="of the user who is erased")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on one line")
    options = parser.parse_args()
    with postgres(Settings()) as url:
        with console.status(f"filling with {options.events:,} events"):
            asyncio.run(fill(url, options.events))
        with service(url) as target:
            found = uvloop.run(measure(url, target.port))
    table = Table(title=f"A user of {options.events:,} events is erased; 500 events/s come")
    for head in ("", "before", "meanwhile"):
        table.add_column(head, justify="right" if head else "left")
    for name in ("p50", "p99"):
        row = (f"{found[f'{name}_before_ms']:.1f}", f"{found[f'{name}_during_ms']:.1f}")
        table.add_row(f"{name} ms", *row)
    console.print(table)
    console.print(
        f"{found['deleted']['activity_event']:,} events in {found['seconds']:.1f} s; left of them: "
        f"{found['left']}; the other user's analytics exact: {found['others_exact']}; totals equal "
        f"a recount: {found['totals_exact']}"
    )
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
