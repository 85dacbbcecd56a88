"""Events page by page: each once, in order, read from no more partitions than there is need."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from app.database.sessions import Database, ReadSession
from app.errors import BadCursor
from app.read.cursor import Order
from app.read.events import EventPage, list_events
from app.read.filters import EventFilter
from app.read.window import EVERYTHING, Window
from tests.db.conftest import ADA, BOB, row, store, utc

ANY = EventFilter()


async def read(
    database: Database,
    filter_: EventFilter = ANY,
    window: Window = EVERYTHING,
    *,
    limit: int = 100,
    order: Order = "desc",
    cursor: str | None = None,
) -> EventPage:
    async with database.read() as session:
        return await list_events(session, filter_, window, limit=limit, order=order, cursor=cursor)


def numbers(page: EventPage) -> list[tuple[int, str]]:
    return [(int(each["event_id"][-4:]), each["user_email"][:3]) for each in page.events]


# By time, then, as all were received at one moment, by id, then by user (Ada is the first).
ASCENDING = [(5, "ada"), (1, "ada"), (2, "ada"), (2, "bob"), (3, "bob"), (4, "ada")]


async def store_ties(database: Database) -> None:
    await store(
        database,
        row(5, "2026-11-20 08:59:59.999999"),
        row(2, "2026-11-20 09:00"),
        row(2, "2026-11-20 09:00", user=BOB),
        row(1, "2026-11-20 09:00"),
        row(3, "2026-11-20 09:00", user=BOB),
        row(4, "2026-11-20 09:00:00.000001"),
    )


async def test_the_newest_are_first_and_ties_go_by_id_and_user(database: Database) -> None:
    await store_ties(database)
    assert numbers(await read(database)) == ASCENDING[::-1]
    assert numbers(await read(database, order="asc")) == ASCENDING


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_pages_neither_skip_nor_repeat_over_ties(
    database: Database, order: Order, limit: int
) -> None:
    await store_ties(database)
    found: list[tuple[int, str]] = []
    sizes: list[int] = []
    cursor: str | None = None
    for _ in range(7):
        page = await read(database, limit=limit, order=order, cursor=cursor)
        found += numbers(page)
        sizes.append(len(page.events))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == (ASCENDING if order == "asc" else ASCENDING[::-1])
    expected_sizes = {1: [1] * 6, 2: [2, 2, 2], 3: [3, 3], 5: [5, 1]}
    assert sizes == expected_sizes[limit]


async def test_a_page_that_is_just_full_is_the_last(database: Database) -> None:
    await store_ties(database)
    assert (await read(database, limit=6)).next_cursor is None
    assert (await read(database, limit=5)).next_cursor is not None


async def test_events_that_arrive_between_two_pages_change_nothing_behind_it(
    database: Database,
) -> None:
    await store_ties(database)
    first = await read(database, limit=3)
    await store(database, row(8, "2026-11-20 09:00:01"), row(9, "2026-11-20 08:00"))
    second = await read(database, limit=9, cursor=first.next_cursor)
    assert numbers(first) + numbers(second) == [*ASCENDING[::-1], (9, "ada")]


async def test_a_cursor_keeps_the_window_of_its_first_page(database: Database) -> None:
    await store_ties(database)
    nine = Window(utc("2026-11-20 09:00"), utc("2026-11-20 10:00"))
    first = await read(database, window=nine, limit=2)
    later = Window(utc("2026-11-20 12:00"), utc("2026-11-20 13:00"))
    second = await read(database, window=later, limit=9, cursor=first.next_cursor)
    assert numbers(first) + numbers(second) == ASCENDING[:0:-1]


async def test_a_cursor_of_the_other_order_is_refused(database: Database) -> None:
    await store_ties(database)
    page = await read(database, limit=1)
    with pytest.raises(BadCursor):
        await read(database, order="asc", cursor=page.next_cursor)


async def test_an_event_as_it_goes_out(database: Database) -> None:
    await store(
        database,
        row(1, event_metadata='{"n": 18446744073709551617}', entity_type="p", entity_id="42"),
    )
    [found] = (await read(database)).events
    metadata = found.pop("metadata")
    assert type(metadata).__name__ == "Fragment"  # the database's own text, never parsed
    assert found == {
        "event_id": "00000000-0000-0000-0000-000000000001",
        "user_email": ADA,
        "event_timestamp": utc("2026-11-20 09:00"),
        "event_type": "project_created",
        "event_category": "project",
        "event_action": "created",
        "entity_type": "p",
        "entity_id": "42",
        "session_id": None,
        "session_seq": None,
        "device_type": None,
        "context_snapshot": None,
        "duration_ms": None,
        "received_at": utc("2026-11-20 12:00"),
    }


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        (EventFilter(user_email=(ADA,)), [1, 2]),
        (EventFilter(user_email=(BOB, ADA)), [1, 2, 3]),
        (EventFilter(user_email=("nobody@example.com",)), []),
        (EventFilter(user_email=("nobody@example.com", BOB)), [3]),
        (EventFilter(event_type=("a_x",)), [1]),
        (EventFilter(event_type=("a_x", "b_y")), [1, 2]),
        (EventFilter(event_type=("a_x",), user_email=(BOB,)), []),
        (EventFilter(event_category=("work",)), [3]),
        (EventFilter(event_action=("created",)), [1, 2, 3]),
        (EventFilter(entity_type=("p",), entity_id=("42",)), [1]),
        (EventFilter(session_id=("s",)), [2]),
        (EventFilter(device_type=("tv", "desktop")), [3]),
        (EventFilter(metadata='{"a": {"b": 1}}'), [1]),
        (EventFilter(metadata='{"tags": ["x"]}'), [2]),
        (EventFilter(metadata="{}"), [1, 2, 3]),
        (EventFilter(event_type=("' OR true --", "%", "a\\x")), []),
    ],
)
async def test_filters(database: Database, filter_: EventFilter, expected: list[int]) -> None:
    await store(
        database,
        row(
            1,
            event_type="a_x",
            entity_type="p",
            entity_id="42",
            event_metadata='{"a": {"b": 1, "c": 2}}',
        ),
        row(2, event_type="b_y", session_id="s", event_metadata='{"tags": ["x", "y"]}'),
        row(3, user=BOB, event_category="work", device_type="tv", event_type="c_z"),
    )
    found = await read(database, filter_, order="asc")
    assert [number for number, _ in numbers(found)] == expected


@contextmanager
def recorded(session: ReadSession) -> Iterator[list[tuple[str, Any]]]:
    """The statements that a session sends, with their values."""
    sent: list[tuple[str, Any]] = []
    engine = session.sync_session.get_bind()

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        sent.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


async def partitions_read(
    database: Database, filter_: EventFilter, window: Window, cursor: str | None, order: Order
) -> list[str]:
    """The partitions in the plan of a page's statement, in order."""
    async with database.read() as session:
        with recorded(session) as sent:
            await list_events(session, filter_, window, limit=10, order=order, cursor=cursor)
        statement, values = next(each for each in sent if "activity_event" in each[0])
        connection = await session.connection()
        plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", values)
        lines = "\n".join(str(line) for line in plan.scalars())
    # On Citus, of one of the shards, which is named for its number.
    return sorted(set(re.findall(r"activity_event_p(\d{4}_\d{2})(?:_\d+)?\b", lines)))


@pytest.mark.parametrize("filter_", [ANY, EventFilter(user_email=(ADA,))])
async def test_a_narrow_window_reads_its_own_partitions_alone(
    database: Database, filter_: EventFilter
) -> None:
    await store_ties(database)
    week = Window(utc("2026-10-28 00:00"), utc("2026-11-03 00:00"))
    assert await partitions_read(database, filter_, week, None, "desc") == ["2026_10", "2026_11"]
    month = Window(utc("2026-10-01 00:00"), utc("2026-11-01 00:00"))
    assert await partitions_read(database, filter_, month, None, "desc") == ["2026_10"]


async def test_a_cursor_leaves_out_the_partitions_behind_it(database: Database) -> None:
    await store(
        database, row(1, "2026-10-10 09:00"), row(2, "2026-09-10 09:00"), row(3, "2026-08-10 09:00")
    )
    window = Window(utc("2026-07-15 00:00"), utc("2026-11-20 00:00"))
    assert await partitions_read(database, ANY, window, None, "desc") == [
        "2026_07",
        "2026_08",
        "2026_09",
        "2026_10",
        "2026_11",
    ]
    newest = await read(database, window=window, limit=2)
    assert newest.next_cursor is not None
    assert await partitions_read(database, ANY, window, newest.next_cursor, "desc") == [
        "2026_07",
        "2026_08",
        "2026_09",
    ]
    oldest = await read(database, window=window, limit=2, order="asc")
    assert await partitions_read(database, ANY, window, oldest.next_cursor, "asc") == [
        "2026_09",
        "2026_10",
        "2026_11",
    ]


async def test_everybodys_latest_are_read_off_an_index(database: Database) -> None:
    """Not sorted: with many events, that would read them all."""
    await store(
        database,
        *(row(number, "2026-11-20 09:00") for number in range(1000)),
    )
    window = Window(utc("2026-11-01 00:00"), utc("2026-11-01 00:00") + timedelta(days=29))
    async with database.read() as session:
        with recorded(session) as sent:
            await list_events(session, ANY, window, limit=10)
        statement, values = sent[-1]
        connection = await session.connection()
        # On the workers too.
        await session.execute(text("SET LOCAL citus.propagate_set_commands = 'local'"))
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", values)
        lines = "\n".join(str(line) for line in plan.scalars())
    assert "activity_event_p2026_11_event_timestamp_idx" in lines


@pytest.mark.fault("B1")
@pytest.mark.skipif("CITUS_URL" in os.environ, reason="the plan of a worker is not shown")
async def test_a_page_of_a_user_does_not_read_all_of_their_events(database: Database) -> None:
    """No index holds the whole order: one on the time does, and the rest is sorted by moments."""
    await store(database, row(1), row(2, user=BOB))
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type,"
                " event_category, event_action, session_seq, received_at)"
                " SELECT app_user.id, timestamptz '2026-09-01 00:00+00' + n / 3 * interval '1 min',"
                " gen_random_uuid(), 'a_b', 'a', 'b', nullif(n % 4, 0), now()"
                " FROM app_user, generate_series(1, 150000) AS n WHERE email = :email OR n % 50 = 0"
            ),
            {"email": ADA},
        )
        await session.execute(text("ANALYZE activity_event"))
    of_ada = EventFilter(user_email=(ADA,))
    orders: tuple[Order, Order] = ("desc", "asc")
    for order in orders:
        first = await read(database, of_ada, limit=100, order=order)
        for cursor in (None, first.next_cursor):
            read_rows, page = await rows_read(database, of_ada, order, cursor)
            assert page == 101
            assert read_rows < 300


async def rows_read(
    database: Database, filter_: EventFilter, order: Order, cursor: str | None
) -> tuple[int, int]:
    """How many events a page's statement looks at, and how many it returns."""
    async with database.read() as session:
        with recorded(session) as sent:
            await list_events(session, filter_, EVERYTHING, limit=100, order=order, cursor=cursor)
        statement, values = next(each for each in sent if "activity_event" in each[0])
        connection = await session.connection()
        explained = await connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values
        )
        [plan] = explained.scalar_one()
    scans = [
        node for node in nodes(plan["Plan"]) if node.get("Relation Name", "").startswith("act")
    ]
    looked_at = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans)
    return round(looked_at), round(plan["Plan"]["Actual Rows"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)
