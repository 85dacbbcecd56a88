"""Periodic background tasks, each run by one process at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.database.locks import TASK_LOCK_CLASS, TRY_LOCK_TASK, UNLOCK_TASK, task_lock
from app.database.partitions import ensure_partitions
from app.database.sessions import Database
from app.errors import ActivityError
from app.ingest.outbox import forget_arrivals
from app.ingest.summaries import sum_up_days
from app.insights.prediction.calibration import score_all
from app.models import BackgroundTaskRun
from app.observability.metrics import DUTY_FAILURES
from app.privacy.erase import finish_erasures
from app.privacy.opt_out import finish_opt_outs
from app.privacy.retention import DUTY as RETENTION
from app.privacy.retention import enforce_retention
from app.settings import Settings

logger = logging.getLogger("activity_events")

# A service that has just started has other things to do.
FIRST_LOOK_SECONDS = 5.0
LOOK_SECONDS = 60.0
RETRY_AFTER = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class BackgroundTask:
    """Something to be done again when its last success is `every` ago."""

    name: str
    every: timedelta
    run: Callable[[Database, Settings, datetime], Awaitable[object]]
    retry_after: timedelta = RETRY_AFTER


async def _partitions(database: Database, settings: Settings, now: datetime) -> None:
    async with database.transaction() as session:
        made = await ensure_partitions(await session.connection(), settings, now)
    if made:
        logger.info("partitions created: %s", ", ".join(made))


async def _retention(database: Database, settings: Settings, now: datetime) -> None:
    done = await enforce_retention(database, settings, now)
    if done.events_deleted:
        dropped = ", ".join(done.partitions_dropped) or "none"
        logger.info(
            "%s events past retention deleted; partitions dropped: %s", done.events_deleted, dropped
        )


async def _unfinished(database: Database, _: Settings, __: datetime) -> None:
    """Erasures and opt-outs that were cut off."""
    try:
        await finish_erasures(database)
    finally:
        await finish_opt_outs(database)


async def _arrivals(database: Database, settings: Settings, now: datetime) -> None:
    await forget_arrivals(database, now - timedelta(minutes=settings.stream_resume_minutes))


async def _summaries(database: Database, _: Settings, now: datetime) -> None:
    await sum_up_days(database, now)


async def _predictions(database: Database, _: Settings, now: datetime) -> None:
    await score_all(database, now)


BACKGROUND_TASKS = (
    BackgroundTask("partitions", timedelta(hours=6), _partitions),
    BackgroundTask("unfinished", MINUTE, _unfinished, retry_after=MINUTE),
    BackgroundTask(RETENTION, timedelta(days=1), _retention),
    BackgroundTask("arrivals", MINUTE, _arrivals),
    BackgroundTask("summaries", MINUTE, _summaries),
    BackgroundTask("predictions", MINUTE, _predictions),
)


async def last_successes(database: Database) -> dict[str, datetime]:
    """Return the time of each task's last success, by name.

    Raises:
        Unavailable: the database can't be reached.
    """
    async with database.read() as session:
        found = await session.execute(
            select(BackgroundTaskRun.name, BackgroundTaskRun.last_success_at)
        )
        return {row.name: row.last_success_at for row in found}


class BackgroundTasks:
    """Looks now and then what is due, for as long as the process runs."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime],
        tasks: tuple[BackgroundTask, ...] = BACKGROUND_TASKS,
    ) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._tasks = tasks
        self._not_before: dict[str, datetime] = {}  # after a failure
        for task in tasks:
            DUTY_FAILURES.labels(task.name)  # from 0 on: the first failure is a rise, too

    async def keep(self) -> None:
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Do what is due; a task that fails is tried again later, and holds up no other."""
        for task in self._tasks:
            now = self._clock()
            if now < self._not_before.get(task.name, now):
                continue
            try:
                await self._do_if_due(task, now)
            except Exception as error:  # noqa: BLE001 (the next look comes in any case)
                # What else an error says may be a user's.
                why = str(error) if isinstance(error, ActivityError) else type(error).__name__
                fields = error.log_fields if isinstance(error, ActivityError) else {}
                logger.warning("task %s failed: %s", task.name, why, extra={"fields": fields})
                DUTY_FAILURES.labels(task.name).inc()
                self._not_before[task.name] = now + task.retry_after

    async def _do_if_due(self, task: BackgroundTask, now: datetime) -> None:
        lock = {"class": TASK_LOCK_CLASS, "key": task_lock(task.name)}
        async with self._database.read() as session:
            if not (await session.execute(TRY_LOCK_TASK, lock)).scalar_one():
                return  # another process is at it
            try:
                statement = select(BackgroundTaskRun.last_success_at).where(
                    BackgroundTaskRun.name == task.name
                )
                last = (await session.scalars(statement)).one_or_none()
                if last is None or now - last >= task.every:
                    await task.run(self._database, self._settings, now)
                    await self._record(task, now)
            finally:
                await session.execute(UNLOCK_TASK, lock)

    async def _record(self, task: BackgroundTask, now: datetime) -> None:
        given = insert(BackgroundTaskRun).values(name=task.name, last_success_at=now)
        async with self._database.transaction() as session:
            await session.execute(
                given.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"last_success_at": given.excluded.last_success_at},
                )
            )
