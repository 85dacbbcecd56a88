"""Names (types, ids, devices) in one form, NFC: those stored apart become one.

Reads all events once; writes those alone whose names are in another form, in transactions of
bounded size, while ingest goes on. Users whose addresses are one are merged by
`app.database.migrations` afterwards, at every run.

Revises: 0012
"""

from datetime import datetime
from typing import Any

from alembic import op
from sqlalchemy import Connection, text

from app.database.migration_steps import small_transactions

revision = "0013"
down_revision = "0012"

ROWS_PER_TRANSACTION = 5_000
NAMES = (
    "event_type",
    "event_category",
    "event_action",
    "entity_type",
    "entity_id",
    "session_id",
    "device_type",
)

ENCODING = text("SELECT current_setting('server_encoding')")
MONTHS = text(
    "SELECT generate_series(date_trunc('month', min(event_timestamp), 'UTC'),"
    " max(event_timestamp), interval '1 month') FROM activity_event"
)
# All events are looked at: the lengths alone tell of most that they are ASCII.
OTHER_FORM = " OR ".join(
    f"(octet_length({name}) > char_length({name}) AND {name} IS NOT NFC NORMALIZED)"
    for name in NAMES
)
SELECT_SOME = text(
    f"""
    SELECT user_id, event_timestamp, event_id, session_id, normalize(session_id) AS session,
      (event_timestamp AT TIME ZONE 'UTC')::date AS day
    FROM activity_event
    WHERE event_timestamp >= :start
      AND event_timestamp < CAST(:start AS timestamptz) + interval '1 month'
      AND ({OTHER_FORM})
    LIMIT {ROWS_PER_TRANSACTION}
    """  # noqa: S608 (ours)
)
LOCK_USERS = text(
    "SELECT id FROM app_user WHERE id = ANY(CAST(:users AS bigint[])) ORDER BY id FOR SHARE"
)
# Of one user: Citus locks no rows that may lie on several workers.
LOCK_SESSIONS = text(
    "SELECT FROM activity_session WHERE user_id = :user_id"
    " AND session_id = ANY(CAST(:sessions AS text[])) ORDER BY session_id FOR UPDATE"
)
FORGET_SUMMARIES = text(
    "UPDATE activity_user_day SET summary = NULL WHERE user_id = :user_id"
    " AND day = ANY(CAST(:days AS date[]))"
)
CHOSEN = """
  activity_event AS event JOIN unnest(
    CAST(:users AS bigint[]), CAST(:times AS timestamptz[]), CAST(:ids AS uuid[])
  ) AS chosen (user_id, at, id) ON event.user_id = chosen.user_id
    AND event.event_timestamp = chosen.at AND event.event_id = chosen.id
"""
ADD_SESSIONS = text(
    f"""
    INSERT INTO activity_session AS kept
      (user_id, session_id, started_at, ended_at, events, is_long)
    SELECT event.user_id, normalize(session_id), min(event_timestamp), max(event_timestamp),
      count(*), max(event_timestamp) - min(event_timestamp) > interval '1 day'
    FROM {CHOSEN} WHERE session_id IS NOT NFC NORMALIZED
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (user_id, session_id) DO UPDATE SET
      started_at = least(kept.started_at, excluded.started_at),
      ended_at = greatest(kept.ended_at, excluded.ended_at),
      events = kept.events + excluded.events,
      is_long = greatest(kept.ended_at, excluded.ended_at)
        - least(kept.started_at, excluded.started_at) > interval '1 day'
    """  # noqa: S608 (ours)
)
# What the totals lose and gain: on the levels of 15 minutes and of a day by kind. The third one
# has no names.
SHARE = text(
    f"""
    WITH counted AS (
      SELECT event_timestamp, event_type, event_category, event_action,
        coalesce(device_type, '') AS device_type, duration_ms
      FROM {CHOSEN} WHERE event.user_id NOT IN (SELECT id FROM app_user WHERE NOT counted)
    ), both_ways AS (
      SELECT -1 AS sign, * FROM counted UNION ALL
      SELECT 1, event_timestamp, normalize(event_type), normalize(event_category),
        normalize(event_action), normalize(device_type), duration_ms
      FROM counted
    )
    SELECT level, date_bin(width, event_timestamp, '2000-01-01 00:00:00+00') AS bucket,
      event_type, event_category, event_action, device_type, sum(sign) AS events,
      coalesce(sum(sign) FILTER (WHERE duration_ms IS NOT NULL), 0) AS timed,
      coalesce(sum(sign * duration_ms), 0)::bigint AS duration_ms
    FROM both_ways CROSS JOIN (VALUES (0, interval '15 minutes'), (2, interval '1 day'))
      AS levels (level, width)
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
    """  # noqa: S608 (ours)
)
ADD_TO_ROLLUPS = text(
    """
    INSERT INTO activity_rollup (level, bucket, event_type, event_category, event_action,
      device_type, events, timed, duration_ms)
    SELECT * FROM unnest(CAST(:level AS smallint[]), CAST(:bucket AS timestamptz[]),
      CAST(:event_type AS text[]), CAST(:event_category AS text[]), CAST(:event_action AS text[]),
      CAST(:device_type AS text[]), CAST(:events AS bigint[]), CAST(:timed AS bigint[]),
      CAST(:duration_ms AS bigint[]))
    ON CONFLICT (level, bucket, event_type, event_category, event_action, device_type) DO UPDATE
    SET events = activity_rollup.events + excluded.events,
      timed = activity_rollup.timed + excluded.timed,
      duration_ms = activity_rollup.duration_ms + excluded.duration_ms
    """
)
NORMALISE = text(
    f"""
    UPDATE activity_event AS event
    SET {", ".join(f"{name} = normalize({name})" for name in NAMES)}
    FROM unnest(CAST(:users AS bigint[]), CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]))
      AS chosen (user_id, at, id)
    WHERE event.user_id = chosen.user_id AND event.event_timestamp = chosen.at
      AND event.event_id = chosen.id
    """  # noqa: S608 (ours)
)
DROP_EMPTY_SESSIONS = text(
    """
    DELETE FROM activity_session AS kept WHERE user_id = :user_id
      AND session_id = ANY(CAST(:sessions AS text[])) AND NOT EXISTS (
        SELECT FROM activity_event AS event
        WHERE event.user_id = kept.user_id AND event.session_id = kept.session_id)
    """
)
RECOUNT_SESSIONS = text(
    """
    UPDATE activity_session AS kept
    SET started_at = counted.started_at, ended_at = counted.ended_at, events = counted.events,
      is_long = counted.ended_at - counted.started_at > interval '1 day'
    FROM (
      SELECT user_id, session_id, min(event_timestamp) AS started_at,
        max(event_timestamp) AS ended_at, count(*) AS events
      FROM activity_event
      WHERE user_id = :user_id AND session_id = ANY(CAST(:sessions AS text[]))
      GROUP BY user_id, session_id
    ) AS counted
    WHERE kept.user_id = :user_id AND kept.user_id = counted.user_id
      AND kept.session_id = counted.session_id
    """
)
FORGET_PREDICTIONS = text(
    "DELETE FROM served_prediction WHERE array_to_string(event_types, ' ') IS NOT NFC NORMALIZED"
)
# An `İ` was stored as an `i` with a dot above, and is by now itself. Whoever opted out, or was
# erased, may have been of the one or the other: it holds for both.
KEEP_OPT_OUTS = r"""
INSERT INTO app_user (email, analytics_opt_out, ai_context_opt_out, learning_opt_out, not_before)
SELECT replace(email, U&'i\0307', U&'\0130'), analytics_opt_out, ai_context_opt_out,
  learning_opt_out, not_before
FROM app_user
WHERE email LIKE U&'%i\0307%' AND (analytics_opt_out OR ai_context_opt_out OR learning_opt_out
  OR not_before IS NOT NULL)
ON CONFLICT (email) DO NOTHING
"""


def upgrade() -> None:
    if op.get_bind().execute(ENCODING).scalar() != "UTF8":
        return  # PostgreSQL knows no normal form of another
    op.execute(KEEP_OPT_OUTS)
    with small_transactions() as transaction:
        with transaction() as connection:
            months = connection.execute(MONTHS).scalars().all()
        for month in months:
            done = False
            while not done:
                with transaction() as connection:
                    done = _normalise_some(connection, month) < ROWS_PER_TRANSACTION
        with transaction() as connection:
            connection.execute(FORGET_PREDICTIONS)


def downgrade() -> None:
    """Nothing to undo: which form a name had is not kept, and both versions read this one."""


def _normalise_some(connection: Connection, month: datetime) -> int:
    """How many events were in another form. Locks are taken as by an ingest: sessions, user-days,
    and the totals last."""
    rows = connection.execute(SELECT_SOME, {"start": month}).all()
    if not rows:
        return 0
    keys = {
        "users": [row.user_id for row in rows],
        "times": [row.event_timestamp for row in rows],
        "ids": [row.event_id for row in rows],
    }
    connection.execute(LOCK_USERS, {"users": sorted({*keys["users"]})})
    share = connection.execute(SHARE, keys).all()
    moved = [row for row in rows if row.session_id != row.session]
    old = [(row.user_id, row.session_id) for row in moved]
    new = [(row.user_id, row.session) for row in moved]
    for sessions in _by_user(old + new, "sessions"):
        connection.execute(LOCK_SESSIONS, sessions)
    connection.execute(ADD_SESSIONS, keys)
    for days in _by_user([(row.user_id, row.day) for row in rows], "days"):
        connection.execute(FORGET_SUMMARIES, days)
    connection.execute(NORMALISE, keys)
    for sessions in _by_user(old, "sessions"):
        connection.execute(DROP_EMPTY_SESSIONS, sessions)
        connection.execute(RECOUNT_SESSIONS, sessions)
    if share:
        columns = {name: [getattr(row, name) for row in share] for name in share[0]._fields}
        connection.execute(ADD_TO_ROLLUPS, columns)
    return len(rows)


def _by_user(keys: list[tuple[int, Any]], name: str) -> list[dict[str, Any]]:
    by_user: dict[int, set[Any]] = {}
    for user_id, key in keys:
        by_user.setdefault(user_id, set()).add(key)
    return [{"user_id": user_id, name: sorted(by_user[user_id])} for user_id in sorted(by_user)]
