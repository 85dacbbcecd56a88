"""The totals that are kept beside the events, counted from the rows that were really inserted.

`activity_rollup` counts events per 15 minutes of UTC, of which every time zone's hours and days
are made; `activity_user_day` marks the quarter-hours of a UTC day in which a user was active.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

import asyncpg

from app.ingest.rows import EventRow
from app.ingest.users import Users
from app.models import ADD_TO_ROLLUP

SLOTS_PER_DAY = 96
SLOT_MINUTES = 15

RollupKey = tuple[datetime, str, str, str, str]

UPSERT_ROLLUPS = f"""
INSERT INTO activity_rollup
  (bucket, event_type, event_category, event_action, device_type, events, timed, duration_ms)
SELECT * FROM unnest(
  $1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[],
  $6::bigint[], $7::bigint[], $8::bigint[])
{ADD_TO_ROLLUP}
"""  # noqa: S608 (ours)

UPSERT_USER_DAYS = """
INSERT INTO activity_user_day (user_id, day, slots)
SELECT user_id, day, slots::bit(96)
FROM unnest($1::bigint[], $2::date[], $3::text[]) AS given (user_id, day, slots)
ON CONFLICT (user_id, day) DO UPDATE SET slots = activity_user_day.slots | excluded.slots
"""


@dataclass(slots=True)
class Tally:
    """What a set of rows adds to the totals."""

    rollups: dict[RollupKey, list[int]] = field(default_factory=dict)
    user_days: dict[tuple[int, date], int] = field(default_factory=dict)

    def add(self, rows: Iterable[EventRow], users: Users) -> None:
        rollups, user_days = self.rollups, self.user_days
        for row in rows:
            at = row.event_timestamp
            quarter = at.minute // SLOT_MINUTES
            key = (
                at.replace(minute=quarter * SLOT_MINUTES, second=0, microsecond=0),
                row.event_type,
                row.event_category,
                row.event_action,
                row.device_type or "",
            )
            counts = rollups.get(key)
            if counts is None:
                counts = rollups[key] = [0, 0, 0]
            counts[0] += 1
            if row.duration_ms is not None:
                counts[1] += 1
                counts[2] += row.duration_ms
            day = (users[row.user_email].id, at.date())
            bit = 1 << (SLOTS_PER_DAY - 1 - at.hour * 4 - quarter)
            user_days[day] = user_days.get(day, 0) | bit

    async def write(self, connection: asyncpg.Connection) -> None:
        """Adds the tally to the tables, last before the commit.

        In sorted order, as two transactions that upsert the same keys in different orders would
        deadlock; last, as the rows stay locked until the commit.
        """
        days = sorted(self.user_days.items())
        await connection.execute(
            UPSERT_USER_DAYS,
            [user_id for (user_id, _), _ in days],
            [day for (_, day), _ in days],
            [f"{bits:096b}" for _, bits in days],
        )
        totals = sorted(self.rollups.items())
        await connection.execute(
            UPSERT_ROLLUPS,
            *([key[part] for key, _ in totals] for part in range(5)),
            *([counts[part] for _, counts in totals] for part in range(3)),
        )
