"""The readers of a live stream, and who of them an event may be for."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from app.database.sessions import Database
from app.read.filters import EventFilter
from app.stream.match import Matcher
from app.stream.outbox_reader import Position

# A reader that is this far behind is disconnected; it resumes from its last event.
WAITING_MAX = 2_000
WAITING_MAX_BYTES = 8 * 1024 * 1024
# With more users than this, all users' events are read, and filtered here.
USERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Message:
    """An event as JSON, and its place in the order."""

    position: Position
    data: bytes


@dataclass(eq=False, slots=True)
class Reader:
    """A reader of a stream. It still gets the events between `after` and `joined_at`; later ones
    wait for it, until it `has_ended`: cut off, or by shutdown."""

    filter_: EventFilter
    after: Position | None
    joined_at: Position
    database: Database
    caller: str | None
    waiting: deque[Message] = field(default_factory=deque)
    waiting_bytes: int = 0
    has_ended: bool = False
    _is_new: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, message: Message) -> None:
        if self.has_ended:
            return
        if len(self.waiting) >= WAITING_MAX or self.waiting_bytes >= WAITING_MAX_BYTES:
            self.end()
            return
        self.waiting.append(message)
        self.waiting_bytes += len(message.data)
        self._is_new.set()

    async def wait(self) -> None:
        """Return once an event is waiting, or none will."""
        while not self.waiting and not self.has_ended:
            self._is_new.clear()
            await self._is_new.wait()

    def take(self) -> Message:
        """The next one of those that are waiting."""
        message = self.waiting.popleft()
        self.waiting_bytes -= len(message.data)
        return message

    def end(self) -> None:
        """Nothing more comes after what is waiting."""
        self.has_ended = True
        self._is_new.set()


@dataclass(slots=True)
class Listeners:
    """The readers that ask for the same."""

    matcher: Matcher
    readers: set[Reader] = field(default_factory=set)


class Readers:
    """All readers, by user and then by filter."""

    def __init__(self) -> None:
        self._by_user: dict[str | None, dict[EventFilter, Listeners]] = {}
        self.all: set[Reader] = set()

    def __len__(self) -> int:
        return len(self.all)

    def add(self, reader: Reader) -> None:
        self.all.add(reader)
        for user in reader.filter_.user_email or (None,):
            filters = self._by_user.setdefault(user, {})
            if reader.filter_ not in filters:
                filters[reader.filter_] = Listeners(Matcher(reader.filter_))
            filters[reader.filter_].readers.add(reader)

    def discard(self, reader: Reader) -> bool:
        """Whether it was there."""
        if reader not in self.all:
            return False
        self.all.discard(reader)
        for user in dict.fromkeys(reader.filter_.user_email or (None,)):
            filters = self._by_user[user]
            filters[reader.filter_].readers.discard(reader)
            if not filters[reader.filter_].readers:
                del filters[reader.filter_]
            if not filters:
                del self._by_user[user]
        return True

    def users(self) -> frozenset[str] | None:
        """Users whose events are needed; None means all users."""
        if None in self._by_user or len(self._by_user) > USERS_MAX:
            return None
        return frozenset(user for user in self._by_user if user is not None)

    def of_user(self, user: str) -> list[Listeners]:
        """Return the readers that an event of this user may concern."""
        return [each for key in (user, None) for each in self._by_user.get(key, {}).values()]
