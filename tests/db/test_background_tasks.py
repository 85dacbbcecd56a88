"""What is done now and then: when it is due, by one at a time, whatever fails."""

import asyncio
import logging
from datetime import datetime, timedelta

import pytest

from app.background.tasks import BACKGROUND_TASKS, RETRY_AFTER, BackgroundTask, BackgroundTasks
from app.database.sessions import Database
from app.privacy.retention import DUTY
from app.settings import Settings
from tests.conftest import NOW
from tests.db.conftest import ADA, row, scalar, store

HOUR = timedelta(hours=1)


class Done:
    """Counts how often something was done; the clock is its `now`."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.times = 0
        self.now = NOW
        self.failure = failure

    async def run(self, database: Database, settings: Settings, now: datetime) -> None:
        assert now == self.now
        self.times += 1
        if self.failure is not None:
            raise self.failure

    def tasks(self, database: Database, *more: BackgroundTask) -> BackgroundTasks:
        mine = BackgroundTask("mine", HOUR, self.run)
        return BackgroundTasks(database, Settings(), lambda: self.now, (mine, *more))


async def test_it_is_done_when_it_is_due(database: Database) -> None:
    done = Done()
    tasks = done.tasks(database)
    for minutes, times in ((0, 1), (1, 1), (59, 1), (60, 2), (61, 2), (121, 3)):
        done.now = NOW + timedelta(minutes=minutes)
        await tasks.look()
        assert done.times == times, minutes
    assert await scalar(database, "SELECT last_success_at FROM duty") == done.now


async def test_of_several_processes_one_does_it(database: Database) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    times = 0

    async def slow(_: Database, __: Settings, ___: datetime) -> None:
        nonlocal times
        times += 1
        begun.set()
        await may_end.wait()

    task = BackgroundTask("slow", HOUR, slow)
    first, second = (BackgroundTasks(database, Settings(), lambda: NOW, (task,)) for _ in range(2))
    looking = asyncio.create_task(first.look())
    await begun.wait()
    await second.look()  # at once: it does not wait for the first
    may_end.set()
    await looking
    await second.look()
    assert times == 1


async def test_what_fails_is_tried_again_later_and_holds_up_no_other(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    broken, other = Done(RuntimeError(f"of {ADA}")), Done()
    tasks = broken.tasks(database, BackgroundTask("other", HOUR, other.run))
    with caplog.at_level(logging.WARNING, "activity_events"):
        await tasks.look()
        await tasks.look()
    assert (broken.times, other.times) == (1, 1)
    assert [record.getMessage() for record in caplog.records] == ["task mine failed: RuntimeError"]
    broken.failure = None
    broken.now = other.now = NOW + RETRY_AFTER
    await tasks.look()
    assert broken.times == 2
    # The lock was given back, and the success written down.
    assert await scalar(database, "SELECT count(*) FROM duty") == 2
    assert await scalar(database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


async def test_the_service_keeps_its_own(database: Database) -> None:
    assert [task.name for task in BACKGROUND_TASKS] == [
        "partitions",
        "unfinished",
        DUTY,
        "arrivals",
        "summaries",
        "predictions",
    ]
    await store(database, row(1, at="2026-11-20 09:00"))
    settings = Settings(retention_days=365)
    await BackgroundTasks(database, settings, lambda: NOW).look()
    assert await scalar(database, "SELECT count(*) FROM duty") == 6
    assert await scalar(database, "SELECT count(*) FROM activity_event") == 1
