"""Cache of the population model: trained again on request once it is stale."""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

from app.database.sessions import Reads
from app.errors import ActivityError
from app.insights.prediction.population_model import EMPTY_MODEL, Learner, PopulationModel
from app.insights.prediction.training_sample import read_sample
from app.read.window import everything_until

logger = logging.getLogger("activity_events")

FRESH = timedelta(minutes=15)
# Maximum wait of the first callers, who then get results without the population.
FIRST_WAIT_SECONDS = 0.5
# It blocks others for this long at a time, and then yields to them.
SLICE_SECONDS = 0.002
REST_SECONDS = 0.008


class PopulationModelCache:
    """One for each process. Learning is done beside the answering, a few milliseconds at a time."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._learnt = EMPTY_MODEL
        self._begun_at: datetime | None = None
        self._learning: asyncio.Task[None] | None = None

    async def get(self, now: datetime) -> PopulationModel:
        """Return the model as last trained; on the first call it may be untrained."""
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
            logger.warning("the population model could not be trained: %s", error)
            return
        learner = await asyncio.to_thread(Learner, sample)
        begun = monotonic()
        for _ in learner.steps():
            if monotonic() - begun >= SLICE_SECONDS:
                await asyncio.sleep(REST_SECONDS)
                begun = monotonic()
        self._learnt = await asyncio.to_thread(learner.learnt, now)
