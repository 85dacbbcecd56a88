"""Resumed streams: they miss and repeat nothing, and cost nothing of the events of others."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from uuid import uuid4

import orjson
import pytest
from sqlalchemy import event as sqlalchemy_event

from app.database.sessions import Database, ReadSession
from app.read.filters import EventFilter
from app.settings import Settings
from app.stream.feed import Feed
from app.stream.outbox_reader import EVENTS_AT_ONCE, Arrived, Position, arrivals, present
from app.stream.readers import Reader, Readers
from tests.db.conftest import ADA, BOB, row, scalar, store

OTHERS = 5_000
SECONDS = 10.0
EVE = "eve@example.com"


async def since(
    database: Database, after: Position, users: Collection[str] | None = None
) -> tuple[list[Arrived], int]:
    """All that came after a position, and in how many steps."""
    events: list[Arrived] = []
    for steps in range(1, 1000):
        async with database.read() as session:
            found = await arrivals(session, after, users)
        assert found.until >= after
        events, after = events + found.events, found.until
        if found.is_all:
            return events, steps
    raise AssertionError("there is no end of it")


@pytest.fixture
async def beginning(database: Database) -> Position:
    """Before 5,000 events of Bob's in transactions of many sizes, and some of Ada's among them."""
    await store(database, row(1, user=EVE))
    async with database.read() as session:
        position = await present(session)
    number = 10
    for size in (1, 3, 700, 500, 1000, 2, 1000, 1000, 794):
        rows = [row(number + n, user=BOB, place=n) for n in range(size)]
        if size in {3, 1000}:
            rows[1] = rows[1]._replace(user_email=ADA)
            rows[-1] = rows[-1]._replace(user_email=ADA)
        await store(database, *rows)
        number += size
    return position


@pytest.mark.fault("S14")
async def test_the_users_are_picked_in_the_database(
    database: Database, beginning: Position
) -> None:
    """The same events at the same places as everybody's, filtered; in one step."""
    everything, _ = await since(database, beginning)
    assert len(everything) == OTHERS
    assert [each.position for each in everything] == sorted({e.position for e in everything})
    for users in ((ADA,), (BOB,), (EVE,), (ADA, EVE), ("nobody@example.com",), ()):
        found, steps = await since(database, beginning, users)
        wanted = [each for each in everything if each.event["user_email"] in users]
        assert [(e.position, e.event["event_id"]) for e in found] == [
            (e.position, e.event["event_id"]) for e in wanted
        ]
        assert steps <= 1 + len(wanted) // EVENTS_AT_ONCE
    middle = everything[1_800].position
    found, _ = await since(database, middle, (ADA,))
    assert [e.position for e in found] == [
        e.position for e in everything if e.event["user_email"] == ADA and e.position > middle
    ]


@pytest.mark.fault("S14")
async def test_five_streams_of_a_user_without_events_cost_next_to_nothing(
    database: Database, beginning: Position
) -> None:
    begun = time.process_time()
    await since(database, beginning)
    of_all = time.process_time() - begun
    feed = Feed(database, Settings())
    statements: list[str] = []
    engine = database._engines["read"].sync_engine
    sqlalchemy_event.listen(
        engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    begun = time.process_time()
    readers = [await feed.join(EventFilter(user_email=(EVE,)), beginning) for _ in range(5)]
    missed = [message for reader in readers async for message in feed.missed(reader)]
    of_five = time.process_time() - begun
    for reader in readers:
        feed.leave(reader)
    await feed.close()
    assert missed == []
    assert of_five < of_all / 2
    assert [each for each in statements if "JOIN activity_event" in each] == []
    assert await scalar(database, "SELECT count(*) FROM activity_event") == OTHERS + 1


def arrived(user: str, **fields: str) -> Arrived:
    event = {
        "user_email": user,
        "event_type": "a_b",
        "event_category": "a",
        "event_action": "b",
        "entity_type": None,
        "entity_id": None,
        "session_id": None,
        "device_type": None,
        "event_id": str(uuid4()),
        **fields,
    }
    return Arrived(Position(1, 1), event, "{}")


@pytest.mark.fault("S14")
async def test_an_event_is_looked_at_once_for_all_who_ask_for_the_same(database: Database) -> None:
    """Readers of other users are not looked at at all."""
    feed = Feed(database, Settings())
    both = EventFilter(user_email=(ADA, BOB))
    filters = [
        *[EventFilter(user_email=(ADA,))] * 3,
        *[EventFilter(user_email=(f"user{n}@example.com",)) for n in range(20)],
        both,
        *[EventFilter(event_type=("a_b",))] * 2,
        EventFilter(event_type=("c_d",)),
    ]
    joined = [await feed.join(filter_, None) for filter_ in filters]
    readers = Readers()
    for reader in joined:
        readers.add(reader)
    event = arrived(ADA)
    listeners = readers.of_user(ADA)
    assert len(listeners) == 4
    passed = [each for each in listeners if each.matcher.decide(event.event, event.metadata)]
    found = [reader for each in passed for reader in each.readers]
    assert {id(each) for each in found} == {id(joined[n]) for n in (0, 1, 2, 23, 24, 25)}
    assert len(found) == 6
    assert readers.users() is None
    for reader in joined[24:]:
        readers.discard(reader)
    users = [f"user{n}@example.com" for n in range(20)]
    assert readers.users() == frozenset([ADA, BOB, *users])
    for reader in joined:
        readers.discard(reader)
        feed.leave(reader)
    assert (len(readers), readers.users(), feed.readers) == (0, frozenset(), 0)
    await feed.close()


class Hooked(Database):
    """The same pools; each closed read session calls a hook."""

    hook: Callable[[], Awaitable[None]] | None = None

    @asynccontextmanager
    async def read(self, *, heavy: bool = False) -> AsyncIterator[ReadSession]:
        async with super().read(heavy=heavy) as session:
            yield session
        hook, self.hook = self.hook, None
        if hook is not None:
            await hook()


async def test_a_reader_that_joins_while_others_are_read_for_misses_nothing(
    database: Database,
) -> None:
    """Bob joins once the feed has read what Ada's reader wants, and before that is delivered: the
    look that passed over his event must not count for him."""
    await store(database, row(1, user=BOB))
    hooked = Hooked(database.url, Settings())
    feed = Feed(hooked, Settings())
    of_ada = await feed.join(EventFilter(user_email=(ADA,)), None, database)
    before = feed.position
    await store(database, row(2, user=BOB), row(3, user=ADA))
    joined: list[Reader] = []

    async def join() -> None:
        joined.append(await feed.join(EventFilter(user_email=(BOB,)), before, database))

    hooked.hook = join
    async with asyncio.timeout(SECONDS):
        await of_ada.wait()
        (of_bob,) = joined
        missed = [message async for message in feed.missed(of_bob)]
        await of_bob.wait()
    events = [*missed, *of_bob.waiting]
    assert [orjson.loads(each.data)["user_email"] for each in events] == [BOB]
    for reader in (of_ada, of_bob):
        feed.leave(reader)
    await feed.close()
    await hooked.dispose()


async def test_a_feed_that_begins_anew_repeats_nothing(database: Database) -> None:
    """The present that it begins from may be older than what a reader has seen."""
    feed = Feed(database, Settings())
    await store(database, row(1, user=ADA))
    async with database.read() as session:
        old = await present(session)
    await store(database, row(2, user=ADA))
    async with database.read() as session:
        seen = (await arrivals(session, old, (ADA,))).events[-1].position
    first = await feed.join(EventFilter(user_email=(BOB,)), None)
    feed._position = old
    reader = await feed.join(EventFilter(user_email=(ADA,)), seen)
    await store(database, row(3, user=ADA))
    async with asyncio.timeout(SECONDS):
        missed = [message async for message in feed.missed(reader)]
        await reader.wait()
    assert (missed, [each.position > seen for each in reader.waiting]) == ([], [True])
    for each in (first, reader):
        feed.leave(each)
    await feed.close()
