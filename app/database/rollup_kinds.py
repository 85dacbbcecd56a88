"""The kinds of events that a day's rollups count separately: a bounded number, in all processes.

A kind counts separately where it has a row on the level `KIND_DAY`, whatever the row counts. All
other kinds of the day are `other`: one row whose texts are empty, which no kind has. A kind gets
its row with its first event of the day, as long as there is room, and under a lock of that day.
Rows stay until retention drops the whole month, and a day that has `other` takes no more kinds:
so an event is counted, and later subtracted or recounted, under the same row every time.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

from app.database.locks import KINDS_LOCK_CLASS, LOCK_DAYS
from app.database.rollup_sql import Level

KINDS_PER_DAY = 2_000
KNOWN_MAX = 20_000
OTHER = ("", "", "", "")
_ORIGIN = date(2000, 1, 1)

DayKind = tuple[datetime, str, str, str, str]
"""Midnight in UTC; type, category, action and device (empty for none)."""

Fetch = Callable[..., Awaitable[Sequence[Any]]]
"""Runs a statement with numbered parameters in the transaction that counts."""

_GIVEN = """
unnest(CAST($1 AS timestamptz[]), CAST($2 AS text[]), CAST($3 AS text[]), CAST($4 AS text[]),
    CAST($5 AS text[]))
  WITH ORDINALITY AS given (bucket, event_type, event_category, event_action, device_type, place)
"""
_IS_OWN = f"""
own.level = {Level.KIND_DAY} AND own.bucket = given.bucket
  AND own.event_type = given.event_type AND own.event_category = given.event_category
  AND own.event_action = given.event_action AND own.device_type = given.device_type
"""

FIND = f"""
SELECT given.place,
  EXISTS (SELECT FROM activity_rollup AS own WHERE {_IS_OWN}) AS is_counted,
  EXISTS (
    SELECT FROM activity_rollup AS other WHERE other.level = {Level.KIND_DAY}
      AND other.bucket = given.bucket AND other.event_type = ''
  ) AS is_closed
FROM {_GIVEN}
"""  # noqa: S608 (ours)

ADD_KINDS = f"""
WITH there AS (
  SELECT bucket, CASE WHEN bool_or(event_type = '') THEN $6 ELSE count(*) END AS kinds
  FROM activity_rollup
  WHERE level = {Level.KIND_DAY} AND bucket = ANY(CAST($1 AS timestamptz[])) GROUP BY bucket
), missing AS (
  SELECT given.*, row_number() OVER (
    PARTITION BY bucket ORDER BY event_type, event_category, event_action, device_type) AS number
  FROM {_GIVEN}
  WHERE NOT EXISTS (SELECT FROM activity_rollup AS own WHERE {_IS_OWN})
)
INSERT INTO activity_rollup
  (level, bucket, event_type, event_category, event_action, device_type, events, timed, duration_ms)
SELECT {Level.KIND_DAY}, bucket, event_type, event_category, event_action, device_type, 0, 0, 0
FROM missing LEFT JOIN there USING (bucket)
WHERE number + coalesce(kinds, 0) <= CAST($6 AS bigint)
ORDER BY 2, 3, 4, 5, 6
ON CONFLICT DO NOTHING
"""  # noqa: S608 (ours)


class RollupKindCache:
    """A bounded memory of kinds that have a committed row: nearly all are known, and cost nothing.

    Args:
        per_day: the most kinds of a day that count separately.
    """

    def __init__(self, per_day: int = KINDS_PER_DAY, at_most: int = KNOWN_MAX) -> None:
        self.per_day = per_day
        self._known: set[DayKind] = set()
        self._at_most = at_most

    def missing(self, kinds: Iterable[DayKind]) -> set[DayKind]:
        """Return those that are not known."""
        return set(kinds) - self._known

    def remember(self, kinds: Iterable[DayKind]) -> None:
        """Take kinds in whose rows are committed."""
        self._known.update(kinds)
        if len(self._known) > self._at_most:
            self._known.clear()


async def add_kinds(fetch: Fetch, kinds: Iterable[DayKind], per_day: int) -> set[DayKind]:
    """Return the kinds that count separately; they are recorded as long as their day has room.

    Until the transaction ends, no other transaction decides about undecided kinds of a day. It
    takes three statements at most, besides the lock; the counting has to follow in this
    transaction.
    """
    wanted = sorted(kinds)
    counted, still_open = await _find(fetch, wanted)
    if still_open:
        days = sorted({(kind[0].date() - _ORIGIN).days for kind in still_open})
        await fetch(LOCK_DAYS, KINDS_LOCK_CLASS, days)
        await fetch(ADD_KINDS, *_columns(still_open), per_day)
        added, _ = await _find(fetch, still_open)
        counted |= added
    return counted


async def _find(fetch: Fetch, kinds: Sequence[DayKind]) -> tuple[set[DayKind], list[DayKind]]:
    """The kinds that count separately, and those for which it is not decided."""
    rows = [tuple(row) for row in await fetch(FIND, *_columns(kinds))]
    counted = {kinds[place - 1] for place, is_counted, _ in rows if is_counted}
    return counted, [kinds[place - 1] for place, *settled in rows if not any(settled)]


@lru_cache(maxsize=4096)  # a group of events asks for each of its few quarter-hours often
def midnight(at: datetime) -> datetime:
    """Return the beginning of the UTC day."""
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)


def _columns(kinds: Sequence[DayKind]) -> list[list[Any]]:
    return [[kind[part] for kind in kinds] for part in range(5)]
