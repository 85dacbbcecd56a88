"""Local days on which users were active: one column of bits per day, one bit per user.

Computed from the quarter-hours in `activity_user_day`, so it is exact in every zone. Activity on
several days, or for the first time on one, is then a matter of AND and OR.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import text

from app.database.rollup_sql import QUARTER_HOUR
from app.database.sessions import ReadSession
from app.read.filters import EventFilter, user_ids
from app.read.time_buckets import DAY, day_start, stretches
from app.read.window import Window

SLOTS = 96
# Users are taken in stretches of this many ids, so that memory is bounded.
IDS_AT_ONCE = 25_000

HIGHEST_ID = text("SELECT coalesce(max(user_id), 0) FROM activity_user_day")

# One row: the users' bits, one user after the other, as text. The first bit is for any time before.
ACTIVE = text(
    """
    WITH piece AS MATERIALIZED (
      SELECT day, mask::bit(96) AS mask, set_bit(repeat('0', :columns)::varbit, place, 1) AS bits
      FROM unnest(CAST(:days AS date[]), CAST(:masks AS text[]), CAST(:places AS int[]))
        AS given (day, mask, place)
    ), per_user AS (
      SELECT active.user_id, bit_or(piece.bits) AS bits, count(*) AS rows_read
      FROM activity_user_day AS active
      JOIN piece ON active.day = piece.day AND active.slots & piece.mask <> 0::bit(96)
      WHERE active.day >= :first AND active.day <= :last
        AND active.user_id >= :from_id AND active.user_id < :to_id
        AND (:everybody AND active.user_id NOT IN (
            SELECT id FROM app_user WHERE email IS NULL OR analytics_opt_out)
          OR active.user_id = ANY(CAST(:ids AS bigint[])))
      GROUP BY active.user_id
    ), known AS (
      -- On which of the days they were first active by events that were removed: 0 is before them.
      SELECT per_user.*,
        width_bucket(app_user.first_seen_at, CAST(:starts AS timestamptz[])) AS first_seen
      FROM per_user JOIN app_user ON app_user.id = per_user.user_id
    ), told AS (
      -- Who is known by the lead is not looked up.
      SELECT rows_read, bits, first_seen,
        position(B'1' IN substring(bits FROM 1 FOR :lead + 1)) > 0
        OR coalesce(first_seen <= :lead, false)
        OR EXISTS (
          SELECT 1 FROM activity_user_day AS earlier
          WHERE earlier.user_id = known.user_id AND earlier.day < :first
        ) AS before
      FROM known
    )
    SELECT string_agg(CASE WHEN before THEN set_bit(bits, 0, 1) ELSE bits END::text, '') AS bits,
      sum(rows_read)::bigint AS rows_read,
      CASE WHEN max(first_seen) > :lead THEN array_agg(first_seen) END AS first_seen
    FROM told
    """
)


@dataclass(frozen=True, slots=True)
class ActiveDays:
    """Activity of some users as bits: on each of the days, and before the requested days. `known`
    marks users whose first activity, by events since deleted, was on the day: they are not new
    after it. `rows_read` counts rows of `activity_user_day`."""

    days: list[int]
    known: list[int]
    before: int
    rows_read: int


async def active_days(
    session: ReadSession,
    filter_: EventFilter,
    zone: ZoneInfo,
    first: date,
    last: date,
    *,
    lead: int = 0,
) -> AsyncIterator[ActiveDays]:
    """The local days from `first` until before `last`, of all of a filter's users, in parts.

    Of the filter, only the users matter.

    Args:
        lead: so many of the days come before those that are asked for: who was active on one of
            them counts as active before.

    Raises:
        TooExpensive: too many users, on too many days.
    """
    columns = (last - first).days + 1
    pieces = _pieces(zone, first, last)
    ids = await user_ids(session, filter_.user_email, hidden=filter_.own)
    given = {
        "columns": columns,
        "days": [day for day, _, _ in pieces],
        "masks": [mask for _, mask, _ in pieces],
        "places": [place for _, _, place in pieces],
        "first": pieces[0][0],
        "last": pieces[-1][0],
        "lead": lead,
        "starts": [day_start(zone, first + number * DAY) for number in range(columns - 1)],
        "everybody": not filter_.user_email,
        "ids": ids,
    }
    highest: int = (await session.execute(HIGHEST_ID)).scalar_one()
    lowest = min(ids, default=0 if not filter_.user_email else highest + 1)
    last_id = min(max(ids, default=highest), highest)
    for from_id in range(lowest, last_id + 1, IDS_AT_ONCE):
        to_id = min(from_id + IDS_AT_ONCE, last_id + 1)
        found = await session.execute(ACTIVE, {**given, "from_id": from_id, "to_id": to_id})
        row = found.one()
        if row.bits is not None:
            width = columns
            before, *days = (int(row.bits[place::width], 2) for place in range(width))
            yield ActiveDays(days, _known(row.first_seen, len(days)), before, row.rows_read)


def _known(first_seen: list[int | None] | None, days: int) -> list[int]:
    """Bits by day, the first user's the highest, as in `bits`."""
    known = [0] * days
    for place, day in enumerate(reversed(first_seen or [])):
        if day:
            known[day - 1] |= 1 << place
    return known


def _pieces(zone: ZoneInfo, first: date, last: date) -> list[tuple[date, str, int]]:
    """Each UTC day, which of its quarter-hours lie in one local day, and the place of that day's
    column: 0 is for what comes before the first."""
    window = Window(day_start(zone, first), day_start(zone, last), str(zone))
    start = window.start.replace(hour=0, minute=0)
    clock = stretches(Window(start, window.end, str(zone)))
    # How many quarter-hours of which UTC day lie in which local day: runs of them, in order.
    runs: list[tuple[date, int, int, int]] = []
    for stretch in clock:
        at = stretch.start
        while at < stretch.end:
            local = at + stretch.offset
            local_midnight = local.replace(hour=0, minute=0) + DAY - stretch.offset
            utc_midnight = at.replace(hour=0, minute=0) + DAY
            until = min(local_midnight, utc_midnight, stretch.end)
            slot = (at.hour * 60 + at.minute) // 15
            place = max(0, (local.date() - first).days + 1)
            runs.append((at.date(), slot, slot + (until - at) // QUARTER_HOUR, place))
            at = until
    return [
        (day, "0" * begin + "1" * (end - begin) + "0" * (SLOTS - end), place)
        for day, begin, end, place in runs
    ]
