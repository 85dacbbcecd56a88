"""Any interleaving of batches, retries, overlaps, clean-ups and erased users keeps the promise:
what is stored is the union of what was accepted, and the totals are those of a recount.
"""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.db import Database, create_engine
from app.ingest.accept import accept_batch
from app.ingest.writer import GroupWriter
from app.privacy.cleanup import clean_up
from app.settings import Settings
from app.verify_rollups import verify_rollups
from tests.conftest import truncate
from tests.faults.conftest import execute

USERS = ("ada@example.com", "bob@example.com")
Key = tuple[str, UUID]

events = st.lists(
    st.tuples(st.sampled_from(USERS), st.integers(0, 11)),
    min_size=1,
    max_size=6,
)


class AnyOrder(RuleBasedStateMachine):
    """The model is a set of (user, id); `url` is set by the test."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stored: set[Key] = set()
        self.settings = Settings(database_url=self.url)
        self.runner.run(truncate(self.url))
        self.runner.run(self.open())

    async def open(self) -> None:
        self.database = Database(self.url, self.settings)
        self.writers = [GroupWriter(self.database, self.settings) for _ in range(2)]
        for writer in self.writers:
            writer.start()
        self.now = (await execute(self.url, "SELECT now()"))[0][0]

    async def send(self, number: int, batch: list[tuple[str, int]]) -> int:
        """One id has one time, whoever sends it, as the contract says."""
        body = {
            "events": [
                {
                    "user_email": user,
                    "event_id": str(UUID(int=event_id + 1)),
                    "event_timestamp": self.now - timedelta(minutes=event_id * 15),
                    "event_type": f"type_{event_id % 3}",
                    "duration_ms": event_id,
                }
                for user, event_id in batch
            ]
        }
        result = await accept_batch(
            self.writers[number], orjson.dumps(body), self.now, self.settings
        )
        assert result.accepted + result.duplicates == len(batch)
        return result.accepted

    @rule(batch=events)
    def log(self, batch: list[tuple[str, int]]) -> None:
        keys = {(user, UUID(int=event_id + 1)) for user, event_id in batch}
        new = keys - self.stored
        assert self.runner.run(self.send(0, batch)) == len(new)
        self.stored |= new

    @rule(one=events, other=events)
    def log_from_two_processes_at_once(
        self, one: list[tuple[str, int]], other: list[tuple[str, int]]
    ) -> None:
        keys = {(user, UUID(int=event_id + 1)) for user, event_id in one + other}
        new = keys - self.stored

        async def both() -> int:
            return sum(await asyncio.gather(self.send(0, one), self.send(1, other)))

        assert self.runner.run(both()) == len(new)
        self.stored |= new

    @rule(user=st.sampled_from(USERS))
    def remove_all_of(self, user: str) -> None:
        done = self.runner.run(clean_up(self.database, before=None, user_email=user, dry_run=False))
        gone = {key for key in self.stored if key[0] == user}
        assert done.events_deleted == len(gone)
        self.stored -= gone

    @rule(user=st.sampled_from(USERS))
    def erase(self, user: str) -> None:
        """By another process: what this one remembers of the user is no longer true."""
        self.remove_all_of(user)
        self.runner.run(execute(self.url, f"DELETE FROM app_user WHERE email = '{user}'"))  # noqa: S608

    @invariant()
    def what_is_stored_is_what_was_accepted(self) -> None:
        rows = self.runner.run(
            execute(
                self.url,
                "SELECT email, event_id FROM activity_event JOIN app_user ON id = user_id",
            )
        )
        assert sorted((row["email"], row["event_id"]) for row in rows) == sorted(self.stored)
        count = self.runner.run(execute(self.url, "SELECT count(*) FROM activity_event"))[0][0]
        assert count == len(self.stored)
        assert self.runner.run(self.differences()) == []

    async def differences(self) -> list[Any]:
        engine = create_engine(self.url, self.settings, pooled=False, server_settings={})
        async with engine.connect() as connection:
            checks = await verify_rollups(connection)
        await engine.dispose()
        return [each for each in checks if not each.ok]

    def teardown(self) -> None:
        async def close() -> None:
            for writer in self.writers:
                await writer.close()
            await self.database.dispose()

        self.runner.run(close())
        self.runner.close()


def test_any_order(database_url: str) -> None:
    AnyOrder.url = database_url
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
