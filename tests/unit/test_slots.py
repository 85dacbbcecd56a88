"""Slots that callers share: who gets one, who waits, and who is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.database.slots import WAITING_PER_SLOT, Slots
from app.errors import ActivityError, Overloaded, ShareExceeded
from app.ingest.queue import QueuedRequest, RequestQueue
from app.ingest.rows import EventRow, TimeBasis
from app.settings import Settings

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def slots(total: int, wait_seconds: float = 0.0) -> Slots:
    return Slots("reads", "reads", total, wait_seconds=wait_seconds)


def taken(of: Slots, caller: str | None) -> int:
    """How many a caller can take until it is refused."""
    for count in range(1000):
        try:
            of.take(caller)
        except ActivityError:
            return count
    raise AssertionError("it is never refused")


@pytest.mark.fault("S6")
@pytest.mark.parametrize(
    ("total", "shares"),
    [(1, [1, 0]), (2, [1, 1, 0]), (4, [2, 1, 1, 0]), (10, [5, 3, 1, 1, 0]), (100, [50, 25, 13, 6])],
)
def test_who_comes_next_finds_one(total: int, shares: list[int]) -> None:
    of = slots(total)
    assert [taken(of, f"user:{number}") for number, _ in enumerate(shares)] == shares


def test_one_without_a_share_may_take_all() -> None:
    assert taken(slots(7), None) == 7


@pytest.mark.fault("S6")
def test_the_refusal_says_whose_they_are() -> None:
    of = slots(2)
    of.take("a")
    with pytest.raises(ShareExceeded) as caught:
        of.take("a")
    assert caught.value.details == {"limit": "reads", "held": 1}
    assert caught.value.headers() == {"Retry-After": "1"}
    of.take("b")
    with pytest.raises(Overloaded):
        of.take("c")
    of.give_back("b")
    of.take("c")
    assert of.held == 2


async def held(of: Slots, caller: str, until: asyncio.Event, order: list[str]) -> None:
    async with of.hold(caller):
        order.append(caller)
        await until.wait()


async def start(*jobs: Awaitable[None]) -> list["asyncio.Task[None]"]:
    tasks = [asyncio.ensure_future(job) for job in jobs]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


@pytest.mark.fault("S6")
async def test_a_slot_goes_to_who_holds_the_fewest_and_has_waited_longest() -> None:
    of, order, ends = slots(2, 5), list[str](), [asyncio.Event() for _ in range(7)]
    callers = ["greedy", "greedy", "greedy", "first", "second", "second", "third"]
    waiting = zip(callers, ends, strict=True)
    tasks = await start(*(held(of, caller, end, order) for caller, end in waiting))
    # One of two is the greedy one's share; the other goes to who comes next.
    assert order == ["greedy", "first"]
    for end in ends:
        end.set()
    await asyncio.gather(*tasks)
    assert order == ["greedy", "first", "greedy", "second", "third", "greedy", "second"]
    assert of.held == 0


async def test_who_gives_up_leaves_no_trace() -> None:
    of = slots(1, 5)
    async with of.hold("a"):
        first, second = await start(*(of_wait(of, caller) for caller in ("b", "c")))
        first.cancel()
        await asyncio.wait({first})
    await second
    assert of.held == 0
    of.take("b")


async def of_wait(of: Slots, caller: str) -> None:
    async with of.hold(caller):
        pass


async def test_one_that_is_given_and_given_up_in_one_moment_is_given_back() -> None:
    of = slots(1, 5)
    of.take("a")
    (waiting,) = await start(of_wait(of, "b"))
    of.give_back("a")
    waiting.cancel()
    await asyncio.wait({waiting})
    assert of.held == 0


async def test_nobody_waits_without_bound() -> None:
    of = slots(1, 0.01)
    of.take("a")
    for caller, refusal in (("a", ShareExceeded), ("b", Overloaded)):
        with pytest.raises(refusal):
            async with of.hold(caller):
                pass
    of = slots(1, 60)
    of.take("a")
    waiting = await start(*(of_wait(of, "a") for _ in range(WAITING_PER_SLOT)))
    with pytest.raises(ShareExceeded):
        async with of.hold("a"):
            pass
    of.give_back("a")
    await asyncio.gather(*waiting)


def rows(count: int) -> list[EventRow]:
    return [
        EventRow(
            place=place,
            user_email="ada@example.com",
            event_timestamp=AT,
            event_id=uuid4(),
            event_type="a_b",
            event_category="a",
            event_action="b",
            entity_type=None,
            entity_id=None,
            event_metadata="{}",
            session_id=None,
            session_seq=None,
            device_type=None,
            context_snapshot=None,
            duration_ms=None,
            received_at=AT,
            time_basis=TimeBasis.GIVEN,
            warnings=(),
        )
        for place in range(count)
    ]


async def full(put: Callable[[], QueuedRequest]) -> tuple[int, type[ActivityError]]:
    """How often that can be done, and how it is refused then."""
    for count in range(1000):
        try:
            put()
        except ActivityError as error:
            return count, type(error)
    raise AssertionError("it is never refused")


@pytest.mark.fault("S6")
async def test_one_caller_does_not_fill_the_queue() -> None:
    queue, many = RequestQueue(Settings(queue_max_events=1000)), rows(100)
    assert await full(lambda: queue.put(many, 10, "a")) == (5, ShareExceeded)
    assert await full(lambda: queue.put(many, 10, "b")) == (2, ShareExceeded)
    assert await full(lambda: queue.put(many, 10, "c")) == (1, ShareExceeded)
    assert await full(lambda: queue.put(many, 10)) == (2, Overloaded)
    assert sum(len(each.rows) for each in await queue.take()) == 1000
    assert (queue.events, queue.size_bytes) == (0, 0)
    assert await full(lambda: queue.put(many, 10, "a")) == (5, ShareExceeded)


async def test_bytes_are_shared_too() -> None:
    mib = 1024 * 1024
    queue, one = RequestQueue(Settings(queue_max_bytes=8 * mib)), rows(1)
    assert await full(lambda: queue.put(one, mib, "a")) == (4, ShareExceeded)
    assert await full(lambda: queue.put(one, mib, "b")) == (2, ShareExceeded)
