"""Group commit: while one transaction commits, the requests of the next gather.

A request puts its rows on the queue and waits. A writer takes the queued rows, writes them in one
transaction, and answers once the commit has returned. There is no timer: alone, a request is
written at once; under load, groups grow by themselves.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from time import monotonic

import asyncpg

from app.database.connection import Connection
from app.database.errors import (
    FAILURES,
    CommitUnknown,
    is_elsewhere,
    is_lost,
    is_read_only,
    sqlstate_of,
    translate,
)
from app.database.rollup_kinds import RollupKindCache
from app.database.sessions import Database
from app.ingest.group import UsersChanged, write_group
from app.ingest.queue import QueuedRequest, RequestQueue
from app.ingest.results import WriteOutcomes
from app.ingest.rows import EventRow
from app.ingest.users import UserCache
from app.observability import metrics
from app.observability.database_errors import count_database_error
from app.observability.traces import flush_span
from app.settings import Settings

# Of one group: for users who were changed, a connection that died in idleness or leads to a server
# that takes no writes, a deadlock. None of these commits, so that another attempt repeats nothing.
# Where the answer to a COMMIT is missing, another attempt finds out by the events' identities.
ATTEMPTS = 4
# Of one group, in all: others wait behind it.
PATIENCE_SECONDS = 25.0
DEADLOCK_STATES = frozenset({"40P01", "40001"})


@dataclass(slots=True)
class WriterStats:
    """Running totals since the start."""

    groups: int = 0
    requests: int = 0
    events: int = 0


class GroupWriter:
    """The queue and the tasks that empty it. One for each process; several processes are safe.

    Only what is `announced` is seen by those who listen to what arrives.
    """

    def __init__(self, database: Database, settings: Settings, *, announced: bool = True) -> None:
        self.stats = WriterStats()
        self.queue = RequestQueue(settings)
        known, kinds = UserCache(settings), RollupKindCache(settings.rollup_kinds_per_day)
        self._writers = [
            _Writer(database, self.queue, known, kinds, self.stats, announced=announced)
            for _ in range(settings.writer_tasks)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(writer.run()) for writer in self._writers]

    async def close(self) -> None:
        """Accept no further requests, write the queued ones, and end."""
        self.queue.close()
        await asyncio.gather(*self._tasks)

    async def write(
        self, rows: list[EventRow], size_bytes: int, caller: str | None = None
    ) -> WriteOutcomes:
        """Write a request's rows; when this returns, they are committed, but for what the
        outcomes say.

        Args:
            size_bytes: about how much memory they hold, for the bound on the queue.
            caller: whose share of the queue they take; None has none.

        Raises:
            ShareExceeded, Overloaded, DatabaseUnavailable: nothing is known to be committed; a
                retry settles it.
        """
        return await self.queue.put(rows, size_bytes, caller).done


class _Writer:
    """One task with a connection of its own."""

    def __init__(
        self,
        database: Database,
        queue: RequestQueue,
        known: UserCache,
        kinds: RollupKindCache,
        stats: WriterStats,
        *,
        announced: bool,
    ) -> None:
        self._database = database
        self._queue = queue
        self._known = known
        self._kinds = kinds
        self._stats = stats
        self._announced = announced
        self._connection: Connection | None = None
        self._gives_up_at = 0.0
        # Of the present group: its events may be stored already, by a commit that wasn't answered.
        self._may_be_stored = False

    async def run(self) -> None:
        while group := await self._queue.take():
            taken_at = monotonic()
            self._gives_up_at, self._may_be_stored = taken_at + PATIENCE_SECONDS, False
            events = sum(len(request.rows) for request in group)
            self._stats.groups += 1
            self._stats.requests += len(group)
            self._stats.events += events
            waited = [(request.context, taken_at - request.queued_at) for request in group]
            with flush_span(waited, events):
                is_written = await self._write(group)
            metrics.GROUP_REQUESTS.observe(len(group))
            metrics.GROUP_EVENTS.observe(events)
            metrics.QUEUE_WAIT_SECONDS.observe(waited[0][1])
            metrics.FLUSH_SECONDS.observe(monotonic() - taken_at)
            metrics.FLUSHES.labels("committed" if is_written else "failed").inc()
        await self._disconnect()

    async def _write(self, group: list[QueuedRequest]) -> bool:
        """Write a group and answer all its requests; return whether all were committed."""
        try:
            try:
                await self._commit(group, expect_new=True)
            except asyncpg.PostgresError as error:
                if is_elsewhere(error) or is_read_only(error):
                    raise
                # One of the rows is stored already, or can't be.
                await self._commit(group, expect_new=False)
        except Exception as error:  # noqa: BLE001 (else its requests would wait for ever)
            if (
                len(group) == 1
                or not isinstance(error, asyncpg.PostgresError)
                or is_lost(error)
                or is_read_only(error)
                or monotonic() > self._gives_up_at
            ):
                failure = translate(error)
                for request in group:
                    request.fail(failure)
                return False
            # One request must not fail the others.
            return all([await self._write([request]) for request in group])
        return True

    async def _commit(self, group: list[QueuedRequest], *, expect_new: bool) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS or monotonic() > self._gives_up_at
            is_known = False
            try:
                connection, is_known = await self._connect()
                outcomes = await write_group(
                    connection,
                    [request.rows for request in group],
                    self._known,
                    expect_new=expect_new and not self._may_be_stored,
                    announced=self._announced,
                    settles=self._may_be_stored,
                    kinds=self._kinds,
                )
            except UsersChanged:
                if last:
                    raise
            except CommitUnknown as error:
                self._may_be_stored = True
                await self._disconnect()
                if last:
                    raise
                count_database_error(error, None)
            except FAILURES as error:
                # A slow one is not retried: its caller has waited long already.
                again = is_known and is_lost(error) and not isinstance(error, TimeoutError)
                if is_read_only(error):
                    self._database.freshness.renew()
                    again = is_known
                if is_lost(error) or is_read_only(error):
                    await self._disconnect()
                again = again or sqlstate_of(error) in DEADLOCK_STATES
                if is_elsewhere(error):
                    # Citus may have had a connection to a worker that died in idleness.
                    again = attempt == 1
                if last or not again:
                    raise
                count_database_error(error, sqlstate_of(error))
            else:
                for request, each in zip(group, outcomes, strict=True):
                    request.succeed(each)
                return

    async def _connect(self) -> tuple[Connection, bool]:
        """A connection, and whether it was there before."""
        if self._connection is not None and not self._database.freshness.is_stale(self._connection):
            return self._connection, True
        await self._disconnect()
        self._connection = await self._database.connect_writer()
        return self._connection, False

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await connection.close()
