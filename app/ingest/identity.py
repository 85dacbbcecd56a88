"""The identity of an event: its user and its id, whatever its time says.

Each month's partition has a unique index on `(user_id, event_id)`, so that one id is stored once a
month without any look-up. Across months the id itself is the anchor: a UUIDv7 names a month, and an
event whose time lies in another one is a *stray*, kept in `stray_event` too. Only strays, users
who have some, and ids that hold no time are looked up before they are written.

Two writers of one id at the same moment never miss each other: each holds an advisory lock on
its users, exclusively where its event may have a twin in another month, else shared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

import asyncpg

from activity_events.uuid7 import EPOCH, TIME_SHIFT, VERSION_SHIFT, time_of_uuid7
from app.database.locks import LOCK_ALL_SHARED, LOCK_EACH, USER_LOCK_CLASS, user_lock
from app.ingest.rows import EventRow, TimeBasis
from app.ingest.users import Users

Identity = tuple[int, UUID]
StoredAt = dict[Identity, datetime]  # the time under which each is stored

# An id without a time is looked up so far around the time of its event.
UNDATED_RANGE = timedelta(days=32)
# Around a month's end, two processes may disagree on which month it is.
MONTH_END_MARGIN = timedelta(hours=1)

SELECT_STRAYS = """
SELECT stray.user_id, stray.event_id, stray.event_timestamp FROM stray_event AS stray
JOIN unnest($1::bigint[], $2::uuid[]) AS given (user_id, event_id)
  ON stray.user_id = given.user_id AND stray.event_id = given.event_id
WHERE stray.user_id = ANY($1::bigint[])
"""

SELECT_BY_ID = """
SELECT event.user_id, event.event_id, event.event_timestamp FROM activity_event AS event
JOIN unnest($1::bigint[], $2::uuid[]) AS given (user_id, event_id)
  ON event.user_id = given.user_id AND event.event_id = given.event_id
WHERE event.user_id = ANY($1::bigint[])
  AND event.event_timestamp >= $3 AND event.event_timestamp < $4
"""

INSERT_STRAYS = """
INSERT INTO stray_event (user_id, event_id, event_timestamp)
SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[])
"""

MARK_REDATED = "UPDATE app_user SET redated = true WHERE id = ANY($1::bigint[]) AND NOT redated"

# Which of the given events are stored with something else in them than what is given. A client that
# rounds its times to milliseconds says the same.
SELECT_MISMATCHED = """
SELECT given.number - 1
FROM unnest(
  $1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::bigint[],
  $8::timestamptz[], $11::text[], $12::text[], $13::text[], $14::int[], $15::text[], $16::jsonb[]
) WITH ORDINALITY AS given
  (user_id, event_id, event_type, entity_type, entity_id, event_metadata, duration_ms,
    event_timestamp, event_category, event_action, session_id, session_seq, device_type,
    context_snapshot, number)
JOIN activity_event AS event
  ON event.user_id = given.user_id AND event.event_id = given.event_id
WHERE event.user_id = ANY($1::bigint[])
  AND event.event_timestamp >= $9 AND event.event_timestamp < $10
  AND ((event.event_type, event.entity_type, event.entity_id, event.event_metadata,
      event.duration_ms, event.event_category, event.event_action, event.session_id,
      event.session_seq, event.device_type, event.context_snapshot)
    IS DISTINCT FROM (given.event_type, given.entity_type, given.entity_id, given.event_metadata,
      given.duration_ms, given.event_category, given.event_action, given.session_id,
      given.session_seq, given.device_type, given.context_snapshot)
    OR event.event_timestamp <= given.event_timestamp - interval '1 millisecond'
    OR event.event_timestamp >= given.event_timestamp + interval '1 millisecond')
"""


@dataclass(slots=True)
class Doubtful:
    """Rows whose twin may be stored where the unique index of their own month does not see it."""

    strays: list[EventRow] = field(default_factory=list)
    undated: list[EventRow] = field(default_factory=list)


@lru_cache(maxsize=4096)
def month_of(year: int, month: int) -> tuple[datetime, datetime]:
    """The first moment of a UTC month, and that of the next one; the calendar has an end."""
    first = datetime(year, month, 1, tzinfo=UTC)
    if (year, month) == (MAXYEAR, 12):
        return first, datetime.max.replace(tzinfo=UTC)
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return first, datetime(*following, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)
def _ids_of(year: int, month: int) -> tuple[int, int]:
    """The least id that a UUIDv7 of this month can have, as a number, and that of the next one."""
    first, after = month_of(year, month)
    millisecond = timedelta(milliseconds=1)
    return (first - EPOCH) // millisecond << TIME_SHIFT, (
        after - EPOCH
    ) // millisecond << TIME_SHIFT


def find_doubtful(rows: Iterable[EventRow]) -> Doubtful:
    """Sort out what the unique index of its own month is not enough for."""
    doubtful = Doubtful()
    for row in rows:
        event_id, at = row.event_id.int, row.event_timestamp
        if event_id >> VERSION_SHIFT & 0xF != 7:
            doubtful.undated.append(row)
            continue
        low, high = _ids_of(at.year, at.month)
        if not low <= event_id < high:
            doubtful.strays.append(row)
    return doubtful


async def lock_users(
    connection: asyncpg.Connection, users: Users, doubtful: Doubtful, now: datetime
) -> None:
    """Lock the users of a group until the transaction ends.

    Shared, where the unique index of one month settles everything: that of the id, or, of an id
    without a time, the current one. Exclusively otherwise.
    """
    first, after = month_of(now.year, now.month)
    first, after = first + MONTH_END_MARGIN, after - MONTH_END_MARGIN
    is_settled = first <= now < after
    exclusive = {user_lock(users[row.user_email].id) for row in doubtful.strays}
    exclusive |= {
        user_lock(users[row.user_email].id)
        for row in doubtful.undated
        if not (is_settled and _is_in_month(row.event_timestamp, now))
    }
    keys = sorted({user_lock(user.id) for user in users.values() if user.exists})
    if exclusive:
        modes = [key in exclusive for key in keys]
        await connection.execute(LOCK_EACH, USER_LOCK_CLASS, keys, modes)
    else:
        await connection.execute(LOCK_ALL_SHARED, USER_LOCK_CLASS, keys)


async def find_stored(
    connection: asyncpg.Connection, rows: Iterable[EventRow], doubtful: Doubtful, users: Users
) -> StoredAt:
    """Return which of these rows are stored in another month than their own, and their times.

    Call it once their users are locked.
    """
    found: StoredAt = {}
    asked = list(doubtful.strays)
    has_strays = {email for email, user in users.items() if user.redated}
    if has_strays:
        asked += [row for row in rows if row.user_email in has_strays]
    if asked:
        found |= _stored(await connection.fetch(SELECT_STRAYS, *_keys(asked, users)))
    if doubtful.strays:
        ids = [time_of_uuid7(row.event_id) for row in doubtful.strays]
        found |= await _select_by_id(
            connection, doubtful.strays, users, _month_start(min(ids)), _month_end(max(ids))
        )
    if doubtful.undated:
        times = [row.event_timestamp for row in doubtful.undated]
        found |= await _select_by_id(
            connection,
            doubtful.undated,
            users,
            min(times) - UNDATED_RANGE,
            max(times) + UNDATED_RANGE,
        )
    return found


async def record_strays(
    connection: asyncpg.Connection, strays: Sequence[EventRow], users: Users
) -> set[str]:
    """Keep the ids of strays that were just written; the users, by email, who had none before."""
    if not strays:
        return set()
    times = [row.event_timestamp for row in strays]
    await connection.execute(INSERT_STRAYS, *_keys(strays, users), times)
    emails = {row.user_email for row in strays if not users[row.user_email].redated}
    if emails:
        await connection.execute(MARK_REDATED, sorted(users[email].id for email in emails))
    return emails


async def find_mismatched(
    connection: asyncpg.Connection, rows: Sequence[EventRow], stored_at: StoredAt, users: Users
) -> set[int]:
    """Return the places in `rows` of duplicates that differ from the stored event.

    One id for two events is a bug of the client, which gets a warning.
    """
    times = [
        stored_at.get((users[row.user_email].id, row.event_id), row.event_timestamp) for row in rows
    ]
    found = await connection.fetch(
        SELECT_MISMATCHED,
        *_keys(rows, users),
        [row.event_type for row in rows],
        [row.entity_type for row in rows],
        [row.entity_id for row in rows],
        [row.event_metadata for row in rows],
        [row.duration_ms for row in rows],
        [row.event_timestamp if row.time_basis is TimeBasis.GIVEN else None for row in rows],
        _month_start(min(times)),
        _month_end(max(times)),
        [row.event_category for row in rows],
        [row.event_action for row in rows],
        [row.session_id for row in rows],
        [row.session_seq for row in rows],
        [row.device_type for row in rows],
        [row.context_snapshot for row in rows],
    )
    return {number for (number,) in found}


async def _select_by_id(
    connection: asyncpg.Connection,
    rows: Sequence[EventRow],
    users: Users,
    start: datetime,
    end: datetime,
) -> StoredAt:
    return _stored(await connection.fetch(SELECT_BY_ID, *_keys(rows, users), start, end))


def _keys(rows: Sequence[EventRow], users: Users) -> tuple[list[int], list[UUID]]:
    return [users[row.user_email].id for row in rows], [row.event_id for row in rows]


def _stored(records: Iterable[asyncpg.Record]) -> StoredAt:
    return {(user_id, event_id): at for user_id, event_id, at in records}


def _is_in_month(at: datetime, now: datetime) -> bool:
    return (at.year, at.month) == (now.year, now.month)


def _month_start(at: datetime) -> datetime:
    return month_of(at.year, at.month)[0]


def _month_end(at: datetime) -> datetime:
    return month_of(at.year, at.month)[1]
