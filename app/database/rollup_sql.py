"""Levels of the rollups, and SQL that several statements share."""

from collections.abc import Iterable
from datetime import timedelta
from enum import IntEnum
from itertools import groupby
from typing import Any

from sqlalchemy import text

QUARTER_HOUR = timedelta(minutes=15)

# The quarter-hour of an `event` in its UTC day, from 0, and as one bit of 96.
SLOT_OF_DAY = (
    "(extract(hour FROM event.event_timestamp AT TIME ZONE 'UTC') * 4"
    " + floor(extract(minute FROM event.event_timestamp AT TIME ZONE 'UTC') / 15))::int"
)
SLOT_BIT = f"set_bit(0::bit(96), {SLOT_OF_DAY}, 1)"

# The quarter-hour of an event.
BUCKET = "date_bin('15 minutes', event_timestamp, '2000-01-01 00:00:00+00')"


class Level(IntEnum):
    """The level of a row of `activity_rollup`. A kind is type, category, action and device."""

    KIND_QUARTER = 0  # a kind in 15 minutes
    QUARTER = 1  # all kinds in 15 minutes; the texts of the kind are empty
    KIND_DAY = 2  # a kind in a UTC day


# What was `counted` by quarter-hour and kind, as a `share`: kinds that have no row of their own on
# KIND_DAY are one, whose texts are empty (`app/database/rollup_kinds.py`).
SHARE = f"""
share AS (
  SELECT counted.bucket,
    coalesce(own.event_type, '') AS event_type, coalesce(own.event_category, '') AS event_category,
    coalesce(own.event_action, '') AS event_action, coalesce(own.device_type, '') AS device_type,
    sum(counted.events)::bigint AS events, sum(counted.timed)::bigint AS timed,
    sum(counted.duration_ms)::bigint AS duration_ms
  FROM counted LEFT JOIN activity_rollup AS own ON own.level = {Level.KIND_DAY}
    AND own.bucket = date_bin('1 day', counted.bucket, '2000-01-01 00:00:00+00')
    AND own.event_type = counted.event_type AND own.event_category = counted.event_category
    AND own.event_action = counted.event_action AND own.device_type = counted.device_type
  GROUP BY 1, 2, 3, 4, 5
)
"""  # noqa: S608 (numbers of ours)

# The rows of a `share`, which are those of KIND_QUARTER without their level, on every level.
SHARE_BY_LEVEL = f"""
SELECT {Level.KIND_QUARTER} AS level, bucket, event_type, event_category, event_action, device_type,
  events, timed, duration_ms
FROM share
UNION ALL
SELECT {Level.QUARTER}, bucket, '', '', '', '',
  sum(events)::bigint, sum(timed)::bigint, sum(duration_ms)::bigint
FROM share GROUP BY bucket
UNION ALL
SELECT {Level.KIND_DAY}, date_bin('1 day', bucket, '2000-01-01 00:00:00+00') AS bucket, event_type,
  event_category, event_action, device_type,
  sum(events)::bigint, sum(timed)::bigint, sum(duration_ms)::bigint
FROM share
GROUP BY date_bin('1 day', bucket, '2000-01-01 00:00:00+00'), event_type, event_category,
  event_action, device_type
"""  # noqa: S608 (numbers of ours)

# Adds a `share` to the rollups, in sorted order, as two transactions that upsert the same keys in
# different orders would deadlock.
ADD_TO_ROLLUPS = f"""
INSERT INTO activity_rollup
  (level, bucket, event_type, event_category, event_action, device_type, events, timed, duration_ms)
{SHARE_BY_LEVEL}
ORDER BY 1, 2, 3, 4, 5, 6
ON CONFLICT (level, bucket, event_type, event_category, event_action, device_type) DO UPDATE SET
  events = activity_rollup.events + excluded.events,
  timed = activity_rollup.timed + excluded.timed,
  duration_ms = activity_rollup.duration_ms + excluded.duration_ms
"""

# Ends an insert into `activity_session AS kept`: what it says of a session is added to it.
GROW_SESSION = """
ON CONFLICT (user_id, session_id) DO UPDATE SET
  started_at = least(kept.started_at, excluded.started_at),
  ended_at = greatest(kept.ended_at, excluded.ended_at),
  events = kept.events + excluded.events,
  is_long = greatest(kept.ended_at, excluded.ended_at)
    - least(kept.started_at, excluded.started_at) > interval '1 day'
"""

# Ends an insert into `activity_user_day`. What was summed up of the day is no longer true.
GROW_USER_DAY = """
ON CONFLICT (user_id, day) DO UPDATE SET
  slots = activity_user_day.slots | excluded.slots, summary = NULL
"""

# The user-days of one user, until the transaction ends: Citus locks no rows that may lie on several
# workers.
LOCK_USER_DAYS = text(
    "SELECT 1 FROM activity_user_day WHERE user_id = :user_id AND day = ANY(CAST(:days AS date[]))"
    " ORDER BY day FOR UPDATE"
)


def of_each_user(keys: Iterable[tuple[int, Any]], name: str) -> list[dict[str, Any]]:
    """Return parameters of a statement for one user at a time; the second parts go under `name`.

    Args:
        keys: in sorted order, in which locks have to be taken.
    """
    by_user = groupby(keys, key=lambda key: key[0])
    return [{"user_id": user_id, name: [key[1] for key in each]} for user_id, each in by_user]
