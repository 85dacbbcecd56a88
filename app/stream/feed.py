"""Events as they arrive, to any number of readers: one look at the database for all of them.

Readers of some users are found by the user, those that ask for the same by what they ask for, and
an event is written as JSON once: what one more reader costs does not grow with others' events.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

import orjson

from app.database.sessions import Database
from app.database.slots import Slots
from app.errors import ActivityError, Overloaded
from app.read.filters import EventFilter
from app.settings import Settings
from app.stream.match import Matcher
from app.stream.outbox_reader import Arrivals, Arrived, Position, arrivals, present, require_kept
from app.stream.readers import Message, Reader, Readers

LOOK_SECONDS = 0.2
RETRY_SECONDS = 1.0
# How long it hands out events before others have their turn.
SLICE_SECONDS = 0.005
# Statements at one time that read what readers have missed.
REPLAYS_MAX = 4
JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class Feed:
    """The readers of one process, and the task that looks for new events while there are any."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._slots = Slots("streams", "streams", settings.streams_max)
        self._replays = Slots(
            "replays",
            "replays of streams",
            REPLAYS_MAX,
            wait_seconds=settings.database_timeout_seconds,
        )
        self._readers = Readers()
        self._position: Position | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_ended = False

    @property
    def position(self) -> Position:
        """Position up to which the feed has read."""
        assert self._position is not None  # noqa: S101
        return self._position

    @property
    def readers(self) -> int:
        """Number of readers."""
        return len(self._readers)

    async def join(
        self,
        filter_: EventFilter,
        after: Position | None,
        database: Database | None = None,
        caller: str | None = None,
    ) -> Reader:
        """A new reader: of everything from now on, or since a position.

        Args:
            database: its caller's way to the database; None is the feed's own.
            caller: whose share of the streams it takes; None has none.

        Raises:
            ResumeExpired: what came since then is no longer known.
            ShareExceeded: the caller has its share of the streams.
            Overloaded: there are too many, or the service stops.
            Unavailable: the database can't be reached.
        """
        self._require_running()
        self._slots.take(caller)
        joined = False
        try:
            database = database or self._database
            async with database.read() as session:
                if after is not None:
                    await require_kept(session, after)
                now = await present(session)
            self._require_running()
            joined = True
        finally:
            if not joined:
                self._slots.give_back(caller)
        self._position = self._position or now
        # What it has seen already may lie ahead, where the feed began again from an older present.
        joined_at = max(self._position, after or self._position)
        reader = Reader(filter_, after, joined_at, database, caller)
        self._readers.add(reader)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        return reader

    def _require_running(self) -> None:
        if self._has_ended:
            raise Overloaded("The service is shutting down. Retry the request.")

    def leave(self, reader: Reader) -> None:
        if not self._readers.discard(reader):
            return
        self._slots.give_back(reader.caller)
        if not len(self._readers):
            self._position = None
            if self._task is not None:
                self._task.cancel()
                self._task = None

    async def missed(self, reader: Reader) -> AsyncIterator[Message]:
        """Yield the events between the reader's last event and its joining that match its filter.

        They are read step by step, in its caller's turn, so that streams of one caller don't add
        up.

        Raises:
            ShareExceeded, Unavailable: the database can't be asked; it can go on from its last
                event.
        """
        after, users = reader.after, reader.filter_.user_email or None
        matcher = Matcher(reader.filter_)
        while after is not None and after < reader.joined_at:
            async with self._replays.hold(reader.caller), reader.database.read() as session:
                found = await arrivals(session, after, users)
            for arrived in found.events:
                if arrived.position > reader.joined_at:
                    return
                if await _passes(matcher, reader.database, arrived):
                    yield _message(arrived)
            after = None if found.is_all else found.until

    def end(self) -> None:
        """The service stops: every reader comes to its end, and no other comes."""
        self._has_ended = True
        self._end_readers()

    async def close(self) -> None:
        self.end()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _end_readers(self) -> None:
        for reader in self._readers.all:
            reader.end()

    async def _look(self) -> None:
        try:
            while len(self._readers) and self._task is asyncio.current_task():
                pause = await self._look_once()
                await asyncio.sleep(pause)
        finally:
            if self._task is asyncio.current_task():  # else others listen to another one by now
                self._end_readers()

    async def _look_once(self) -> float:
        """Deliver new events to the readers; return the seconds until the next look."""
        users = self._readers.users()
        try:
            found = await self._arrivals(users)
            if not self._covers(users):
                users, found = None, await self._arrivals(None)
        except ActivityError:
            return RETRY_SECONDS  # events that come meanwhile are delivered later
        if self._task is not asyncio.current_task():
            return 0  # all readers left meanwhile: another task looks for those that came since
        begun = monotonic()
        for arrived in found.events:
            has_waited = await self._tell(arrived)
            if monotonic() - begun >= SLICE_SECONDS:
                await asyncio.sleep(0)
                has_waited, begun = True, monotonic()
            if has_waited and not self._covers(users):
                return 0
        self._position = found.until
        return LOOK_SECONDS if found.is_all else 0

    async def _arrivals(self, users: frozenset[str] | None) -> Arrivals:
        """Return the next events. The session is closed by then, which is a wait of its own: what
        the readers want is compared afterwards, without another one in between."""
        async with self._database.read() as session:
            return await arrivals(session, self.position, users)

    async def _tell(self, arrived: Arrived) -> bool:
        """Offers an event to those that it is for; whether others had their turn meanwhile."""
        listeners = self._readers.of_user(arrived.event["user_email"])
        self._position = arrived.position  # for readers that join from now on
        message, has_waited = None, False
        for each in listeners:
            passes = each.matcher.decide(arrived.event, arrived.metadata)
            if passes is None:
                has_waited = True
                try:
                    passes = await _ask(each.matcher, self._database, arrived)
                except ActivityError:
                    for reader in each.readers:
                        reader.end()  # it resumes after its last event
                    continue
            if passes:
                message = message or _message(arrived)
                for reader in each.readers:
                    if reader.joined_at < arrived.position:  # else its replay has the event
                        reader.offer(message)
        return has_waited

    def _covers(self, users: frozenset[str] | None) -> bool:
        """Whether no new reader needs other users meanwhile."""
        wanted = self._readers.users()
        return users is None or (wanted is not None and wanted <= users)


def _message(arrived: Arrived) -> Message:
    return Message(arrived.position, orjson.dumps(arrived.event, option=JSON_OPTIONS))


async def _passes(matcher: Matcher, database: Database, arrived: Arrived) -> bool:
    decision = matcher.decide(arrived.event, arrived.metadata)
    return await _ask(matcher, database, arrived) if decision is None else decision


async def _ask(matcher: Matcher, database: Database, arrived: Arrived) -> bool:
    async with database.read() as session:
        return await matcher.ask(session, arrived.metadata)
