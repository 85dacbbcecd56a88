"""A log of many random events of a year, with what is kept beside them, in PostgreSQL and as rows.

Bursts of events of a few hundred users: around midnights and changes of clocks more than elsewhere,
on quarter-hours, at one moment, 30 minutes apart, in sessions of more than a day.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg
import orjson

from app.database.engine import create_engine
from app.database.partitions import ensure_partitions
from app.database.sessions import Database
from app.database.verify_rollups import COUNT_ALL
from app.ingest.insert import COPY_COLUMNS
from app.ingest.summaries import sum_up_days
from app.settings import Settings
from tests.conftest import NOW

EVENTS = 100_000
DAYS = 400
START = NOW - timedelta(days=DAYS)
QUARTER = timedelta(minutes=15)
MICROSECOND = timedelta(microseconds=1)

# Each zone's changes of clocks from START until NOW, UTC.
CHANGES = {
    "UTC": (),
    "Asia/Kolkata": (),
    "Asia/Kathmandu": (),
    "Pacific/Apia": (),
    "Australia/Lord_Howe": ("2026-04-04 15:00", "2026-10-03 15:30"),
    "America/St_Johns": ("2025-11-02 04:30", "2026-03-08 05:30", "2026-11-01 04:30"),
    "Africa/Casablanca": ("2026-02-15 02:00", "2026-03-22 02:00", "2026-09-20 01:00"),
    "Africa/Cairo": ("2025-10-30 21:00", "2026-04-23 22:00", "2026-10-29 21:00"),
    "America/Havana": ("2025-11-02 05:00", "2026-03-08 05:00"),
    "Europe/London": ("2025-10-26 01:00", "2026-03-29 01:00", "2026-10-25 01:00"),
}
USERS = 300
BUSY = [f"u{number:03}@example.com" for number in range(8)]
HIDDEN = [f"u{number:03}@example.com" for number in (7, 50, 51, 52, 53)]
DEVICES = (None, None, "desktop", "mobile", "mobile", "tv")
TYPES = {
    "email_opened": ("email", ("opened",)),
    "email_replied": ("email", ("replied",)),
    "task_opened": ("task", ("opened",)),
    "task_done": ("task", ("done", "closed")),
    "page_viewed": ("navigation", ("viewed",)),
    "project_created": ("project", ("created",)),
    "file_uploaded": ("file", ("uploaded", "created")),
    "zebra": ("other", ("zebra",)),
}


class Made(NamedTuple):
    """An event. Its metadata has the `priority` and the `n` that aren't None."""

    email: str
    at: datetime
    id: UUID
    type: str
    category: str
    action: str
    entity_type: str | None
    entity_id: str | None
    priority: str | None
    n: int | None
    session_id: str | None
    device: str | None
    duration_ms: int | None
    seq: int | None
    received_at: datetime


def change_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Life:
    """When a user is there, and how many of their bursts are sessions."""

    email: str
    start: datetime
    end: datetime


def random_events(seed: int) -> list[Made]:
    """`EVENTS` events, in no order."""
    rng = random.Random(seed)
    lives = [_life(rng, number) for number in range(USERS)]
    changes = [change_of(each) for zone in CHANGES.values() for each in zone]
    sessions: list[tuple[str, str]] = []
    made: list[Made] = []
    while len(made) < EVENTS:
        life = lives[rng.randrange(len(BUSY)) if rng.random() < 0.1 else rng.randrange(USERS)]
        session_id = _session_id(rng, life.email, sessions)
        for at in _burst(rng, life, changes):
            if START <= at < NOW:
                made.append(_event(rng, life.email, at, session_id))
    return made[:EVENTS]


def _life(rng: random.Random, number: int) -> _Life:
    if number < len(BUSY):
        return _Life(BUSY[number], START, NOW)
    start = START + rng.random() * (NOW - START)
    length = timedelta(days=rng.choice((1, 10, 60, DAYS)))
    return _Life(f"u{number:03}@example.com", start, min(start + length, NOW))


def _session_id(rng: random.Random, email: str, sessions: list[tuple[str, str]]) -> str | None:
    chance = rng.random()
    if chance < 0.1:
        return None
    if chance < 0.12 and sessions:
        return rng.choice(sessions)[1]  # most likely another user's, too
    if chance < 0.15 and email in BUSY:
        # One that goes on after months.
        return rng.choice(
            [session_id for whose, session_id in sessions if whose == email] or [None]
        )
    sessions.append((email, f"s{len(sessions)}"))
    return sessions[-1][1]


def _burst(rng: random.Random, life: _Life, changes: list[datetime]) -> Iterator[datetime]:
    at = life.start + rng.random() * (life.end - life.start)
    near = rng.random()
    if near < 0.2:
        change = rng.choice(changes)
        if life.start <= change <= life.end:
            at = change - timedelta(hours=3) + rng.random() * timedelta(hours=4)
    elif near < 0.4:
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight - rng.random() * timedelta(hours=1)
    is_busy = life.email in BUSY
    pauses = timedelta(hours=14) if rng.random() < 0.03 else timedelta(minutes=20)
    for _ in range(rng.randint(30, 90) if is_busy else rng.randint(1, 24)):
        yield at
        if rng.random() < 0.2:
            continue  # and another at this moment
        chance = rng.random()
        if chance < 0.15:
            at += timedelta(minutes=30)
        elif chance < 0.2:
            at += timedelta(minutes=30, microseconds=1)
        elif chance < 0.3:
            at += -(at - NOW) % QUARTER
        elif chance < 0.8:
            at += rng.random() * timedelta(minutes=2)
        else:
            at += rng.random() * pauses


def _event(rng: random.Random, email: str, at: datetime, session_id: str | None) -> Made:
    type_ = rng.choices(tuple(TYPES), weights=range(8, 0, -1))[0]
    category, actions = TYPES[type_]
    has_entity = rng.random() < 0.4
    return Made(
        email=email,
        at=at,
        id=UUID(int=rng.getrandbits(128)),
        type=type_,
        category=category,
        action=rng.choice(actions),
        entity_type=rng.choice(("task", "project", "file")) if has_entity else None,
        entity_id=f"e{int(rng.triangular(0, 40, 0))}" if has_entity else None,
        priority=rng.choice(("high", "low", None)),
        n=rng.choice((None, *range(12))),
        session_id=session_id if rng.random() < 0.95 else None,
        device=rng.choice(DEVICES),
        duration_ms=int(rng.expovariate(1 / 3000)) if rng.random() < 0.3 else None,
        # Few of each, so that of one moment every part of the order has to decide.
        seq=rng.choice((None, None, 0, 1, 2)),
        received_at=NOW + rng.randrange(3) * MICROSECOND,
    )


async def store_all(url: str, events: list[Made]) -> None:
    """By COPY, then all that is kept beside them is counted."""
    settings = Settings(database_url=url, retention_days=DAYS)
    engine = create_engine(url, settings, pooled=False, server_settings={})
    async with engine.begin() as transaction:
        await ensure_partitions(transaction, settings, NOW)
    await engine.dispose()
    connection = await asyncpg.connect(url)
    users = await connection.fetch(
        "INSERT INTO app_user (email, analytics_opt_out, counted)"
        " SELECT email, email = ANY($2), email <> ALL($2) FROM unnest($1::text[]) AS email"
        " RETURNING email, id",
        sorted({event.email for event in events}),
        HIDDEN,
    )
    ids = dict(users)
    await connection.copy_records_to_table(
        "activity_event",
        records=[_record(event, ids[event.email]) for event in events],
        columns=COPY_COLUMNS,
    )
    await connection.execute("ANALYZE activity_event")
    for statement in COUNT_ALL:
        await connection.execute(statement)
    database = Database(url, settings)
    await sum_up_days(database, NOW)
    await database.dispose()
    await connection.execute("ANALYZE")
    await connection.close()


def _record(event: Made, user_id: int) -> tuple[object, ...]:
    metadata = {"priority": event.priority, "n": event.n}
    given = {
        "user_id": user_id,
        "event_timestamp": event.at,
        "event_id": event.id,
        "event_type": event.type,
        "event_category": event.category,
        "event_action": event.action,
        "entity_type": event.entity_type,
        "entity_id": event.entity_id,
        "event_metadata": orjson.dumps(
            {key: value for key, value in metadata.items() if value is not None}
        ).decode(),
        "session_id": event.session_id,
        "session_seq": event.seq,
        "device_type": event.device,
        "context_snapshot": None,
        "duration_ms": event.duration_ms,
        "received_at": event.received_at,
    }
    return tuple(given[name] for name in COPY_COLUMNS)
