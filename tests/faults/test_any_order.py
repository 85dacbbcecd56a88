"""Any interleaving of batches, retries, overlaps, clean-ups, opt-outs and erasures keeps the
promise: what is stored is the union of what was accepted, and the totals are those of a recount.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

import orjson
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.database.sessions import Database
from app.ingest.accept import accept_batch
from app.ingest.writer import GroupWriter
from app.privacy.delete_events import clean_up
from app.privacy.erase import erase_user
from app.privacy.opt_out import Change, set_opt_out
from app.settings import Settings
from tests.conftest import truncate
from tests.faults.conftest import differences, execute

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
        self.opted_out: set[str] = set()
        self.erased: set[str] = set()  # of whom no event of the past is taken any more
        self.settings = Settings(database_url=self.url)
        self.runner.run(truncate(self.url))
        self.runner.run(self.open())

    async def open(self) -> None:
        self.database = Database(self.url, self.settings)
        self.writers = [GroupWriter(self.database, self.settings) for _ in range(2)]
        for writer in self.writers:
            writer.start()
        self.now = (await execute(self.url, "SELECT now()"))[0][0]

    def expected(self, batch: list[tuple[str, int]]) -> set[Key]:
        """What of a batch is new, and may be recorded. All of it is from before any erasure."""
        keys = {(user, UUID(int=event_id + 1)) for user, event_id in batch}
        return {key for key in keys - self.stored if key[0] not in self.opted_out | self.erased}

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
        assert result.accepted + result.duplicates + result.suppressed == len(batch)
        return result.accepted

    @rule(batch=events)
    def log(self, batch: list[tuple[str, int]]) -> None:
        new = self.expected(batch)
        assert self.runner.run(self.send(0, batch)) == len(new)
        self.stored |= new

    @rule(one=events, other=events)
    def log_from_two_processes_at_once(
        self, one: list[tuple[str, int]], other: list[tuple[str, int]]
    ) -> None:
        new = self.expected(one + other)

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

    @rule(user=st.sampled_from(USERS), opted_out=st.booleans())
    def opt_out(self, user: str, opted_out: bool) -> None:
        change = Change(analytics=opted_out)
        self.runner.run(set_opt_out(self.database, self.settings, user, change))
        (self.opted_out.add if opted_out else self.opted_out.discard)(user)

    @rule(user=st.sampled_from(USERS))
    def erase(self, user: str) -> None:
        """What the writers remember of the user is then no longer true."""
        gone = {key for key in self.stored if key[0] == user}
        receipt = self.runner.run(erase_user(self.database, self.settings, user, self.now))
        assert receipt.deleted["activity_event"] == len(gone)
        self.stored -= gone
        self.erased.add(user)

    @rule(user=st.sampled_from(USERS), batch=events)
    def erase_while_its_events_arrive(self, user: str, batch: list[tuple[str, int]]) -> None:
        """Whatever was accepted of them before is gone, too."""
        new = self.expected(batch)

        async def both() -> int:
            _, accepted = await asyncio.gather(
                erase_user(self.database, self.settings, user, self.now), self.send(0, batch)
            )
            return accepted

        of_others = {key for key in new if key[0] != user}
        assert len(of_others) <= self.runner.run(both()) <= len(new)
        self.stored = {key for key in self.stored | of_others if key[0] != user}
        self.erased.add(user)

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
        assert self.runner.run(differences(self.url)) == []

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
            max_examples=15,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
