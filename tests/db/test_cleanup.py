"""What is deleted, in steps of what size, and what is left."""

from datetime import datetime, timedelta

import pytest

from app.database.sessions import Database
from app.errors import InvalidRequest
from app.privacy import delete_events as module
from app.privacy.delete_events import Cleaned, clean_up, cutoff
from tests.conftest import NOW
from tests.db.conftest import ADA, BOB, row, scalar, store, utc

NOON = utc("2026-11-20 12:00")
LEFT = "SELECT array_agg(event_type ORDER BY event_id) FROM activity_event"


@pytest.mark.parametrize(
    ("days", "one_user", "before"),
    [
        (None, False, "2025-11-20 12:00"),  # the retention
        (None, True, None),
        (30, False, "2026-10-21 12:00"),
        (30, True, "2026-10-21 12:00"),
        (0, True, None),
    ],
)
def test_the_moment_before_which_events_go(
    days: int | None, one_user: bool, before: str | None
) -> None:
    expected = None if before is None else utc(before)
    assert cutoff(NOW, days, 365, one_user=one_user) == expected


def test_everything_of_everybody_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        cutoff(NOW, 0, 365, one_user=False)


async def run(
    database: Database,
    before: datetime | None = NOON,
    user_email: str | None = None,
    *,
    dry_run: bool = False,
) -> tuple[int, list[int]]:
    """How many were deleted, and in steps of what size."""
    steps: list[int] = []
    done = await clean_up(
        database, before=before, user_email=user_email, dry_run=dry_run, on_deleted=steps.append
    )
    assert done == Cleaned(done.events_deleted, before, dry_run)
    return done.events_deleted, steps


async def store_some(database: Database) -> None:
    await store(
        database,
        row(1, "2026-11-20 11:59:59.999999", event_type="old"),
        row(2, "2026-11-20 12:00", event_type="new"),
        row(3, "2026-11-19 12:00", event_type="old", user=BOB),
        row(4, "2025-12-01 00:00", event_type="old"),
        row(5, "2026-11-20 13:00", event_type="new", user=BOB),
    )


async def test_what_is_before_goes_and_the_rest_stays(database: Database) -> None:
    await store_some(database)
    assert await run(database) == (3, [3])
    assert await scalar(database, LEFT) == ["new", "new"]
    assert await run(database) == (0, [])


async def test_one_users(database: Database) -> None:
    await store_some(database)
    assert await run(database, user_email=ADA) == (2, [2])
    assert await run(database, None, BOB) == (2, [2])
    assert await scalar(database, LEFT) == ["new"]
    assert await run(database, None, "nobody@example.com") == (0, [])
    assert await scalar(database, "SELECT count(*) FROM app_user") == 2


async def test_a_dry_run_counts_and_deletes_nothing(database: Database) -> None:
    await store_some(database)
    assert await run(database, dry_run=True) == (3, [])
    assert await run(database, user_email=ADA, dry_run=True) == (2, [])
    assert await run(database, None, BOB, dry_run=True) == (2, [])
    assert await run(database, None, "nobody@example.com", dry_run=True) == (0, [])
    assert await scalar(database, "SELECT count(*) FROM activity_event") == 5


async def test_neither_a_time_nor_a_user_is_refused(database: Database) -> None:
    await store_some(database)
    with pytest.raises(ValueError, match="needs a time or a user"):
        await run(database, None)
    assert await scalar(database, "SELECT count(*) FROM activity_event") == 5


@pytest.mark.parametrize(("events", "steps"), [(7, [3, 3, 1]), (6, [3, 3]), (2, [2]), (0, [])])
async def test_no_transaction_deletes_more_than_its_bound(
    database: Database, monkeypatch: pytest.MonkeyPatch, events: int, steps: list[int]
) -> None:
    monkeypatch.setattr(module, "ROWS_PER_TRANSACTION", 3)
    at = utc("2026-09-01 00:00")
    times = [f"{at + timedelta(days=10 * number):%Y-%m-%d %H:%M}" for number in range(events)]
    await store(
        database,
        *(row(number, time) for number, time in enumerate(times)),
        row(100, "2026-11-20 13:00", event_type="new"),
    )
    assert await run(database) == (events, steps)
    assert await scalar(database, LEFT) == ["new"]


async def test_what_was_deleted_before_a_failure_stays_deleted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_PER_TRANSACTION", 2)
    await store(database, *(row(number, "2026-11-20 11:00") for number in range(5)))

    class Stopped(Exception):
        pass

    def stop(_: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        await clean_up(database, before=NOON, user_email=None, dry_run=False, on_deleted=stop)
    assert await scalar(database, "SELECT count(*) FROM activity_event") == 3
    assert await run(database) == (3, [2, 1])
