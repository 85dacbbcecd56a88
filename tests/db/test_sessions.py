"""One session: whose, from when to when, what, and from which page to which."""

from typing import Any

import pytest
from sqlalchemy import text

from app.database.sessions import Database
from app.errors import AmbiguousSession, NotFound
from app.ingest.rows import EventRow
from app.read.filters import EventFilter
from app.read.sessions import SessionSummary, session_summary
from tests.db.conftest import ADA, BOB, row, store, utc

REMOVE_USERS = text("DELETE FROM app_user")


async def ask(database: Database, session_id: str, *user_email: str) -> SessionSummary:
    async with database.read() as session:
        filter_ = EventFilter(user_email=user_email, session_id=(session_id,))
        return await session_summary(session, filter_)


def part(number: int, at: str, event_type: str = "a_x", **fields: Any) -> EventRow:
    return row(number, at, **{"event_type": event_type, "session_id": "s", **fields})


def page(number: int, at: str, metadata: str, **fields: Any) -> EventRow:
    return part(number, at, "page_viewed", event_metadata=metadata, **fields)


async def test_a_session_over_midnight(database: Database) -> None:
    await store(
        database,
        page(1, "2026-11-19 23:58", '{"page": "/"}', device_type="desktop"),
        part(2, "2026-11-19 23:59:30", "b_y"),
        part(3, "2026-11-20 00:00:10", "b_y", device_type="tv"),
        page(4, "2026-11-20 00:01", '{"page": "/projects/42"}'),
        part(5, "2026-11-20 00:01:00.250", "a_x"),
        part(6, "2026-11-20 00:02", session_id="t"),
        part(7, "2026-11-20 00:02", session_id=None),
    )
    assert await ask(database, "s") == SessionSummary(
        session_id="s",
        user_email=ADA,
        started_at=utc("2026-11-19 23:58"),
        ended_at=utc("2026-11-20 00:01:00.250"),
        duration_ms=180_250,
        total_events=5,
        events_by_type={"b_y": 2, "page_viewed": 2, "a_x": 1},
        device_type="tv",
        first_page="/",
        last_page="/projects/42",
    )
    assert list((await ask(database, "s")).events_by_type) == ["b_y", "page_viewed", "a_x"]


async def test_a_session_of_one_event(database: Database) -> None:
    await store(database, part(1, "2026-11-20 09:00"))
    assert await ask(database, "s") == SessionSummary(
        session_id="s",
        user_email=ADA,
        started_at=utc("2026-11-20 09:00"),
        ended_at=utc("2026-11-20 09:00"),
        duration_ms=0,
        total_events=1,
        events_by_type={"a_x": 1},
        device_type=None,
        first_page=None,
        last_page=None,
    )


async def test_a_session_over_months(database: Database) -> None:
    await store(database, part(1, "2025-12-31 23:59:59"), part(2, "2026-11-20 09:00"))
    found = await ask(database, "s")
    assert (found.started_at, found.total_events) == (utc("2025-12-31 23:59:59"), 2)


async def test_only_a_page_view_with_a_page_is_a_page(database: Database) -> None:
    await store(
        database,
        page(1, "2026-11-20 09:00", "{}"),
        part(2, "2026-11-20 09:01", "a_x", event_metadata='{"page": "/other"}'),
        page(3, "2026-11-20 09:02", '{"page": "/only"}'),
        page(4, "2026-11-20 09:03", '{"page": null}'),
        page(5, "2026-11-20 09:04", '{"path": "/not"}'),
    )
    found = await ask(database, "s")
    assert (found.first_page, found.last_page) == ("/only", "/only")


async def test_at_one_moment_the_id_decides(database: Database) -> None:
    await store(
        database,
        page(2, "2026-11-20 09:00", '{"page": "/2"}', device_type="two"),
        page(1, "2026-11-20 09:00", '{"page": "/1"}', device_type="one"),
        page(3, "2026-11-20 09:00", '{"page": "/3"}'),
    )
    found = await ask(database, "s")
    assert (found.first_page, found.last_page, found.device_type) == ("/1", "/3", "two")


async def test_two_users_with_one_session_id(database: Database) -> None:
    await store(
        database,
        part(1, "2026-11-20 09:00", device_type="tv"),
        part(2, "2026-11-20 10:00", user=BOB),
        part(3, "2026-11-20 11:00", user=BOB),
    )
    with pytest.raises(AmbiguousSession):
        await ask(database, "s")
    adas = await ask(database, "s", ADA)
    assert (adas.user_email, adas.total_events, adas.device_type) == (ADA, 1, "tv")
    bobs = await ask(database, "s", BOB)
    assert (bobs.user_email, bobs.total_events, bobs.device_type) == (BOB, 2, None)


async def test_many_types_of_one_user_do_not_hide_another_user(database: Database) -> None:
    """Else a stranger who knows the id could add to a session, and read it."""
    await store(
        database,
        *(part(number, "2026-11-20 09:00", f"t{number:04}") for number in range(1000)),
        part(2000, "2026-11-20 10:00", "z", user=BOB),
    )
    with pytest.raises(AmbiguousSession):
        await ask(database, "s")
    assert (await ask(database, "s", BOB)).total_events == 1


async def test_more_types_than_an_answer_holds(database: Database) -> None:
    await store(
        database,
        *(part(number, "2026-11-20 09:00", f"t{number:04}") for number in range(1001)),
        part(2000, "2026-11-20 10:00", "t0007"),
    )
    found = await ask(database, "s")
    assert found.total_events == 1002
    assert len(found.events_by_type) == 1000
    assert list(found.events_by_type.items())[:2] == [("t0007", 2), ("t0000", 1)]
    assert found.ended_at == utc("2026-11-20 10:00")


async def test_no_such_session(database: Database) -> None:
    await store(database, part(1, "2026-11-20 09:00"))
    for session_id, user_email in [("S", ()), ("s ", ()), ("s", (BOB,)), ("s", ("nobody@b",))]:
        with pytest.raises(NotFound):
            await ask(database, session_id, *user_email)


async def test_a_user_who_is_no_longer_known(database: Database) -> None:
    await store(database, part(1, "2026-11-20 09:00"))
    async with database.transaction() as session:
        await session.execute(REMOVE_USERS)
    assert (await ask(database, "s")).user_email is None
