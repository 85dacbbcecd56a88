"""Gauges: current values, read periodically and when metrics are scraped."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

from sqlalchemy import text

from app.background.tasks import last_successes
from app.database.sessions import Database
from app.errors import ActivityError
from app.ingest.writer import GroupWriter
from app.observability import metrics
from app.privacy.erase import find_unfinished
from app.privacy.retention import retention_state
from app.settings import Settings
from app.stream.feed import Feed

# Several processes tell of each other: each writes down how it stands.
PAUSE_SECONDS = 0.5
# The database is asked at most so often, however many scrape, and never waited for long.
STATE_SECONDS = 10.0
STATE_TIMEOUT_SECONDS = 2.0

# A role that may not see the replication of others gets nulls; a standby has none of its own.
REPLICATION = text(
    """
    SELECT count(*) AS standbys,
      CASE WHEN pg_is_in_recovery() THEN 0
        ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), min(replay_lsn)), 0) END AS lag
    FROM pg_stat_replication
    """
)


class Gauges:
    """Gauges of one process; those read from the database are the same for all."""

    def __init__(
        self, database: Database, settings: Settings, writer: GroupWriter, feed: Feed
    ) -> None:
        self._database, self._settings = database, settings
        self._writer, self._feed = writer, feed
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def keep(self) -> None:
        """Note how things stand for as long as the process runs, and how late it is each time."""
        while True:
            due = monotonic() + PAUSE_SECONDS
            await asyncio.sleep(PAUSE_SECONDS)
            metrics.LOOP_LAG_SECONDS.observe(max(0.0, monotonic() - due))
            self.note()

    def note(self) -> None:
        queue = self._writer.queue
        metrics.QUEUE_EVENTS.set(queue.events)
        metrics.QUEUE_BYTES.set(queue.size_bytes)
        metrics.QUEUE_AGE_SECONDS.set(queue.oldest_seconds)
        metrics.STREAM_READERS.set(self._feed.readers)
        for name, (in_use, most) in self._database.pools().items():
            metrics.POOL_IN_USE.labels(name).set(in_use)
            metrics.POOL_MAX.labels(name).set(most)

    async def look(self, now: datetime) -> None:
        """All of it, the database's part included; where that does not answer, this says so."""
        self.note()
        if self._asking is None or self._asking.done():
            if monotonic() - self._asked_at < STATE_SECONDS:
                return
            self._asking = asyncio.create_task(self._ask(now))
        # Not cancelled: its connection would have to be thrown away.
        _, late = await asyncio.wait({self._asking}, timeout=STATE_TIMEOUT_SECONDS)
        if late:
            metrics.DATABASE_UP.set(0)

    async def close(self) -> None:
        """End what is being asked."""
        if self._asking is not None:
            _, late = await asyncio.wait({self._asking}, timeout=STATE_TIMEOUT_SECONDS)
            for task in late:
                task.cancel()

    async def _ask(self, now: datetime) -> None:
        is_up = False
        with suppress(ActivityError):
            await self._read_state(now)
            is_up = True
        metrics.DATABASE_UP.set(is_up)
        self._asked_at = monotonic()

    async def _read_state(self, now: datetime) -> None:
        for name, at in (await last_successes(self._database)).items():
            metrics.DUTY_LAST_SUCCESS.labels(name).set(at.astimezone(UTC).timestamp())
        state = await retention_state(self._database, self._settings, now)
        metrics.RETENTION_OVERDUE.set(state.overdue)
        oldest = state.oldest_event_at
        metrics.OLDEST_EVENT.set(0 if oldest is None else oldest.timestamp())
        unfinished = await find_unfinished(self._database)
        metrics.UNFINISHED.labels("erasure").set(unfinished.erasures)
        metrics.UNFINISHED.labels("opt_out").set(unfinished.opt_outs)
        async with self._database.read() as session:
            row = (await session.execute(REPLICATION)).one()
        metrics.STANDBYS.set(row.standbys)
        metrics.REPLICATION_LAG_BYTES.set(float(row.lag))
