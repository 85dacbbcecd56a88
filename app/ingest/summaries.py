"""Days of one user that are over, summed up, so that reading them need not read their events.

A write that touches a day takes its summary away in its own transaction, and the row of the
user-day is locked while it is summed up: a summary that is there is true.
"""

from datetime import datetime

from sqlalchemy import text

from app.database.rollup_sql import LOCK_USER_DAYS, SLOT_OF_DAY, of_each_user
from app.database.sessions import Database

# Below this, the events themselves are read as fast.
EVENTS_MIN = 32
# Of a user's day; the kinds with the fewest events are summed up together, their texts empty.
KINDS_MAX = 200
DAYS_AT_ONCE = 500

NEXT_DAYS = text(
    """
    SELECT user_id, day FROM activity_user_day
    WHERE summary IS NULL AND day < CAST(:today AS date)
    ORDER BY day LIMIT :at_most
    """
)

# Of user-days that were `touched`, as JSON: `slots` has the events of each of the 96 quarter-hours,
# `kinds` rows of type, category, action, device (empty for none), events, timed, duration_ms, of
# which one without a type has all kinds that are not listed.
COUNT_DAYS = f"""
grouped AS (
  SELECT touched.user_id, touched.day, {SLOT_OF_DAY} AS slot,
    event_type, event_category, event_action, coalesce(device_type, '') AS device_type,
    count(*) AS events, count(duration_ms) AS timed, coalesce(sum(duration_ms), 0) AS duration_ms
  FROM touched JOIN activity_event AS event ON event.user_id = touched.user_id
    AND event.event_timestamp >= touched.day::timestamp AT TIME ZONE 'UTC'
    AND event.event_timestamp < (touched.day + 1)::timestamp AT TIME ZONE 'UTC'
  GROUP BY 1, 2, 3, 4, 5, 6, 7
), enough AS (
  SELECT user_id, day, sum(events) >= {EVENTS_MIN} AS is_enough FROM grouped GROUP BY user_id, day
), kinds AS (
  SELECT user_id, day, json_agg(json_build_array(event_type, event_category, event_action,
    device_type, events, timed, duration_ms)
    ORDER BY event_type, event_category, event_action, device_type) AS kinds
  FROM (
    SELECT user_id, day,
      CASE WHEN is_listed THEN event_type ELSE '' END AS event_type,
      CASE WHEN is_listed THEN event_category ELSE '' END AS event_category,
      CASE WHEN is_listed THEN event_action ELSE '' END AS event_action,
      CASE WHEN is_listed THEN device_type ELSE '' END AS device_type,
      sum(events) AS events, sum(timed) AS timed, sum(duration_ms) AS duration_ms
    FROM (
      SELECT by_kind.*, row_number() OVER (
        PARTITION BY user_id, day
        ORDER BY events DESC, event_type, event_category, event_action, device_type
      ) <= {KINDS_MAX} AS is_listed
      FROM (
        SELECT user_id, day, event_type, event_category, event_action, device_type,
          sum(events) AS events, sum(timed) AS timed, sum(duration_ms) AS duration_ms
        FROM grouped JOIN enough USING (user_id, day) WHERE is_enough
        GROUP BY 1, 2, 3, 4, 5, 6
      ) AS by_kind
    ) AS ranked GROUP BY 1, 2, 3, 4, 5, 6
  ) AS listed GROUP BY user_id, day
), slots AS (
  SELECT user_id, day, json_agg(coalesce(by_slot.events, 0) ORDER BY slot) AS slots
  FROM enough CROSS JOIN generate_series(0, 95) AS slot LEFT JOIN (
    SELECT user_id, day, slot, sum(events) AS events FROM grouped GROUP BY 1, 2, 3
  ) AS by_slot USING (user_id, day, slot)
  WHERE is_enough GROUP BY user_id, day
), counted AS (
  SELECT user_id, day, CASE WHEN is_enough
    THEN json_build_object('slots', slots.slots, 'kinds', kinds.kinds)
    ELSE json 'null' END AS summary
  FROM enough LEFT JOIN kinds USING (user_id, day) LEFT JOIN slots USING (user_id, day)
)
"""  # noqa: S608 (ours)

SUM_UP = text(
    f"""
    WITH touched AS (
      SELECT * FROM unnest(CAST(:users AS bigint[]), CAST(:days AS date[])) AS given (user_id, day)
    ), {COUNT_DAYS}
    UPDATE activity_user_day AS kept SET summary = counted.summary
    FROM counted WHERE kept.user_id = counted.user_id AND kept.day = counted.day
    """  # noqa: S608 (ours)
)


async def sum_up_days(database: Database, now: datetime) -> int:
    """Summarize all past user-days that have no summary; return their number.

    It runs in transactions of bounded size, which wait for writers of their days.
    """
    done = 0
    while some := await _sum_up_some(database, now):
        done += some
        if some < DAYS_AT_ONCE:
            break
    return done


async def _sum_up_some(database: Database, now: datetime) -> int:
    async with database.transaction() as session:
        found = await session.execute(NEXT_DAYS, {"today": now.date(), "at_most": DAYS_AT_ONCE})
        keys = sorted((user_id, day) for user_id, day in found)
        if keys:
            await session.execute(LOCK_USER_DAYS, of_each_user(keys, "days"))
            await session.execute(
                SUM_UP,
                {"users": [user_id for user_id, _ in keys], "days": [day for _, day in keys]},
            )
        return len(keys)
