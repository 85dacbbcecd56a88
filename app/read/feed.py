"""Events as they arrive, to any number of readers: one look at the database for all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from app.db import Database
from app.errors import ActivityError, Overloaded
from app.read.arrivals import Arrived, Position, arrivals, present, require_kept
from app.read.filters import EventFilter
from app.read.matching import matches
from app.settings import Settings

LOOK_SECONDS = 0.2
RETRY_SECONDS = 1.0
# A reader that is this far behind is cut off: it goes on from its last event when it comes again.
WAITING_MAX = 2_000


@dataclass(eq=False, slots=True)
class Reader:
    """Who listens. What came between `after` and `joined_at` it still has to be told; what came
    since then waits for it, and after that None, where it was cut off or the service stops."""

    filter_: EventFilter
    after: Position | None
    joined_at: Position
    waiting: "asyncio.Queue[Arrived | None]" = field(default_factory=asyncio.Queue)
    has_ended: bool = False

    def offer(self, arrived: Arrived) -> None:
        if self.has_ended or not matches(self.filter_, arrived.event, arrived.metadata):
            return
        if self.waiting.qsize() >= WAITING_MAX:
            self.end()
        else:
            self.waiting.put_nowait(arrived)

    def end(self) -> None:
        """Nothing more comes after what is waiting."""
        if not self.has_ended:
            self.has_ended = True
            self.waiting.put_nowait(None)


class Feed:
    """The readers of one process, and the task that looks for new events while there are any."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._readers_max = settings.streams_max
        self._readers: set[Reader] = set()
        self._position: Position | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_ended = False

    @property
    def position(self) -> Position:
        """How far the feed has looked; there is a reader."""
        assert self._position is not None  # noqa: S101
        return self._position

    @property
    def readers(self) -> int:
        """How many there are."""
        return len(self._readers)

    async def join(self, filter_: EventFilter, after: Position | None) -> Reader:
        """A new reader: of everything from now on, or since a position.

        Raises:
            ResumeExpired: what came since then is no longer known.
            Overloaded: there are too many, or the service stops.
            Unavailable: the database can't be reached.
        """
        self._require_room()
        async with self._database.read() as session:
            if after is not None:
                await require_kept(session, after)
            now = await present(session)
        self._require_room()
        self._position = self._position or now
        reader = Reader(filter_, after, joined_at=self._position)
        self._readers.add(reader)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        return reader

    def _require_room(self) -> None:
        if self._has_ended or len(self._readers) >= self._readers_max:
            raise Overloaded("Too many streams are open. Try the same again later.")

    def leave(self, reader: Reader) -> None:
        self._readers.discard(reader)
        if not self._readers:
            self._position = None
            if self._task is not None:
                self._task.cancel()
                self._task = None

    async def missed(self, reader: Reader) -> AsyncIterator[Arrived]:
        """What came between the reader's last event and its joining, and passes its filter.

        Raises:
            Unavailable: the database can't be reached.
        """
        after = reader.after
        while after is not None and after < reader.joined_at:
            async with self._database.read() as session:
                found = await arrivals(session, after)
            for arrived in found.events:
                if arrived.position > reader.joined_at:
                    return
                if matches(reader.filter_, arrived.event, arrived.metadata):
                    yield arrived
            after = None if found.is_all else found.until

    def end(self) -> None:
        """The service stops: every reader comes to its end, and no other comes."""
        self._has_ended = True
        for reader in self._readers:
            reader.end()

    async def close(self) -> None:
        self.end()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _look(self) -> None:
        try:
            while self._readers:
                pause = await self._look_once()
                await asyncio.sleep(pause)
        finally:
            for reader in self._readers:
                reader.end()

    async def _look_once(self) -> float:
        """Tells the readers what is new; how long to wait until the next look."""
        try:
            async with self._database.read() as session:
                found = await arrivals(session, self.position)
        except ActivityError:
            return RETRY_SECONDS  # what comes meanwhile is told later
        for arrived in found.events:
            for reader in self._readers:
                reader.offer(arrived)
        self._position = found.until
        return LOOK_SECONDS if found.is_all else 0
