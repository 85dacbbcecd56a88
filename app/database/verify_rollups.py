"""Verification of rollups against a recount of the events."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.rollup_sql import BUCKET, SHARE, SHARE_BY_LEVEL, SLOT_BIT
from app.database.verify import Check
from app.ingest.summaries import COUNT_DAYS, KINDS_MAX

# Differences of one kind are counted, and the first few are shown.
SHOWN_MAX = 5

# What each table would hold, made of the events alone, and of which kinds count separately.
_COUNTED = f"""
  SELECT {BUCKET} AS bucket,
    event_type, event_category, event_action, coalesce(device_type, '') AS device_type,
    count(*) AS events, count(duration_ms) AS timed,
    coalesce(sum(duration_ms), 0)::bigint AS duration_ms
  FROM activity_event
  WHERE user_id NOT IN (SELECT id FROM app_user WHERE NOT counted)
  GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 (BUCKET is ours)
ROLLUPS = f"WITH counted AS ({_COUNTED}), {SHARE} {SHARE_BY_LEVEL}"

USER_DAYS = f"""
SELECT user_id, (event_timestamp AT TIME ZONE 'UTC')::date AS day, bit_or({SLOT_BIT}) AS slots
FROM activity_event AS event GROUP BY 1, 2
"""  # noqa: S608 (SLOT_BIT is ours)

SESSIONS = """
SELECT user_id, session_id, min(event_timestamp) AS started_at, max(event_timestamp) AS ended_at,
  count(*) AS events, max(event_timestamp) - min(event_timestamp) > interval '1 day' AS is_long
FROM activity_event WHERE session_id IS NOT NULL GROUP BY user_id, session_id
"""

# Fills the tables where they are empty; each kind counts separately.
COUNT_ALL = (
    f"INSERT INTO activity_rollup (level, bucket, event_type, event_category, event_action,"
    f" device_type, events, timed, duration_ms) WITH share AS ({_COUNTED}) {SHARE_BY_LEVEL}",
    f"INSERT INTO activity_user_day (user_id, day, slots) {USER_DAYS} ORDER BY 2, 1",
    f"INSERT INTO activity_session (user_id, session_id, started_at, ended_at, events, is_long)"
    f" {SESSIONS} ORDER BY 3",
)

ROLLUP_DIFFERENCES = text(
    f"""
    WITH recounted AS ({ROLLUPS}), kept AS (
      SELECT * FROM activity_rollup WHERE events <> 0 OR timed <> 0 OR duration_ms <> 0
    )
    SELECT format('level %s, %s %s', level, bucket, event_type), row_to_json(recounted)::text,
      row_to_json(kept)::text
    FROM recounted FULL JOIN kept
      USING (level, bucket, event_type, event_category, event_action, device_type)
    WHERE (recounted.events, recounted.timed, recounted.duration_ms)
      IS DISTINCT FROM (kept.events, kept.timed, kept.duration_ms)
    """  # noqa: S608 (ours)
)

USER_DAY_DIFFERENCES = text(
    f"""
    WITH counted AS ({USER_DAYS})
    SELECT format('user %s, %s', user_id, day), counted.slots::text, kept.slots::text
    FROM counted FULL JOIN activity_user_day AS kept USING (user_id, day)
    WHERE counted.slots IS DISTINCT FROM kept.slots
    """  # noqa: S608 (ours)
)

SUMMARY_DIFFERENCES = text(
    f"""
    WITH touched AS (SELECT user_id, day FROM activity_user_day WHERE summary IS NOT NULL),
    {COUNT_DAYS}
    SELECT format('user %s, %s', user_id, day), counted.summary::text, kept.summary::text
    FROM counted JOIN activity_user_day AS kept USING (user_id, day)
    WHERE counted.summary::text <> kept.summary::text
      -- Longer ones are of an earlier version, and list all kinds.
      AND coalesce(json_array_length(kept.summary -> 'kinds'), 0) <= {KINDS_MAX + 1}
    """  # noqa: S608 (ours)
)

SESSION_DIFFERENCES = text(
    f"""
    WITH counted AS ({SESSIONS})
    SELECT format('user %s, %s', user_id, session_id), row_to_json(counted)::text,
      row_to_json(kept)::text
    FROM counted FULL JOIN activity_session AS kept USING (user_id, session_id)
    WHERE (counted.started_at, counted.ended_at, counted.events, counted.is_long)
      IS DISTINCT FROM (kept.started_at, kept.ended_at, kept.events, kept.is_long)
    """  # noqa: S608 (ours)
)


# A UUIDv7 is one event, however far its times lie apart; an id without a time within a range.
IDENTITY_DIFFERENCES = text(
    """
    SELECT format('user %s, %s', user_id, event_id), '1', count(*)::text
    FROM activity_event WHERE substr(event_id::text, 15, 1) = '7'
    GROUP BY user_id, event_id HAVING count(*) > 1
    """
)


async def verify_rollups(connection: AsyncConnection) -> list[Check]:
    """A check for each of the tables, or for each of the first differences in it.

    Reads all events, in one snapshot: ingestion can continue meanwhile.
    """
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    checks: list[Check] = []
    for table, statement in (
        ("identity", IDENTITY_DIFFERENCES),
        ("activity_rollup", ROLLUP_DIFFERENCES),
        ("activity_user_day", USER_DAY_DIFFERENCES),
        ("summaries", SUMMARY_DIFFERENCES),
        ("activity_session", SESSION_DIFFERENCES),
    ):
        rows = (await connection.execute(statement)).all()
        found = f"{len(rows)} differences" if rows else "equal"
        checks.append(Check("recount", table, "equal", found, ok=not rows))
        checks += [
            Check("recount", f"{table}: {where}", str(counted), str(kept), ok=False)
            for where, counted, kept in rows[:SHOWN_MAX]
        ]
    return checks
