"""Events in the order in which they became visible, for live streams.

Transactions commit in another order than they begin. Those before the oldest running transaction
are complete, so a reader that stops there misses nothing and repeats nothing.
"""

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.database.sessions import ReadSession
from app.errors import ResumeExpired
from app.read.events import as_sent
from app.read.filters import user_ids

GROUPS_AT_ONCE = 20
# Where most of them may be of others: those are left out where they are.
GROUPS_OF_SOME_AT_ONCE = 200
EVENTS_AT_ONCE = 500
_POSITION = re.compile(r"(\d{1,18})\.(\d{1,9})", re.ASCII)

HORIZON = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")

# What came after a position, complete transactions alone: of each transaction its size, and the
# events of some users (or of all) with their places in it, until there are enough.
GROUPS = text(
    """
    SELECT transaction_id, size, groups, places, user_ids, event_timestamps, event_ids
    FROM (
      SELECT arrival.transaction_id, arrival.size, wanted.*,
        count(*) OVER () AS groups,
        sum(cardinality(wanted.places)) OVER (
          ORDER BY arrival.transaction_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before
      FROM (
        SELECT transaction_id, cardinality(user_ids) AS size, user_ids, event_timestamps, event_ids
        FROM activity_arrival
        WHERE transaction_id >= :after
          AND transaction_id < coalesce(
            CAST(:horizon AS bigint), pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
        ORDER BY transaction_id LIMIT :at_most
      ) AS arrival
      CROSS JOIN LATERAL (
        SELECT array_agg(place ORDER BY place) AS places,
          array_agg(user_id ORDER BY place) AS user_ids,
          array_agg(at ORDER BY place) AS event_timestamps,
          array_agg(id ORDER BY place) AS event_ids
        FROM unnest(arrival.user_ids, arrival.event_timestamps, arrival.event_ids)
          WITH ORDINALITY AS each (user_id, at, id, place)
        WHERE (arrival.transaction_id > :after OR place > :after_place)
          AND (CAST(:of_all AS boolean) OR arrival.user_ids && CAST(:user_ids AS bigint[]))
          AND (CAST(:of_all AS boolean) OR user_id = ANY(CAST(:user_ids AS bigint[])))
      ) AS wanted
    ) AS step
    WHERE coalesce(before, 0) < :events
    ORDER BY transaction_id
    """
)

# Whether a position can still be gone on from: the oldest group that is kept is the last of those
# that were forgotten, so that nothing after it is missing.
CAN_RESUME = text(
    """
    SELECT CAST(:after AS bigint) < pg_snapshot_xmax(pg_current_snapshot())::text::bigint
      AND CAST(:after AS bigint) >= coalesce((SELECT min(transaction_id) FROM activity_arrival), 0)
    """
)

# In the order of the keys; without what is gone meanwhile, or hidden.
EVENTS = text(
    """
    SELECT given.place, event.event_id, event.event_timestamp, event.event_type,
      event.event_category, event.event_action, event.entity_type, event.entity_id,
      event.event_metadata::text AS event_metadata, event.session_id, event.session_seq,
      event.device_type, event.context_snapshot::text AS context_snapshot, event.duration_ms,
      event.received_at, event.user_id, app_user.email AS user_email
    FROM unnest(CAST(:user_ids AS bigint[]), CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]))
      WITH ORDINALITY AS given (user_id, at, id, place)
    JOIN activity_event AS event ON event.user_id = given.user_id
      AND event.event_timestamp = given.at AND event.event_id = given.id
    JOIN app_user ON app_user.id = event.user_id
      AND app_user.email IS NOT NULL AND NOT app_user.analytics_opt_out
    WHERE event.user_id = ANY(CAST(:user_ids AS bigint[]))
      AND event.event_timestamp BETWEEN :first AND :last
    ORDER BY given.place
    """
)

# On Citus, word of a transaction may be there a moment before what it wrote on the workers is; its
# number (of which a lock has the lower half) stays locked for so long.
STILL_COMMITTING = text(
    """
    SELECT EXISTS (
      SELECT FROM pg_locks
      WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted
        AND transactionid::text::bigint = ANY(CAST(:numbers AS bigint[]))
    )
    """
)
LOOKS_MAX = 50
PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """An event's place in the order: its transaction, and its place in that, from 1. Place 0 is
    before all of a transaction."""

    transaction_id: int
    place: int = 0

    def __str__(self) -> str:
        return f"{self.transaction_id}.{self.place}"


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event as it is sent, its metadata as JSON text, and its place in the order."""

    position: Position
    event: dict[str, Any]
    metadata: str


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events after a position, and the position that they reach."""

    events: list[Arrived]
    until: Position
    is_all: bool


def parse_resume_position(given: str) -> Position:
    """A position as it was sent.

    Raises:
        ResumeExpired: it is none.
    """
    found = _POSITION.fullmatch(given)
    if found is None:
        raise ResumeExpired("Last-Event-ID: it is not an id of this stream.")
    return Position(int(found[1]), int(found[2]))


async def present(session: ReadSession) -> Position:
    """Return the position before all incomplete transactions."""
    return Position((await session.execute(HORIZON)).scalar_one())


async def require_kept(session: ReadSession, after: Position) -> None:
    """Raise ResumeExpired: what came after that position is no longer known."""
    found = await session.execute(CAN_RESUME, {"after": after.transaction_id})
    if not found.scalar_one():
        raise ResumeExpired(
            "The events since this Last-Event-ID are no longer available in the stream. Read "
            "them with GET /api/events/, and connect without Last-Event-ID."
        )


async def arrivals(
    session: ReadSession, after: Position, users: Collection[str] | None = None
) -> Arrivals:
    """Return the next events after a position, in order of arrival, a bounded number.

    Args:
        users: emails; events of others are skipped in the database. None means all users.
    """
    ids, horizon = list[int](), None
    if users is not None:
        # In this order: later users only have later events.
        horizon = (await session.execute(HORIZON)).scalar_one()
        ids = await user_ids(session, tuple(users))
    at_most = GROUPS_AT_ONCE if users is None else GROUPS_OF_SOME_AT_ONCE
    given = {
        "after": after.transaction_id,
        "after_place": after.place,
        "horizon": horizon,
        "at_most": at_most,
        "of_all": users is None,
        "user_ids": ids,
        "events": EVENTS_AT_ONCE,
    }
    groups = (await session.execute(GROUPS, given)).all()
    if not groups:
        return Arrivals([], after, is_all=True)
    keys = [
        (Position(group.transaction_id, place), key)
        for group in groups
        for place, *key in zip(
            *(group.places or (), group.user_ids or ()),
            *(group.event_timestamps or (), group.event_ids or ()),
            strict=True,
        )
    ]
    some, last = keys[:EVENTS_AT_ONCE], groups[-1]
    is_whole = len(some) == len(keys) and len(groups) == last.groups
    until = max(after, Position(last.transaction_id, last.size))
    if len(some) < len(keys):
        until = some[-1][0]
    is_all = is_whole and last.groups < at_most
    if not some:
        return Arrivals([], until, is_all)
    events = await _events(session, some)
    if len(events) < len(some):
        there = {each.position for each in events}
        await _until_committed(session, [at for at, _ in some if at not in there])
        events = await _events(session, some)
    return Arrivals(events, until, is_all)


async def _until_committed(session: ReadSession, missing: Sequence[Position]) -> None:
    """Return once the transactions have also ended on the workers, or after a second: the data of a
    worker that died is not delivered. Without Citus, they have."""
    numbers = list({each.transaction_id % 2**32 for each in missing})
    for _ in range(LOOKS_MAX):
        if not (await session.execute(STILL_COMMITTING, {"numbers": numbers})).scalar_one():
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def _events(
    session: ReadSession, keys: Sequence[tuple[Position, Sequence[Any]]]
) -> list[Arrived]:
    times = [key[1] for _, key in keys]
    rows = await session.execute(
        EVENTS,
        {
            "user_ids": [key[0] for _, key in keys],
            "times": times,
            "ids": [key[2] for _, key in keys],
            "first": min(times),
            "last": max(times),
        },
    )
    return [Arrived(keys[row.place - 1][0], as_sent(row), row.event_metadata) for row in rows]
