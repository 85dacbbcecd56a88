"""The time of a user's first activity, stored before the events of that time are deleted.

Otherwise users with old activity would count as new again in all analytics.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time

from sqlalchemy import text

from app.database.rollup_sql import QUARTER_HOUR
from app.database.sessions import Database, WriteSession

USERS_AT_ONCE = 1000

# Of the user-days that go: the first quarter-hour of each user.
FIRST_SLOTS = text(
    """
    SELECT DISTINCT ON (user_id) user_id, day, position(B'1' IN slots) AS slot
    FROM activity_user_day
    WHERE user_id >= :first AND user_id < :last AND day < :before
    ORDER BY user_id, day
    """
)
LAST_USER = text("SELECT coalesce(max(user_id), 0) FROM activity_user_day")

# In the order of their ids, as all who lock users take them.
LOCK = text(
    "SELECT 1 FROM app_user WHERE id = ANY(CAST(:users AS bigint[])) ORDER BY id FOR NO KEY UPDATE"
)
KEEP = text(
    """
    UPDATE app_user SET first_seen_at = given.at
    FROM unnest(CAST(:users AS bigint[]), CAST(:times AS timestamptz[])) AS given (user_id, at)
    WHERE app_user.id = given.user_id
      AND (app_user.first_seen_at IS NULL OR app_user.first_seen_at > given.at)
    """
)


async def keep_first_seen(session: WriteSession, firsts: Mapping[int, datetime]) -> None:
    """Keep the first activity of some users, where none before it is kept already."""
    users = sorted(firsts)
    if users:
        await session.execute(LOCK, {"users": users})
        await session.execute(KEEP, {"users": users, "times": [firsts[user] for user in users]})


def first_of_each(events: Iterable[tuple[int, datetime]]) -> dict[int, datetime]:
    """Return each user's first time."""
    firsts: dict[int, datetime] = {}
    for user_id, at in events:
        if user_id not in firsts or at < firsts[user_id]:
            firsts[user_id] = at
    return firsts


async def keep_first_seen_before(database: Database, before: date) -> None:
    """Store the first activity of all users who were active before a day (UTC), in transactions of
    bounded size. The result is correct at any time, so an interrupted run can simply start again.

    Times are stored to the quarter-hour, which is what queries about users use.
    """
    async with database.read() as session:
        last = (await session.execute(LAST_USER)).scalar_one()
    for first in range(0, last + 1, USERS_AT_ONCE):
        given = {"first": first, "last": first + USERS_AT_ONCE, "before": before}
        async with database.transaction() as session:
            rows = (await session.execute(FIRST_SLOTS, given)).all()
            firsts = {
                row.user_id: datetime.combine(row.day, time(), UTC) + (row.slot - 1) * QUARTER_HOUR
                for row in rows
                if row.slot
            }
            await keep_first_seen(session, firsts)
