"""Deletion of events: past retention for all users, or of one user."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, cast, func, select, text

from app.database.rollup_sql import (
    ADD_TO_ROLLUPS,
    BUCKET,
    LOCK_USER_DAYS,
    SHARE,
    SLOT_BIT,
    of_each_user,
)
from app.database.sessions import Database, WriteSession
from app.errors import InvalidRequest
from app.models import ActivityEvent, AppUser
from app.privacy.first_seen import first_of_each, keep_first_seen

# Rows of one transaction: small enough that ingest never waits for a lock or a vacuum behind it.
ROWS_PER_TRANSACTION = 10_000


# Rows of one user: Citus locks none that may lie on several workers.
LOCK_SESSIONS = text(
    "SELECT 1 FROM activity_session"
    " WHERE user_id = :user_id AND session_id = ANY(CAST(:sessions AS text[]))"
    " ORDER BY session_id FOR UPDATE"
)

DROP_EMPTY_SESSIONS = text(
    """
    DELETE FROM activity_session AS kept
    USING unnest(CAST(:users AS bigint[]), CAST(:sessions AS text[])) AS touched (user_id, id)
    WHERE kept.user_id = touched.user_id AND kept.session_id = touched.id AND NOT EXISTS (
      SELECT 1 FROM activity_event AS event
      WHERE event.user_id = kept.user_id AND event.session_id = kept.session_id
        AND event.event_timestamp BETWEEN kept.started_at AND kept.ended_at
    )
    """
)

RECOUNT_SESSIONS = text(
    """
    UPDATE activity_session AS kept
    SET started_at = counted.started_at, ended_at = counted.ended_at, events = counted.events,
      is_long = counted.ended_at - counted.started_at > interval '1 day'
    FROM (
      SELECT event.user_id, event.session_id, min(event.event_timestamp) AS started_at,
        max(event.event_timestamp) AS ended_at, count(*) AS events
      FROM unnest(CAST(:users AS bigint[]), CAST(:sessions AS text[])) AS touched (user_id, id)
      JOIN activity_session AS before
        ON before.user_id = touched.user_id AND before.session_id = touched.id
      JOIN activity_event AS event
        ON event.user_id = before.user_id AND event.session_id = before.session_id
        AND event.event_timestamp BETWEEN before.started_at AND before.ended_at
      GROUP BY event.user_id, event.session_id
    ) AS counted
    WHERE kept.user_id = counted.user_id AND kept.session_id = counted.session_id
    """
)

# Those whose events are not in the rollups. All are locked, as an opt-out changes that.
LOCK_USERS = text(
    "SELECT id, counted FROM app_user WHERE id = ANY(CAST(:users AS bigint[]))"
    " ORDER BY id FOR NO KEY UPDATE"
)

DELETE_AND_TAKE_OFF = text(
    f"""
    WITH gone AS (
      DELETE FROM activity_event AS event
      USING unnest(
        CAST(:user_ids AS bigint[]), CAST(:times AS timestamptz[]), CAST(:event_ids AS uuid[])
      ) AS doomed (user_id, at, id)
      WHERE event.user_id = doomed.user_id AND event.event_timestamp = doomed.at
        AND event.event_id = doomed.id
      RETURNING event.user_id, event.event_timestamp, event.event_type, event.event_category,
        event.event_action, event.device_type, event.duration_ms
    ), counted AS (
      SELECT {BUCKET} AS bucket,
        event_type, event_category, event_action, coalesce(device_type, '') AS device_type,
        -count(*) AS events, -count(duration_ms) AS timed,
        -coalesce(sum(duration_ms), 0)::bigint AS duration_ms
      FROM gone WHERE user_id <> ALL(CAST(:uncounted AS bigint[]))
      GROUP BY 1, 2, 3, 4, 5
    ), {SHARE}, taken_off AS (
      {ADD_TO_ROLLUPS}
    )
    SELECT count(*) FROM gone
    """  # noqa: S608 (both are ours)
)

RECOUNT_USER_DAYS = text(
    f"""
    WITH touched AS (
      SELECT * FROM unnest(CAST(:users AS bigint[]), CAST(:days AS date[])) AS given (user_id, day)
    ), counted AS (
      SELECT event.user_id, touched.day, bit_or({SLOT_BIT}) AS slots
      FROM touched JOIN activity_event AS event ON event.user_id = touched.user_id
        AND event.event_timestamp >= touched.day::timestamp AT TIME ZONE 'UTC'
        AND event.event_timestamp < (touched.day + 1)::timestamp AT TIME ZONE 'UTC'
      GROUP BY event.user_id, touched.day
    )
    UPDATE activity_user_day AS kept
    SET slots = coalesce(counted.slots, 0::bit(96)), summary = NULL
    FROM touched LEFT JOIN counted USING (user_id, day)
    WHERE kept.user_id = touched.user_id AND kept.day = touched.day
    """  # noqa: S608 (SLOT_BIT is ours)
)

DROP_EMPTY_USER_DAYS = text(
    "DELETE FROM activity_user_day WHERE slots = 0::bit(96) AND (user_id, day) IN"
    " (SELECT * FROM unnest(CAST(:users AS bigint[]), CAST(:days AS date[])))"
)


DELETE_STRAYS = text(
    """
    DELETE FROM stray_event AS stray
    USING unnest(CAST(:user_ids AS bigint[]), CAST(:event_ids AS uuid[])) AS doomed (user_id, id)
    WHERE stray.user_id = doomed.user_id AND stray.event_id = doomed.id
    """
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """One transaction's events: how many it `found`, and how many it `deleted` of them. A clean-up
    at the same moment may have deleted some: none is left only where none is found."""

    found: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The result of a deletion, or with `dry_run` its preview. `before` is exclusive; None means
    all."""

    events_deleted: int
    before: datetime | None
    dry_run: bool


def cutoff(
    now: datetime, days: int | None, retention_days: int, *, one_user: bool
) -> datetime | None:
    """Return the time before which events are deleted; None means all of the user's.

    Raises:
        InvalidRequest: that would delete all events of all users.
    """
    if days is None:
        return None if one_user else now - timedelta(days=retention_days)
    if days == 0 and not one_user:
        raise InvalidRequest.of("days", "0 would delete the events of all users; set user_email")
    return None if days == 0 else now - timedelta(days=days)


async def clean_up(
    database: Database,
    *,
    before: datetime | None,
    user_email: str | None,
    dry_run: bool,
    on_deleted: Callable[[int], None] = lambda _: None,
) -> Cleaned:
    """Delete events in transactions of bounded size; an interrupted run resumes where it stopped.

    Args:
        before: only events from before this; None for all, which needs a user.
        user_email: only this user's, normalised. A user who isn't known has none.
        on_deleted: told of each transaction's number of rows, for a progress bar.

    Raises:
        ValueError: neither a time nor a user.
        Unavailable: the database went away; what was deleted until then stays deleted.
    """
    if before is None and user_email is None:
        raise ValueError("a cleanup needs a time or a user")
    async with database.read() as session:
        where: list[ColumnElement[bool]] = []
        if before is not None:
            where.append(ActivityEvent.event_timestamp < before)
        if user_email is not None:
            user_id = await session.scalar(select(AppUser.id).where(AppUser.email == user_email))
            if user_id is None:
                return Cleaned(0, before, dry_run)
            where.append(ActivityEvent.user_id == user_id)
        if dry_run:
            count = await session.scalar(
                select(func.count()).select_from(ActivityEvent).where(*where)
            )
            return Cleaned(int(count or 0), before, dry_run)
    deleted = 0
    while (deletion := await delete_some(database, where)).found:
        deleted += deletion.deleted
        on_deleted(deletion.deleted)
        if deletion.found < ROWS_PER_TRANSACTION:
            break
    return Cleaned(deleted, before, dry_run)


async def delete_some(
    database: Database,
    where: list[ColumnElement[bool]],
    *,
    and_note: Callable[[WriteSession, int], Awaitable[None]] | None = None,
) -> Deletion:
    """Delete some events and their share of the rollups, in one transaction.

    Sessions and user-days are locked first: an ingestion that marks one of them waits until this
    has committed, and the recount sees what it inserted before. The rollups come last, in sorted
    order, as in ingestion.

    Args:
        and_note: what else belongs into the transaction; told of the number of events.
    """
    key = (ActivityEvent.user_id, ActivityEvent.event_timestamp, ActivityEvent.event_id)
    day = cast(func.timezone("UTC", ActivityEvent.event_timestamp), Date)
    some = (
        select(*key, ActivityEvent.session_id, day.label("day"))
        .where(*where)
        .limit(ROWS_PER_TRANSACTION)
    )
    async with database.transaction() as session:
        doomed = (await session.execute(some)).all()
        if not doomed:
            return Deletion(0, 0)
        deleted = await delete_rows(session, doomed)
        if and_note is not None:
            await and_note(session, deleted)
        return Deletion(len(doomed), deleted)


async def delete_rows(session: WriteSession, doomed: Sequence[Any]) -> int:
    """Delete these events (their keys, session and UTC day), and their share of the totals; how
    many were still there."""
    days = sorted({(row.user_id, row.day) for row in doomed})
    keys = {
        "user_ids": [row.user_id for row in doomed],
        "times": [row.event_timestamp for row in doomed],
        "event_ids": [row.event_id for row in doomed],
    }
    touched = {"users": [user for user, _ in days], "days": [each for _, each in days]}
    users = await session.execute(LOCK_USERS, {"users": sorted(set(touched["users"]))})
    keys["uncounted"] = [row.id for row in users if not row.counted]
    sessions = sorted(
        {(row.user_id, row.session_id) for row in doomed if row.session_id is not None}
    )
    await lock_sessions(session, sessions)
    await session.execute(LOCK_USER_DAYS, of_each_user(days, "days"))
    firsts = first_of_each((row.user_id, row.event_timestamp) for row in doomed)
    await keep_first_seen(session, firsts)
    deleted = await session.scalar(DELETE_AND_TAKE_OFF, keys)
    await recount_sessions(session, sessions)
    await session.execute(RECOUNT_USER_DAYS, touched)
    await session.execute(DROP_EMPTY_USER_DAYS, touched)
    await session.execute(
        DELETE_STRAYS, {"user_ids": keys["user_ids"], "event_ids": keys["event_ids"]}
    )
    return int(deleted or 0)


async def lock_sessions(session: WriteSession, keys: Sequence[tuple[int, str]]) -> None:
    """Sessions, by user and id in sorted order, until the transaction ends."""
    if keys:
        await session.execute(LOCK_SESSIONS, of_each_user(keys, "sessions"))


async def recount_sessions(session: WriteSession, keys: Sequence[tuple[int, str]]) -> None:
    """Recount locked sessions after some of their events were deleted; delete the empty ones."""
    await session.execute(DROP_EMPTY_SESSIONS, _by_column(keys))
    await session.execute(RECOUNT_SESSIONS, _by_column(keys))


def _by_column(keys: Sequence[tuple[int, str]]) -> dict[str, list[Any]]:
    return {"users": [user for user, _ in keys], "sessions": [each for _, each in keys]}
