"""What everybody does, as it was learnt last: again when somebody asks and it has grown old."""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

from app.db import Reads
from app.errors import ActivityError
from app.insights.everybody import NOBODY, Everybody, Learner
from app.read.sample import read_sample
from app.read.window import everything_until

logger = logging.getLogger("activity_events")

FRESH = timedelta(minutes=15)
# The first to ask wait so long at most, and are told without everybody then.
FIRST_WAIT_SECONDS = 0.5
# So long at a time it keeps others waiting, and then it lets them go on.
SLICE_SECONDS = 0.002
REST_SECONDS = 0.008


class CurrentEverybody:
    """One for each process. Learning is done beside the answering, a few milliseconds at a time."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._learnt = NOBODY
        self._begun_at: datetime | None = None
        self._learning: asyncio.Task[None] | None = None

    async def get(self, now: datetime) -> Everybody:
        """As it is known, which on the first call may be not at all."""
        is_first = self._begun_at is None
        if self._begun_at is None or now - self._begun_at >= FRESH:
            self._begun_at = now
            if self._learning is None or self._learning.done():
                self._learning = asyncio.create_task(self._learn(now))
        if is_first and self._learning is not None:
            await asyncio.wait({self._learning}, timeout=FIRST_WAIT_SECONDS)
        return self._learnt

    async def close(self) -> None:
        if self._learning is not None:
            self._learning.cancel()
            with suppress(asyncio.CancelledError):
                await self._learning

    async def _learn(self, now: datetime) -> None:
        try:
            window = everything_until(now)
            sample = await self._reads.ask(lambda session: read_sample(session, window), heavy=True)
        except ActivityError as error:
            logger.warning("what everybody does was not learnt: %s", error)
            return
        learner = await asyncio.to_thread(Learner, sample)
        begun = monotonic()
        for _ in learner.steps():
            if monotonic() - begun >= SLICE_SECONDS:
                await asyncio.sleep(REST_SECONDS)
                begun = monotonic()
        self._learnt = await asyncio.to_thread(learner.learnt, now)
