"""Realistic events, the same for the same seed: power-law users, daily rhythm, sessions.

The shape of a row is `COLUMNS`, in the order of the table, ready for a binary COPY.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from activity_events.uuid7 import RANDOM_BITS, uuid7
from app.models import EVENT_COLUMNS
from app.schemas.event_types import KNOWN_TYPES

COLUMNS = tuple(EVENT_COLUMNS)
EVENTS_PER_SESSION = 12
PARETO_SHAPE = 1.16  # four fifths of the events come from one fifth of the users
# Local hour -> how much happens in it: a working day with a lunch break, and a quiet night.
RHYTHM = (1, 1, 1, 1, 1, 2, 4, 10, 25, 40, 45, 40, 25, 35, 45, 42, 35, 25, 15, 10, 8, 6, 4, 2)
DEVICES = ("desktop", "desktop", "desktop", "mobile", "tablet")


def users(count: int, seed: int, share_max: float = 1.0) -> list[float]:
    """How active each user is; user 1, the first, is the busiest, with this share at most."""
    chance = random.Random(seed)
    weights = sorted((chance.paretovariate(PARETO_SHAPE) for _ in range(count)), reverse=True)
    most = share_max * sum(weights)
    return [min(weight, most) for weight in weights]


def rows(
    count: int, *, user_count: int, until: datetime, days: int, seed: int = 1
) -> Iterator[tuple[Any, ...]]:
    """`count` rows in order of time, over the `days` before `until`; user ids from 1."""
    chance = random.Random(seed)
    weights = users(user_count, seed)
    ids = range(1, user_count + 1)
    types = list(KNOWN_TYPES.items())
    start = until - timedelta(days=days)
    moments = sorted(_moment(chance, start, days) for _ in range(count))
    sessions: dict[int, tuple[str, int]] = {}
    for at, user_id in zip(moments, chance.choices(ids, weights, k=count), strict=True):
        session_id, seq = sessions.get(user_id, ("", EVENTS_PER_SESSION))
        if seq >= EVENTS_PER_SESSION:
            session_id, seq = f"s-{chance.getrandbits(64):016x}", 0
        sessions[user_id] = (session_id, seq + 1)
        event_type, (category, action) = chance.choice(types)
        yield (
            user_id,
            at,
            uuid7(at, chance.getrandbits(RANDOM_BITS)),
            event_type,
            category,
            action,
            category,
            str(chance.randrange(200)),
            orjson.dumps(metadata(chance)).decode(),
            session_id,
            seq,
            DEVICES[user_id % len(DEVICES)],
            orjson.dumps(context(chance)).decode(),
            chance.randrange(60_000) if chance.random() < 0.3 else None,
            at,
        )


def session_rows(
    count: int, *, weights: Sequence[float], until: datetime, days: int, seed: int
) -> Iterator[tuple[Any, ...]]:
    """Provenance `count` rows, session by session in order of their beginnings.

    A session has `EVENTS_PER_SESSION` events on average, from seconds to minutes apart. Some types
    of events are much more frequent than others. `weights` says how active each user is.
    """
    chance = random.Random(seed)
    types = list(KNOWN_TYPES.items())
    frequencies = [1 / (rank + 2) for rank in range(len(types))]
    start = until - timedelta(days=days)
    sessions = count // EVENTS_PER_SESSION
    moments = sorted(_moment(chance, start, days) for _ in range(sessions))
    ids = range(1, len(weights) + 1)
    for at, user_id in zip(moments, chance.choices(ids, weights, k=sessions), strict=True):
        session_id = f"s-{chance.getrandbits(64):016x}"
        snapshot = orjson.dumps(context(chance)).decode()
        device = DEVICES[(user_id + (chance.random() < 0.1)) % len(DEVICES)]
        length = chance.randint(1, 2 * EVENTS_PER_SESSION - 1)
        chosen = chance.choices(types, frequencies, k=length)
        for seq, (event_type, (category, action)) in enumerate(chosen, 1):
            yield (
                user_id,
                at,
                uuid7(at, chance.getrandbits(RANDOM_BITS)),
                event_type,
                category,
                action,
                category,
                str(chance.randrange(200)),
                orjson.dumps(metadata(chance)).decode(),
                session_id,
                seq,
                device,
                snapshot,
                chance.randrange(60_000) if chance.random() < 0.3 else None,
                at,
            )
            at += timedelta(seconds=chance.expovariate(1 / 60))


def metadata(chance: random.Random) -> dict[str, Any]:
    """Ten keys, about 250 bytes."""
    return {
        "page": f"/projects/{chance.randrange(500)}/board",
        "source": chance.choice(["sidebar", "search", "notification", "shortcut"]),
        "priority": chance.choice(["low", "medium", "high"]),
        "position": chance.randrange(50),
        "items": chance.randrange(1000),
        "is_first": chance.random() < 0.1,
        "variant": chance.choice("ab"),
        "label": f"label-{chance.randrange(20)}",
        "ratio": round(chance.random(), 4),
        "trace": f"{chance.getrandbits(64):016x}",
    }


def context(chance: random.Random) -> dict[str, Any]:
    return {
        "viewport": {"width": chance.choice([390, 1280, 1440, 1920]), "height": 900},
        "open_projects": chance.randrange(9),
        "theme": chance.choice(["dark", "light"]),
    }


def _moment(chance: random.Random, start: datetime, days: int) -> datetime:
    """Weekends at a fifth of a weekday."""
    while True:
        day = start + timedelta(days=chance.randrange(days))
        if day.weekday() < 5 or chance.random() < 0.2:
            break
    hour = chance.choices(range(24), RHYTHM)[0]
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    return midnight + timedelta(hours=hour, microseconds=chance.randrange(3_600_000_000))
