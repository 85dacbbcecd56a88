"""Readiness of the service: checks the database at most once a second, however many callers ask."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.database.migrations import head_revision
from app.database.sessions import Database
from app.database.version_table import current_revision, is_behind
from app.errors import ActivityError, Unavailable
from app.ingest.writer import GroupWriter, WriterStats
from app.privacy.erase import Unfinished, find_unfinished
from app.privacy.retention import RetentionState, retention_state
from app.replica.reads import Replicas, ReplicaStatus
from app.settings import Settings

KEPT_FOR = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Ready:
    """The service can serve; this is how it stands."""

    migration: str
    ingest: WriterStats
    retention: RetentionState
    unfinished: Unfinished
    replica: ReplicaStatus | None


class Readiness:
    """Readiness of one process. It uses a connection of its own, so it works however busy callers
    keep theirs."""

    def __init__(
        self, database: Database, replicas: Replicas, writer: GroupWriter, settings: Settings
    ) -> None:
        self._database = database.of_readiness()
        self._replicas, self._writer, self._settings = replicas, writer, settings
        self._head = head_revision()
        self._asked_at: datetime | None = None
        self._asking: asyncio.Task[Ready | ActivityError] | None = None

    async def get(self, now: datetime) -> Ready:
        """The answer to all who ask within a second, good or bad.

        Raises:
            Unavailable: the service can't serve; the message says why.
        """
        task = self._asking
        is_kept = self._asked_at is not None and abs(now - self._asked_at) < KEPT_FOR
        if task is None or (task.done() and not is_kept):
            self._asked_at = now
            self._asking = task = asyncio.create_task(self._ask(now))
        answer = await asyncio.shield(task)
        if isinstance(answer, ActivityError):
            raise answer
        return answer

    async def close(self) -> None:
        """End what is being asked."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _ask(self, now: datetime) -> Ready | ActivityError:
        try:
            return await self._read(now)
        except ActivityError as error:
            return error

    async def _read(self, now: datetime) -> Ready:
        await self._database.check_writable()
        async with self._database.read() as session:
            revision = await current_revision(await session.connection())
        if revision is None or is_behind(revision, self._head):
            raise Unavailable(
                f"The database schema is at revision {revision}, but the service needs "
                f"{self._head}. Run `activity-events migrate`.",
                code="migrations_pending",
            )
        return Ready(
            revision,
            self._writer.stats,
            await retention_state(self._database, self._settings, now),
            await find_unfinished(self._database),
            await self._replicas.state(),
        )
