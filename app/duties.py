"""What has to be done now and then, by whichever process is there; by one of them at a time."""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from app.db import Database
from app.errors import ActivityError
from app.ingest.arrivals import forget_arrivals
from app.ingest.summaries import sum_up_days
from app.insights.calibration import score_all
from app.models import Duty as DutyRecord
from app.privacy.erase import finish_erasures
from app.privacy.opt_out import finish_opt_outs
from app.privacy.partitions import ensure_partitions
from app.privacy.retention import DUTY as RETENTION
from app.privacy.retention import enforce_retention
from app.settings import Settings
from app.watch.metrics import DUTY_FAILURES

logger = logging.getLogger("activity_events")

# A service that has just started has other things to do.
FIRST_LOOK_SECONDS = 5.0
LOOK_SECONDS = 60.0
RETRY_AFTER = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
LOCK_CLASS = 0x647574

TRY_LOCK = text("SELECT pg_try_advisory_lock(:class, :key)")
UNLOCK = text("SELECT pg_advisory_unlock(:class, :key)")


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to be done again when its last success is `every` ago."""

    name: str
    every: timedelta
    run: Callable[[Database, Settings, datetime], Awaitable[object]]
    retry_after: timedelta = RETRY_AFTER


async def _partitions(database: Database, settings: Settings, now: datetime) -> None:
    async with database.transaction() as session:
        made = await ensure_partitions(await session.connection(), settings, now)
    if made:
        logger.info("partitions made: %s", ", ".join(made))


async def _retention(database: Database, settings: Settings, now: datetime) -> None:
    done = await enforce_retention(database, settings, now)
    if done.events_deleted:
        dropped = ", ".join(done.partitions_dropped) or "none"
        logger.info("%s events past retention; dropped: %s", done.events_deleted, dropped)


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


DUTIES = (
    Duty("partitions", timedelta(hours=6), _partitions),
    Duty("unfinished", MINUTE, _unfinished, retry_after=MINUTE),
    Duty(RETENTION, timedelta(days=1), _retention),
    Duty("arrivals", MINUTE, _arrivals),
    Duty("summaries", MINUTE, _summaries),
    Duty("predictions", MINUTE, _predictions),
)


async def last_successes(database: Database) -> dict[str, datetime]:
    """When each duty was last done, by name.

    Raises:
        Unavailable: the database can't be reached.
    """
    async with database.read() as session:
        found = await session.execute(select(DutyRecord.name, DutyRecord.last_success_at))
        return {row.name: row.last_success_at for row in found}


class Duties:
    """Looks now and then what is due, for as long as the process runs."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime],
        duties: tuple[Duty, ...] = DUTIES,
    ) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._duties = duties
        self._not_before: dict[str, datetime] = {}  # after a failure
        for duty in duties:
            DUTY_FAILURES.labels(duty.name)  # from 0 on: the first failure is a rise, too

    async def keep(self) -> None:
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Does what is due; a duty that fails is tried again later, and holds up no other."""
        for duty in self._duties:
            now = self._clock()
            if now < self._not_before.get(duty.name, now):
                continue
            try:
                await self._do_if_due(duty, now)
            except Exception as error:  # noqa: BLE001 (the next look comes in any case)
                # What else an error says may be a user's.
                why = str(error) if isinstance(error, ActivityError) else type(error).__name__
                fields = error.log_fields if isinstance(error, ActivityError) else {}
                logger.warning("duty %s failed: %s", duty.name, why, extra={"fields": fields})
                DUTY_FAILURES.labels(duty.name).inc()
                self._not_before[duty.name] = now + duty.retry_after

    async def _do_if_due(self, duty: Duty, now: datetime) -> None:
        lock = {"class": LOCK_CLASS, "key": zlib.crc32(duty.name.encode()) - 2**31}
        async with self._database.read() as session:
            if not (await session.execute(TRY_LOCK, lock)).scalar_one():
                return  # another process is at it
            try:
                statement = select(DutyRecord.last_success_at).where(DutyRecord.name == duty.name)
                last = (await session.scalars(statement)).one_or_none()
                if last is None or now - last >= duty.every:
                    await duty.run(self._database, self._settings, now)
                    await self._record(duty, now)
            finally:
                await session.execute(UNLOCK, lock)

    async def _record(self, duty: Duty, now: datetime) -> None:
        given = insert(DutyRecord).values(name=duty.name, last_success_at=now)
        async with self._database.transaction() as session:
            await session.execute(
                given.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"last_success_at": given.excluded.last_success_at},
                )
            )
