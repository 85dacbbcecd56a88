"""The day on which a key was last used: stored once a day, outside of the request that used it."""

import asyncio
import logging
from datetime import date

from sqlalchemy import text

from app.database.sessions import Database
from app.errors import ActivityError

logger = logging.getLogger("activity_events")

# What comes meanwhile is written together.
WRITE_AFTER_SECONDS = 5.0
RETRY_SECONDS = 60.0

WRITE = text(
    "UPDATE api_key SET last_used_on = :day"
    " WHERE prefix = :prefix AND (last_used_on IS NULL OR last_used_on < :day)"
)


class KeyUse:
    """Uses of keys that this process still has to store. Requests neither wait for it nor fail with
    it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[str, date] = {}
        self._unwritten: dict[str, date] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, prefix: str, day: date) -> None:
        """Note that a key is used today; the first call of a day has it written down."""
        if self._noted.get(prefix) == day:
            return
        self._noted[prefix] = self._unwritten[prefix] = day
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_later())

    async def write(self) -> None:
        """Write down what is noted: the rows in one order, as other processes write them, too.

        Raises:
            Unavailable: the database can't be reached; what is noted is kept.
        """
        written = dict(sorted(self._unwritten.items()))
        if not written:
            return
        async with self._database.transaction() as session:
            await session.execute(
                WRITE, [{"prefix": prefix, "day": day} for prefix, day in written.items()]
            )
        for prefix, day in written.items():
            if self._unwritten.get(prefix) == day:
                del self._unwritten[prefix]

    async def close(self) -> None:
        """Write down what is still noted, where that is done at once."""
        if self._writing is None:
            return
        self._writing.cancel()
        await asyncio.wait({self._writing})
        try:
            async with asyncio.timeout(1.0):
                await self.write()
        except (ActivityError, TimeoutError):
            logger.info("the last use of keys could not be stored")

    async def _write_later(self) -> None:
        await asyncio.sleep(WRITE_AFTER_SECONDS)
        while self._unwritten:
            try:
                await self.write()
            except ActivityError:
                await asyncio.sleep(RETRY_SECONDS)
