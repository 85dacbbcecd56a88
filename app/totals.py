"""What is counted beside the events, on which levels, and the SQL of it that several share."""

from enum import IntEnum

# The quarter-hour of an `event` in its UTC day, from 0, and as one bit of 96.
SLOT_OF_DAY = (
    "(extract(hour FROM event.event_timestamp AT TIME ZONE 'UTC') * 4"
    " + floor(extract(minute FROM event.event_timestamp AT TIME ZONE 'UTC') / 15))::int"
)
SLOT_BIT = f"set_bit(0::bit(96), {SLOT_OF_DAY}, 1)"

# The quarter-hour of an event.
BUCKET = "date_bin('15 minutes', event_timestamp, '2000-01-01 00:00:00+00')"


class Level(IntEnum):
    """What one row of `activity_rollup` sums up. A kind is type, category, action and device."""

    KIND_QUARTER = 0  # a kind in 15 minutes
    QUARTER = 1  # all kinds in 15 minutes; the texts of the kind are empty
    KIND_DAY = 2  # a kind in a UTC day


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

# Adds a `share` to the totals, in sorted order, as two transactions that upsert the same keys in
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
