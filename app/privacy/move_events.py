"""Moves a user's events, and what is kept beside them, to another user: the same person."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, text

from app.database.locks import LOCK, USER_LOCK_CLASS, user_lock
from app.database.rollup_sql import (
    ADD_TO_ROLLUPS,
    BUCKET,
    GROW_SESSION,
    GROW_USER_DAY,
    SHARE,
    SLOT_BIT,
)
from app.database.sessions import WriteSession
from app.models import EVENT_COLUMNS, AppUser, PredictionScore, ServedPrediction
from app.privacy.counted_kinds import add_kinds_of
from app.privacy.delete_events import ROWS_PER_TRANSACTION, delete_rows

# Against an erasure, and an opt-out: whose events they are, and whether they are in the rollups.
LOCK_PAIR = text(
    "SELECT id, email, counted FROM app_user WHERE id = ANY(CAST(:users AS bigint[]))"
    " ORDER BY id FOR NO KEY UPDATE"
)
SELECT_EVENTS = text(
    """
    SELECT user_id, event_timestamp, event_id, session_id, received_at,
      (event_timestamp AT TIME ZONE 'UTC')::date AS day
    FROM activity_event WHERE user_id = :user_id
    ORDER BY event_timestamp, event_id LIMIT :at_most
    """
)
SELECT_SAME_IDS = text(
    """
    SELECT user_id, event_timestamp, event_id, session_id, received_at,
      (event_timestamp AT TIME ZONE 'UTC')::date AS day
    FROM activity_event WHERE user_id = :user_id AND event_id = ANY(CAST(:event_ids AS uuid[]))
    """
)

_COLUMNS = ", ".join(name for name in EVENT_COLUMNS if name != "user_id")
_SOME = """
  activity_event AS event JOIN unnest(CAST(:times AS timestamptz[]), CAST(:event_ids AS uuid[]))
    AS chosen (at, id) ON event.event_timestamp = chosen.at AND event.event_id = chosen.id
  WHERE event.user_id = :source
"""
COPY_EVENTS = text(
    f"""
    INSERT INTO activity_event (user_id, {_COLUMNS})
    SELECT CAST(:target AS bigint), {_COLUMNS} FROM {_SOME}
    ON CONFLICT DO NOTHING RETURNING event_timestamp, event_id
    """  # noqa: S608 (ours)
)
COPY_STRAYS = text(
    """
    INSERT INTO stray_event (user_id, event_id, event_timestamp)
    SELECT CAST(:target AS bigint), event_id, event_timestamp FROM stray_event
    WHERE user_id = :source AND event_id = ANY(CAST(:event_ids AS uuid[]))
    ON CONFLICT DO NOTHING
    """
)
ADD_SESSIONS = text(
    f"""
    INSERT INTO activity_session AS kept
      (user_id, session_id, started_at, ended_at, events, is_long)
    SELECT CAST(:target AS bigint), session_id, min(event_timestamp), max(event_timestamp),
      count(*), max(event_timestamp) - min(event_timestamp) > interval '1 day'
    FROM {_SOME} AND session_id IS NOT NULL
    GROUP BY session_id ORDER BY session_id
    {GROW_SESSION}
    """  # noqa: S608 (ours)
)
ADD_USER_DAYS = text(
    f"""
    INSERT INTO activity_user_day (user_id, day, slots)
    SELECT CAST(:target AS bigint), (event_timestamp AT TIME ZONE 'UTC')::date, bit_or({SLOT_BIT})
    FROM {_SOME} GROUP BY 2 ORDER BY 2
    {GROW_USER_DAY}
    """  # noqa: S608 (ours)
)
ADD_SHARE = text(
    f"""
    WITH counted AS (
      SELECT {BUCKET} AS bucket,
        event_type, event_category, event_action, coalesce(device_type, '') AS device_type,
        count(*) AS events, count(duration_ms) AS timed,
        coalesce(sum(duration_ms), 0)::bigint AS duration_ms
      FROM {_SOME} GROUP BY 1, 2, 3, 4, 5
    ), {SHARE}
    {ADD_TO_ROLLUPS}
    """  # noqa: S608 (ours)
)
ADD_SCORES = text(
    """
    INSERT INTO prediction_score AS kept (user_id, day, bin, predictions, hits_at_1, hits_at_3,
      first_probability, brier, log_loss)
    SELECT CAST(:target AS bigint), day, bin, predictions, hits_at_1, hits_at_3,
      first_probability, brier, log_loss
    FROM prediction_score WHERE user_id = :source
    ON CONFLICT (user_id, day, bin) DO UPDATE SET
      predictions = kept.predictions + excluded.predictions,
      hits_at_1 = kept.hits_at_1 + excluded.hits_at_1,
      hits_at_3 = kept.hits_at_3 + excluded.hits_at_3,
      first_probability = kept.first_probability + excluded.first_probability,
      brier = kept.brier + excluded.brier,
      log_loss = kept.log_loss + excluded.log_loss
    """
)
MOVE_ARRIVALS = text(
    """
    UPDATE activity_arrival
    SET user_ids = array_replace(user_ids, CAST(:source AS bigint), CAST(:target AS bigint))
    WHERE CAST(:source AS bigint) = ANY(user_ids)
    """
)


async def move_some(
    session: WriteSession, source: int, target: int, form: str, kinds_per_day: int
) -> bool:
    """Move events; of the same event id on both, the one that was received first stays. Whether
    there is more to do: with the last of them, the user goes.

    Locks are taken in the order of an ingest: sessions, user-days, and the rollups last.
    """
    # Against an ingest of the same event at another time (`ingest/identity`).
    await session.execute(LOCK, {"class": USER_LOCK_CLASS, "key": user_lock(target)})
    pair = {"users": sorted((source, target))}
    users = {row.id: row for row in await session.execute(LOCK_PAIR, pair)}
    given: dict[str, Any] = {"user_id": source, "at_most": ROWS_PER_TRANSACTION}
    rows = (await session.execute(SELECT_EVENTS, given)).all()
    if not rows:
        await _remove(session, source, target)
        return False
    if target not in users or users[target].email != form:
        # Erased meanwhile, as the one person that both are.
        await delete_rows(session, rows)
        return True
    given = {"user_id": target, "event_ids": [row.event_id for row in rows]}
    received = {row.event_id: row.received_at for row in rows}
    same = (await session.execute(SELECT_SAME_IDS, given)).all()
    if late := [row for row in same if row.received_at > received[row.event_id]]:
        await delete_rows(session, late)
        return True
    kept = {row.event_id for row in same}
    moving = _keys(source, target, [row for row in rows if row.event_id not in kept])
    copied = (await session.execute(COPY_EVENTS, moving)).all()
    moving = _keys(source, target, copied)
    await session.execute(
        COPY_STRAYS, {key: moving[key] for key in ("source", "target", "event_ids")}
    )
    await session.execute(ADD_SESSIONS, moving)
    await session.execute(ADD_USER_DAYS, moving)
    if users[target].counted:
        await add_kinds_of(session, source, kinds_per_day)
        await session.execute(ADD_SHARE, moving)
    await delete_rows(session, rows)
    return True


def _keys(source: int, target: int, rows: Sequence[Row[Any]]) -> dict[str, Any]:
    return {
        "source": source,
        "target": target,
        "times": [row.event_timestamp for row in rows],
        "event_ids": [row.event_id for row in rows],
    }


async def _remove(session: WriteSession, source: int, target: int) -> None:
    """Move the remaining data of a user without events to the other one, then delete the user."""
    pair = {"source": source, "target": target}
    await session.execute(ADD_SCORES, pair)
    await session.execute(MOVE_ARRIVALS, pair)
    # What waits for the next event of the user is of no use to the other.
    for table in (PredictionScore, ServedPrediction):
        await session.execute(delete(table).where(table.user_id == source))
    joined = await session.get(AppUser, target)
    if joined is None or joined.analytics_opt_out or joined.learning_opt_out:
        for table in (PredictionScore, ServedPrediction):
            await session.execute(delete(table).where(table.user_id == target))
    await session.execute(delete(AppUser).where(AppUser.id == source))
