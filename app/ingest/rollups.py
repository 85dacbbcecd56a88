"""Rollups, counted from the rows that were actually inserted.

`activity_rollup` counts events per 15 minutes of UTC, from which the hours and days of every time
zone are composed; `activity_user_day` marks the quarter-hours of a UTC day in which a user was
active; `activity_session` stores start and end of each session.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import itemgetter

import asyncpg

from app.database.rollup_kinds import OTHER, DayKind, RollupKindCache, add_kinds, midnight
from app.database.rollup_sql import ADD_TO_ROLLUPS, GROW_SESSION, GROW_USER_DAY
from app.ingest.rows import EventRow
from app.ingest.users import Users

SLOTS_PER_DAY = 96
SLOT_MINUTES = 15

RollupKey = tuple[datetime, str, str, str, str]

SessionKey = tuple[int, str]

UPSERT_ROLLUPS = f"""
WITH share AS (
  SELECT * FROM unnest(
    $1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[],
    $6::bigint[], $7::bigint[], $8::bigint[]
  ) AS given (bucket, event_type, event_category, event_action, device_type,
    events, timed, duration_ms)
)
{ADD_TO_ROLLUPS}
"""  # noqa: S608 (ours)

UPSERT_USER_DAYS = f"""
INSERT INTO activity_user_day (user_id, day, slots)
SELECT user_id, day, slots::bit(96)
FROM unnest($1::bigint[], $2::date[], $3::text[]) AS given (user_id, day, slots)
{GROW_USER_DAY}
"""  # noqa: S608 (ours)

UPSERT_SESSIONS = f"""
INSERT INTO activity_session AS kept (user_id, session_id, started_at, ended_at, events, is_long)
SELECT user_id, session_id, started_at, ended_at, events,
  ended_at - started_at > interval '1 day'
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[])
  AS given (user_id, session_id, started_at, ended_at, events)
{GROW_SESSION}
"""  # noqa: S608 (ours)


@dataclass(slots=True)
class Session:
    """Data about one session from a set of rows."""

    started_at: datetime
    ended_at: datetime
    events: int


@dataclass(slots=True)
class RollupDelta:
    """Changes of the rollups by a set of rows."""

    rollups: dict[RollupKey, list[int]] = field(default_factory=dict)
    user_days: dict[tuple[int, date], int] = field(default_factory=dict)
    sessions: dict[SessionKey, Session] = field(default_factory=dict)

    def add(self, rows: Iterable[EventRow], users: Users) -> None:
        rollups, user_days, sessions = self.rollups, self.user_days, self.sessions
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
            user_id = users[row.user_email].id
            day = (user_id, at.date())
            bit = 1 << (SLOTS_PER_DAY - 1 - at.hour * 4 - quarter)
            user_days[day] = user_days.get(day, 0) | bit
            if row.session_id is None:
                continue
            session = sessions.get((user_id, row.session_id))
            if session is None:
                sessions[user_id, row.session_id] = Session(at, at, 1)
                continue
            session.events += 1
            if at > session.ended_at:
                session.ended_at = at
            elif at < session.started_at:
                session.started_at = at

    async def write(self, connection: asyncpg.Connection, known: RollupKindCache) -> set[DayKind]:
        """Add the tally to the tables, last before the commit. Returns kinds that have a row of
        their own once it is committed, and were not known to have one.

        In sorted order, as two transactions that upsert the same keys in different orders would
        deadlock; last, as the rows stay locked until the commit.
        """
        if self.sessions:
            sessions = sorted(self.sessions.items(), key=itemgetter(0))
            await connection.execute(
                UPSERT_SESSIONS,
                [user_id for (user_id, _), _ in sessions],
                [session_id for (_, session_id), _ in sessions],
                [session.started_at for _, session in sessions],
                [session.ended_at for _, session in sessions],
                [session.events for _, session in sessions],
            )
        days = sorted(self.user_days.items())
        await connection.execute(
            UPSERT_USER_DAYS,
            [user_id for (user_id, _), _ in days],
            [day for (_, day), _ in days],
            [f"{bits:096b}" for _, bits in days],
        )
        added = await self._sort_out_kinds(connection, known)
        totals = sorted(self.rollups.items())
        await connection.execute(
            UPSERT_ROLLUPS,
            *([key[part] for key, _ in totals] for part in range(5)),
            *([counts[part] for _, counts in totals] for part in range(3)),
        )
        return added

    async def _sort_out_kinds(
        self, connection: asyncpg.Connection, known: RollupKindCache
    ) -> set[DayKind]:
        """Count as `other` what its day has no room for (`app/database/rollup_kinds.py`)."""
        kinds = {key: (midnight(key[0]), *key[1:]) for key in self.rollups}
        missing = known.missing(kinds.values())
        if not missing:
            return missing
        added = await add_kinds(connection.fetch, missing, known.per_day)
        missing -= added
        for key, kind in kinds.items() if missing else ():
            if kind in missing:
                others = self.rollups.setdefault((key[0], *OTHER), [0, 0, 0])
                for part, count in enumerate(self.rollups.pop(key)):
                    others[part] += count
        return added
