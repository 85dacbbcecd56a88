"""Kinds of a user's events that are about to be added to the rollups."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import CursorResult, text

from app.database.rollup_kinds import add_kinds, midnight
from app.database.sessions import WriteSession

_NUMBERED = re.compile(r"\$(\d)")
KINDS_OF_USER = text(
    """
    SELECT DISTINCT date_bin('1 day', event_timestamp, '2000-01-01 00:00:00+00'), event_type,
      event_category, event_action, coalesce(device_type, '')
    FROM activity_event WHERE user_id = :user_id
    """
)


async def add_kinds_of(session: WriteSession, user_id: int, per_day: int) -> None:
    """Let all kinds of a user's events count separately where their day has room. Those that
    don't are counted as `other` in the same transaction, by `app.database.rollup_sql.SHARE`."""

    async def fetch(statement: str, *values: object) -> Sequence[Any]:
        given = {f"p{number}": value for number, value in enumerate(values, 1)}
        found = await session.execute(text(_NUMBERED.sub(r":p\1", statement)), given)
        return found.all() if isinstance(found, CursorResult) and found.returns_rows else ()

    rows = await session.execute(KINDS_OF_USER, {"user_id": user_id})
    kinds = {(midnight(at), *kind) for at, *kind in rows}
    await add_kinds(fetch, kinds, per_day)
