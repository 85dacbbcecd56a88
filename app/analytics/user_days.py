"""One user's events, counted: days that are over as they were summed up, the rest off the events.

Constant SQL, as putting a statement together would cost more than running it.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import orjson
from sqlalchemy import text

from app.analytics.rollup_counts import NO_DEVICE, OTHER_KIND
from app.database.rollup_sql import QUARTER_HOUR
from app.database.sessions import ReadSession
from app.read.filters import EventFilter
from app.read.time_buckets import DAY, EPOCH, OffsetSpan, stretches
from app.read.window import Window

SLOTS = 96
SLOTS_PER_HOUR = 4
KINDS_MAX = 20_000  # of an answer; those that come first, of one user
GAP_KINDS_MAX = 2_000
# Number of summaries processed at a time; other requests run in between.
SUMMARIES_AT_ONCE = 16

Kind = tuple[str, str, str, str]
Gap = tuple[datetime, datetime]

# The user (on every row), how many sessions have an event in the window, and the days of it that
# are summed up. Nothing is joined to `who`: Citus would fetch the rows of all users to do so.
USER_AND_DAYS = text(
    """
    WITH who AS MATERIALIZED (
      SELECT id FROM app_user WHERE email = :email AND (:own OR NOT analytics_opt_out)
    ), began AS (
      SELECT count(*) AS sessions FROM activity_session AS kept
      WHERE :sessions AND kept.user_id = (SELECT id FROM who)
        AND kept.started_at >= :start AND kept.started_at < :end
    ), carried AS (
      SELECT count(*) AS sessions FROM activity_session AS kept
      WHERE :sessions AND kept.user_id = (SELECT id FROM who) AND NOT kept.is_long
        AND kept.started_at >= CAST(:start AS timestamptz) - interval '1 day'
        AND kept.started_at < :start AND kept.ended_at >= :start AND (
          -- It ends in the window with an event; else there may be none in it.
          kept.ended_at < :end OR EXISTS (
            SELECT 1 FROM activity_event AS event
            WHERE event.user_id = kept.user_id AND event.session_id = kept.session_id
              AND event.event_timestamp >= :start AND event.event_timestamp < :end))
    ), carried_far AS (
      SELECT count(*) AS sessions FROM activity_session AS kept
      WHERE :sessions AND kept.user_id = (SELECT id FROM who) AND kept.is_long
        AND kept.started_at < :start AND kept.ended_at >= :start AND (
          kept.ended_at < :end OR EXISTS (
            SELECT 1 FROM activity_event AS event
            WHERE event.user_id = kept.user_id AND event.session_id = kept.session_id
              AND event.event_timestamp >= :start AND event.event_timestamp < :end))
    ), active AS (
      SELECT day, CAST(summary AS text) AS summary FROM activity_user_day
      WHERE user_id = (SELECT id FROM who) AND day >= :first AND day < :last
        AND json_typeof(summary) = 'object'
    )
    SELECT who.id, began.sessions + carried.sessions + carried_far.sessions AS sessions, day,
      summary
    FROM who CROSS JOIN began CROSS JOIN carried CROSS JOIN carried_far LEFT JOIN active ON true
    ORDER BY day
    """
)

# One user's events in some ranges of time: rows of a kind, and rows of an hour of the local clock.
IN_GAPS = text(
    """
    WITH event AS MATERIALIZED (
      SELECT event_type, event_category, event_action,
        coalesce(device_type, :no_device) AS device, duration_ms,
        floor((extract(epoch FROM event_timestamp) + (CAST(:offsets AS int[]))[
          width_bucket(event_timestamp, CAST(:changes AS timestamptz[])) + 1]) / 3600)::int AS hour
      FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])) AS gap (start, stop)
      -- The offset makes each gap a search of its own in the index.
      CROSS JOIN LATERAL (
        SELECT * FROM activity_event
        WHERE user_id = :user_id AND event_timestamp >= gap.start AND event_timestamp < gap.stop
        OFFSET 0
      ) AS found
    )
    SELECT * FROM (
      SELECT NULL::int AS hour, count(*) AS events, count(duration_ms) AS timed,
        coalesce(sum(duration_ms), 0)::bigint AS duration_ms,
        event_type AS type, event_category AS category, event_action AS action, device
      FROM event GROUP BY event_type, event_category, event_action, device
      ORDER BY 2 DESC, 5, 6, 7, 8 LIMIT :kinds_max
    ) AS kind
    UNION ALL
    SELECT hour, count(*), 0, 0, NULL, NULL, NULL, NULL FROM event GROUP BY hour
    """
)


@dataclass(slots=True)
class UserCounts:
    """Counts that `read_user` sums up; the maps create missing entries."""

    kinds: dict[Kind, list[int]]
    hours: dict[int, int]
    sessions: int = 0
    rows_read: int = 0


async def read_user(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    counts: UserCounts,
    *,
    kinds: bool = True,
    sessions: bool = True,
) -> None:
    """Add up all events of the filter's one user in a window. Two statements.

    Args:
        kinds: they are wanted.
        sessions: they are wanted, too.
    """
    (email,) = filter_.user_email
    given = {
        "email": email,
        "own": filter_.own,
        "sessions": sessions,
        "start": window.start,
        "end": window.end,
        # The UTC days that lie in the window as a whole.
        "first": (window.start + DAY - timedelta(microseconds=1)).date(),
        "last": window.end.date(),
    }
    days = (await session.execute(USER_AND_DAYS, given)).all()
    if not days:
        return
    counts.sessions = days[0].sessions
    summed = [row for row in days if row.day is not None]
    counts.rows_read = len(summed)
    clock = stretches(window)
    # A year of a busy user is ten thousand kinds and more: nothing is called for each of them.
    totals, hours = counts.kinds, counts.hours
    for number in range(0, len(summed), SUMMARIES_AT_ONCE):
        some = summed[number : number + SUMMARIES_AT_ONCE]
        if number:
            await asyncio.sleep(0)
        # All of them as one document, as that is parsed in two thirds of the time.
        summaries = orjson.loads(f"[{','.join([row.summary for row in some])}]")
        for row, summary in zip(some, summaries, strict=True):
            if kinds:
                for name, category, action, device, events, timed, duration_ms in summary["kinds"]:
                    kind = name, category, action, device or (NO_DEVICE if name else "")
                    if len(totals) >= KINDS_MAX and kind not in totals:
                        kind = OTHER_KIND
                    total = totals[kind]
                    total[0] += events
                    total[1] += timed
                    total[2] += duration_ms
            for slot, first, last in _slots_of(row.day, clock):
                for at, events in enumerate(summary["slots"][first:last], slot + first):
                    if events:
                        hours[at // SLOTS_PER_HOUR] += events
    if gaps := _gaps(window, [row.day for row in summed]):
        await _read_gaps(session, days[0].id, gaps, clock, counts)


async def _read_gaps(
    session: ReadSession,
    user_id: int,
    gaps: list[Gap],
    clock: Sequence[OffsetSpan],
    counts: UserCounts,
) -> None:
    given = {
        "user_id": user_id,
        "no_device": NO_DEVICE,
        "starts": [start for start, _ in gaps],
        "ends": [end for _, end in gaps],
        "changes": [stretch.start for stretch in clock[1:]],
        "offsets": [int(stretch.offset.total_seconds()) for stretch in clock],
        "kinds_max": GAP_KINDS_MAX,
    }
    rest = 0
    for row in await session.execute(IN_GAPS, given):
        if row.hour is None:
            total = counts.kinds[row.type, row.category, row.action, row.device]
            total[0] += row.events
            total[1] += row.timed
            total[2] += row.duration_ms
            rest -= row.events
        else:
            counts.hours[row.hour] += row.events
            counts.rows_read += row.events
            rest += row.events
    if rest:
        counts.kinds[OTHER_KIND][0] += rest


def _slots_of(day: date, clock: Sequence[OffsetSpan]) -> Iterator[tuple[int, int, int]]:
    """Return the quarter-hours of a UTC day by offset span: the local clock of its first one,
    counted from 1970, and the range. The clock does not change within a span."""
    midnight = datetime.combine(day, time(), UTC)
    for stretch in clock:
        if stretch.end <= midnight or stretch.start >= midnight + DAY:
            continue
        first = max(0, (stretch.start - midnight) // QUARTER_HOUR)
        last = min(SLOTS, (stretch.end - midnight) // QUARTER_HOUR)
        yield (midnight + stretch.offset - EPOCH) // QUARTER_HOUR, first, last


def _gaps(window: Window, summed: list[date]) -> list[Gap]:
    """Return the parts of the window outside of those UTC days, in order."""
    gaps: list[Gap] = []
    at = window.start
    for day in summed:
        midnight = datetime.combine(day, time(), UTC)
        if at < midnight:
            gaps.append((at, midnight))
        at = midnight + DAY
    if at < window.end:
        gaps.append((at, window.end))
    return gaps
