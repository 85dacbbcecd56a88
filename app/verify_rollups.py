"""Do the totals that are kept beside the events equal a recount of the events?"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models import BUCKET, SLOT_BIT
from app.verify import Check

# Differences of one kind are counted, and the first few are shown.
SHOWN_MAX = 5

ROLLUP_DIFFERENCES = text(
    f"""
    WITH counted AS (
      SELECT {BUCKET} AS bucket,
        event_type, event_category, event_action, coalesce(device_type, '') AS device_type,
        count(*) AS events, count(duration_ms) AS timed,
        coalesce(sum(duration_ms), 0) AS duration_ms
      FROM activity_event
      WHERE user_id NOT IN (SELECT id FROM app_user WHERE NOT counted)
      GROUP BY 1, 2, 3, 4, 5
    ), kept AS (
      SELECT * FROM activity_rollup WHERE events <> 0 OR timed <> 0 OR duration_ms <> 0
    )
    SELECT format('%s %s', bucket, event_type), row_to_json(counted)::text, row_to_json(kept)::text
    FROM counted FULL JOIN kept
      USING (bucket, event_type, event_category, event_action, device_type)
    WHERE (counted.events, counted.timed, counted.duration_ms)
      IS DISTINCT FROM (kept.events, kept.timed, kept.duration_ms)
    """  # noqa: S608 (BUCKET is ours)
)

USER_DAY_DIFFERENCES = text(
    f"""
    WITH counted AS (
      SELECT user_id, (event_timestamp AT TIME ZONE 'UTC')::date AS day, bit_or({SLOT_BIT}) AS slots
      FROM activity_event AS event GROUP BY 1, 2
    )
    SELECT format('user %s, %s', user_id, day), counted.slots::text, kept.slots::text
    FROM counted FULL JOIN activity_user_day AS kept USING (user_id, day)
    WHERE counted.slots IS DISTINCT FROM kept.slots
    """  # noqa: S608 (SLOT_BIT is ours)
)


async def verify_rollups(connection: AsyncConnection) -> list[Check]:
    """A check for each of the two tables, or for each of the first differences in it.

    Reads all events, in one snapshot: ingest may go on meanwhile.
    """
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    checks: list[Check] = []
    for table, statement in (
        ("activity_rollup", ROLLUP_DIFFERENCES),
        ("activity_user_day", USER_DAY_DIFFERENCES),
    ):
        rows = (await connection.execute(statement)).all()
        found = f"{len(rows)} differences" if rows else "equal"
        checks.append(Check("recount", table, "equal", found, ok=not rows))
        checks += [
            Check("recount", f"{table}: {where}", str(counted), str(kept), ok=False)
            for where, counted, kept in rows[:SHOWN_MAX]
        ]
    return checks
