"""Funnels over logs made by hand."""

from datetime import timedelta
from typing import Any

import pytest

from app.analytics.funnel import Funnel, funnel
from app.database.sessions import Database
from app.errors import InvalidRequest
from app.ingest.rows import EventRow
from app.read.conditions import Step, parse_step
from app.read.filters import EventFilter
from app.read.window import Window
from tests.db.conftest import ADA, BOB, row, store, utc

DAY = Window(utc("2026-11-20 00:00"), utc("2026-11-21 00:00"))
CEM, DEE = "cem@example.com", "dee@example.com"
ABC = (Step("a"), Step("b"), Step("c"))


def at(number: int, time: str, event_type: str, user: str = ADA, **fields: Any) -> EventRow:
    return row(number, f"2026-11-20 {time}", user, event_type=event_type, **fields)


async def ask(database: Database, *steps: Step, window: Window = DAY, **options: Any) -> Funnel:
    async with database.read(heavy=True) as session:
        return await funnel(session, EventFilter(), window, steps or ABC, **options)


def users(found: Funnel) -> list[int]:
    return [step.users for step in found.steps]


async def test_how_far_users_get(database: Database) -> None:
    await store(
        database,
        at(1, "09:00", "a"),
        at(2, "09:01", "b"),
        at(3, "09:03", "c"),
        at(4, "09:00", "a", BOB),
        at(5, "09:04", "b", BOB),
        at(6, "09:00", "a", CEM),
        at(7, "08:59", "b", CEM),
        at(8, "09:00", "b", DEE),
        at(9, "09:01", "c", DEE),
    )
    found = await ask(database, users_at=2)
    assert (found.users, found.converted, found.conversion) == (3, 1, 0.3333)
    first, second, third = found.steps
    assert (first.users, first.dropped, first.median_ms) == (3, 1, None)
    assert (second.users, second.share_of_first, second.share_of_previous) == (2, 0.6667, 0.6667)
    assert (second.dropped, second.median_ms, second.p90_ms) == (1, 150_000.0, 222_000.0)
    assert (third.users, third.share_of_previous, third.median_ms) == (1, 0.5, 120_000.0)
    # There is no further step to drop out before.
    assert third.dropped is None
    assert found.user_emails == [BOB]
    reached = await ask(database, users_at=2, users_who="reached")
    assert reached.user_emails == [ADA, BOB]


async def test_any_first_step_may_begin(database: Database) -> None:
    """The first is too early for the window of the last, the second is not."""
    await store(
        database, at(1, "08:00", "a"), at(2, "09:30", "a"), at(3, "09:40", "b"), at(4, "10:00", "c")
    )
    found = await ask(database, within=timedelta(minutes=60))
    assert users(found) == [1, 1, 1]
    assert found.steps[1].median_ms == 600_000.0


@pytest.mark.parametrize(("last", "reached"), [("10:00", 1), ("10:00:00.000001", 0)])
async def test_exactly_in_time_counts(database: Database, last: str, reached: int) -> None:
    await store(database, at(1, "09:00", "a"), at(2, last, "b"))
    found = await ask(database, Step("a"), Step("b"), within=timedelta(hours=1))
    assert users(found) == [1, reached]


async def test_events_of_one_moment_follow_one_another_by_their_ids(database: Database) -> None:
    await store(
        database,
        at(1, "09:00", "a"),
        at(2, "09:00", "b"),
        at(3, "09:00", "b", BOB),
        at(4, "09:00", "a", BOB),
    )
    assert users(await ask(database, Step("a"), Step("b"))) == [2, 1]


async def test_one_type_as_two_steps_takes_two_events(database: Database) -> None:
    await store(database, at(1, "09:00", "a"), at(2, "09:01", "a"), at(3, "09:00", "a", BOB))
    assert users(await ask(database, Step("a"), Step("a"))) == [2, 1]


async def test_strict_lets_nothing_come_between(database: Database) -> None:
    await store(
        database,
        at(1, "09:00", "a"),
        at(2, "09:01", "x"),
        at(3, "09:02", "b"),
        at(4, "09:00", "a", BOB),
        at(5, "09:01", "b", BOB),
    )
    steps = (Step("a"), Step("b"))
    assert users(await ask(database, *steps)) == [2, 2]
    assert users(await ask(database, *steps, order="strict")) == [2, 1]


async def test_steps_by_metadata_and_groups(database: Database) -> None:
    await store(
        database,
        at(1, "09:00", "a", event_metadata='{"plan": "pro"}', device_type="tv"),
        at(2, "09:01", "b", event_metadata='{"ok": true}'),
        at(3, "09:00", "a", BOB, event_metadata='{"plan": "free"}'),
        at(4, "09:01", "b", BOB, event_metadata='{"ok": false}'),
        at(5, "09:00", "a", CEM),
    )
    good = parse_step('{"event_type": "b", "metadata": {"ok": true}}')
    found = await ask(database, Step("a"), good, split_by="metadata", key="plan")
    assert users(found) == [3, 1]
    assert [(each.value, [step.users for step in each.steps]) for each in found.groups] == [
        ("free", [1, 0]),
        ("pro", [1, 1]),
        (None, [1, 0]),
    ]
    found = await ask(database, Step("a"), good, split_by="device_type")
    assert [(each.value, each.steps[0].users) for each in found.groups] == [(None, 2), ("tv", 1)]


async def test_nobody(database: Database) -> None:
    found = await ask(database, users_at=1)
    assert (users(found), found.conversion, found.user_emails) == ([0, 0, 0], 0.0, [])


async def test_events_outside_the_window_do_not_take_part(database: Database) -> None:
    await store(database, at(1, "00:00", "a"), row(2, "2026-11-21 00:00", event_type="b"))
    assert users(await ask(database, Step("a"), Step("b"))) == [1, 0]


@pytest.mark.parametrize(
    ("steps", "options", "message"),
    [
        ((Step("a"),), {}, "^step: set 2 to 10"),
        (tuple(Step("a") for _ in range(11)), {}, "^step: set 2 to 10"),
        (ABC, {"users_at": 4}, "^users_at: must be the number"),
        (ABC, {"split_by": "metadata"}, "^`key` is required with `split_by=metadata`$"),
        (ABC, {"key": "plan"}, "^`key` is only allowed with `split_by=metadata`$"),
    ],
)
async def test_what_is_no_funnel(
    database: Database, steps: tuple[Step, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await ask(database, *steps, **options)


@pytest.mark.fault("B2")
async def test_conversions_after_the_end_count_when_they_are_asked_for(database: Database) -> None:
    a, b = Step("a"), Step("b")
    await store(
        database,
        row(1, "2026-11-17 12:00", ADA, event_type="a"),
        row(2, "2026-11-19 12:00", ADA, event_type="b"),
        # Began after the end: no entrant.
        row(3, "2026-11-18 12:00", BOB, event_type="a"),
        row(4, "2026-11-18 13:00", BOB, event_type="b"),
        # Began at the last moment; converted in time, and a moment too late.
        row(5, "2026-11-18 11:59", CEM, event_type="a"),
        row(6, "2026-11-21 11:59", CEM, event_type="b"),
        row(7, "2026-11-18 11:59", DEE, event_type="a"),
        row(8, "2026-11-21 12:00", DEE, event_type="b"),
    )
    window = Window(utc("2026-11-16 12:00"), utc("2026-11-18 12:00"))
    within = timedelta(days=3)
    found = await ask(database, a, b, window=window, within=within)
    assert users(found) == [3, 0]
    assert found.about.complete_before == utc("2026-11-15 12:00")
    found = await ask(database, a, b, window=window, within=within, after_end=True)
    assert users(found) == [3, 2]
    assert found.about.complete_before == window.end
    for order in ("loose", "strict"):
        now = utc("2026-11-20 18:00")
        found = await ask(
            database, a, b, window=window, within=within, after_end=True, now=now, order=order
        )
        assert users(found) == [3, 2]
        assert found.about.complete_before == utc("2026-11-17 18:00")
    # The window's end may be yet to come.
    ahead = Window(utc("2026-11-16 12:00"), utc("2026-12-01 00:00"))
    found = await ask(database, a, b, window=ahead, within=within, now=utc("2026-11-22 00:00"))
    assert users(found) == [4, 3]
    assert found.about.complete_before == utc("2026-11-19 00:00")


@pytest.mark.fault("B2")
async def test_a_step_of_the_first_ones_type_begins_nothing_after_the_end(
    database: Database,
) -> None:
    a = Step("a")
    await store(
        database,
        row(1, "2026-11-17 12:00", ADA, event_type="a"),
        row(2, "2026-11-19 12:00", ADA, event_type="a"),
        row(3, "2026-11-19 13:00", BOB, event_type="a"),
        row(4, "2026-11-19 14:00", BOB, event_type="a"),
    )
    window = Window(utc("2026-11-16 12:00"), utc("2026-11-18 12:00"))
    found = await ask(database, a, a, window=window, after_end=True)
    assert users(found) == [1, 1]
