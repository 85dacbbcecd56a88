"""An export page by page, without the wire: every event once, whatever happens meanwhile."""

from dataclasses import replace
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text

from app.database.sessions import Database
from app.database.slots import Slots
from app.errors import NotFound, Overloaded
from app.read.export import (
    PAGE_EVENTS,
    Export,
    ExportRequest,
    count_events,
    open_export,
)
from app.read.filters import EventFilter
from app.read.window import EVERYTHING, Window
from tests.db.conftest import ADA, BOB, row, scalar, store, utc

ALL = ExportRequest(EventFilter(), EVERYTHING)


async def open_one(database: Database, request: ExportRequest = ALL) -> Export:
    return await open_export(request, database, Slots("exports", "exports", 1))


async def rest_of(export: Export) -> list[int]:
    content = b"".join([chunk async for chunk, _ in export.chunks()])
    return [UUID(orjson.loads(line)["event_id"]).int for line in content.splitlines()]


async def test_more_than_one_page_and_ties_across_its_edge(database: Database) -> None:
    """All at one moment, so that the page ends among equals of id, and of user."""
    await store(database, *(row(number) for number in range(1, PAGE_EVENTS + 2)))
    await store(
        database, *(row(number, user=BOB) for number in range(PAGE_EVENTS, 2 * PAGE_EVENTS))
    )
    numbers = [*range(1, PAGE_EVENTS)]
    numbers += [PAGE_EVENTS, PAGE_EVENTS, PAGE_EVENTS + 1, PAGE_EVENTS + 1]
    numbers += range(PAGE_EVENTS + 2, 2 * PAGE_EVENTS)
    assert await rest_of(await open_one(database)) == numbers
    assert await count_events(database, ALL) == 2 * PAGE_EVENTS + 1


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(1, 1), (PAGE_EVENTS, PAGE_EVENTS), (PAGE_EVENTS + 1, PAGE_EVENTS + 1), (5000, 1500)],
)
async def test_the_limit_is_of_the_whole(database: Database, limit: int, expected: int) -> None:
    await store(database, *(row(number) for number in range(1500)))
    assert len(await rest_of(await open_one(database, replace(ALL, limit=limit)))) == expected


async def test_what_comes_and_goes_meanwhile(database: Database) -> None:
    """What is ahead is seen, as no snapshot is held; what is behind is not, and nothing twice."""
    await store(database, *(row(number) for number in range(1, PAGE_EVENTS + 1)))
    export = await open_one(database)
    await store(database, row(5000, "2026-11-20 08:00"), row(6000, "2026-11-20 10:00"))
    assert await rest_of(export) == [*range(1, PAGE_EVENTS + 1), 6000]


async def test_nobody_is_exported_who_is_being_erased(database: Database) -> None:
    await store(database, row(1), row(2, user=BOB), row(3))
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE app_user SET email = NULL WHERE email = :email"), {"email": ADA}
        )
    assert await rest_of(await open_one(database)) == [2]


async def test_between_pages_no_connection_is_held(database: Database) -> None:
    await store(database, *(row(number) for number in range(PAGE_EVENTS + 1)))
    export = await open_one(database)
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND (state <> 'idle' OR backend_xmin IS NOT NULL)"
        " AND backend_type = 'client backend'"
    )
    async for _ in export.chunks():
        assert await scalar(database, busy) == 0


async def test_a_slot_is_held_until_it_is_closed_once(database: Database) -> None:
    slots = Slots("exports", "exports", 1)
    export = await open_export(ALL, database, slots)
    with pytest.raises(Overloaded):
        await open_export(ALL, database, slots)
    export.close()
    export.close()
    second = await open_export(ALL, database, slots)
    with pytest.raises(Overloaded):
        await open_export(ALL, database, slots)
    second.close()
    for _ in range(2):  # one that could not begin holds none
        with pytest.raises(NotFound):
            await open_export(replace(ALL, profile_of="nobody@example.com"), database, slots)


async def test_the_window_is_half_open(database: Database) -> None:
    await store(
        database,
        row(1, "2026-11-20 08:59:59.999999"),
        row(2, "2026-11-20 09:00"),
        row(3, "2026-11-20 09:59:59.999999"),
        row(4, "2026-11-20 10:00"),
    )
    window = Window(utc("2026-11-20 09:00"), utc("2026-11-20 10:00"))
    assert await rest_of(await open_one(database, replace(ALL, window=window))) == [2, 3]
