"""Who was active when, and who came back, over logs made by hand."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from app.analytics.active_users import ActiveUsers, active_users
from app.analytics.retention import Retention, retention
from app.database.sessions import Database
from app.errors import InvalidRequest
from app.read.filters import EventFilter
from app.read.window import Window
from tests.db.conftest import ADA, BOB, row, store, utc

CEM = "cem@example.com"
HIDE = text("UPDATE app_user SET analytics_opt_out = true WHERE email = :email")


async def log(database: Database, *events: tuple[str, str]) -> None:
    """When, and who."""
    await store(database, *(row(n, at, user) for n, (at, user) in enumerate(events)))


async def ask(
    database: Database, start: str, end: str, zone: str = "UTC", *users: str
) -> ActiveUsers:
    async with database.read(heavy=True) as session:
        filter_ = EventFilter(user_email=users)
        return await active_users(session, filter_, Window(utc(start), utc(end), zone))


def numbers(found: ActiveUsers) -> list[tuple[int, ...]]:
    return [(each.dau, each.wau, each.mau, each.new, each.returning) for each in found.rows]


async def test_days_weeks_and_months(database: Database) -> None:
    await log(
        database,
        ("2026-10-20 09:00", ADA),
        ("2026-11-13 09:00", BOB),
        ("2026-11-18 09:00", ADA),
        ("2026-11-18 23:59:59.999999", ADA),
        ("2026-11-19 09:00", CEM),
        ("2026-11-20 09:00", ADA),
        ("2026-11-20 10:00", BOB),
    )
    found = await ask(database, "2026-11-18", "2026-11-21")
    assert [each.day for each in found.rows] == [
        date(2026, 11, 18),
        date(2026, 11, 19),
        date(2026, 11, 20),
    ]
    assert numbers(found) == [
        (1, 2, 2, 0, 1),
        (1, 3, 3, 1, 0),
        (2, 3, 3, 0, 2),
    ]
    assert [each.stickiness for each in found.rows] == [0.5, 0.3333, 0.6667]
    assert (found.active_users, found.new_users) == (3, 1)
    alone = await ask(database, "2026-11-18", "2026-11-21", "UTC", BOB)
    assert numbers(alone) == [(0, 1, 1, 0, 0), (0, 1, 1, 0, 0), (1, 1, 1, 0, 1)]


async def test_thirty_days_and_not_one_more(database: Database) -> None:
    await log(database, ("2026-10-21 00:00", ADA), ("2026-10-20 23:59", BOB))
    found = await ask(database, "2026-11-19", "2026-11-20")
    assert numbers(found) == [(0, 0, 1, 0, 0)]


async def test_a_day_is_local(database: Database) -> None:
    """18:30 UTC is midnight in Kolkata; the same events lie on other days there."""
    await log(
        database,
        ("2026-11-18 18:29:59", ADA),
        ("2026-11-18 18:30", BOB),
        ("2026-11-19 18:30", ADA),
    )
    start, end = "2026-11-18 18:30", "2026-11-20 18:30"
    found = await ask(database, start, end, "Asia/Kolkata")
    assert [each.day for each in found.rows] == [date(2026, 11, 19), date(2026, 11, 20)]
    assert numbers(found) == [(1, 2, 2, 1, 0), (1, 2, 2, 0, 1)]
    found = await ask(database, start, end, "UTC")
    assert numbers(found) == [(2, 2, 2, 2, 0), (1, 2, 2, 0, 1), (0, 2, 2, 0, 0)]


async def test_days_are_whole_where_the_window_cuts_them(database: Database) -> None:
    await log(database, ("2026-11-18 01:00", ADA))
    assert numbers(await ask(database, "2026-11-18 12:00", "2026-11-18 13:00")) == [(1, 1, 1, 1, 0)]


async def test_who_is_hidden_is_nobody(database: Database) -> None:
    await log(database, ("2026-11-18 09:00", ADA), ("2026-11-18 09:00", BOB))
    async with database.transaction() as session:
        await session.execute(HIDE, {"email": ADA})
    assert numbers(await ask(database, "2026-11-18", "2026-11-19")) == [(1, 1, 1, 1, 0)]
    assert numbers(await ask(database, "2026-11-18", "2026-11-19", "UTC", ADA)) == [(0, 0, 0, 0, 0)]
    assert (await ask(database, "2026-11-18", "2026-11-18")).rows == []


async def come_back(database: Database, start: str, end: str, **options: Any) -> Retention:
    async with database.read(heavy=True) as session:
        window = Window(utc(start), utc(end), options.pop("zone", "UTC"))
        return await retention(session, EventFilter(), window, **options)


def cohorts(found: Retention) -> list[tuple[date, int, list[int | None]]]:
    return [(row.cohort, row.size, row.users) for row in found.rows]


async def test_who_came_back_by_day(database: Database) -> None:
    await log(
        database,
        ("2026-11-17 09:00", CEM),
        ("2026-11-18 09:00", ADA),
        ("2026-11-18 09:00", BOB),
        ("2026-11-18 10:00", CEM),
        ("2026-11-19 09:00", ADA),
        ("2026-11-20 09:00", ADA),
        ("2026-11-20 09:00", BOB),
    )
    found = await come_back(database, "2026-11-18", "2026-11-21", period="day", periods=2)
    assert cohorts(found) == [
        (date(2026, 11, 18), 2, [2, 1, 2]),
        (date(2026, 11, 19), 0, [0, 0, None]),
        (date(2026, 11, 20), 0, [0, None, None]),
    ]
    assert found.rows[0].rates == [1.0, 0.5, 1.0]
    assert found.rows[1].rates == [None, None, None]


async def test_by_week_and_by_month(database: Database) -> None:
    """2026-11-16 is a Monday; in Kolkata, Sunday's last events are Monday's."""
    await log(
        database,
        ("2026-11-15 18:30", ADA),
        ("2026-11-15 18:29", BOB),
        ("2026-11-23 09:00", BOB),
    )
    weeks = await come_back(
        database, "2026-11-15 12:00", "2026-11-24", period="week", periods=2, zone="Asia/Kolkata"
    )
    assert cohorts(weeks) == [
        (date(2026, 11, 9), 1, [1, 0, 1]),
        (date(2026, 11, 16), 1, [1, 0, None]),
        (date(2026, 11, 23), 0, [0, None, None]),
    ]
    months = await come_back(database, "2026-11-10", "2026-11-24", period="month", periods=1)
    assert cohorts(months) == [(date(2026, 11, 1), 2, [2, None])]


async def test_too_many_cohorts(database: Database) -> None:
    with pytest.raises(InvalidRequest, match="more than 400 cohorts"):
        await come_back(database, "2025-01-01", "2026-11-20", period="day")
