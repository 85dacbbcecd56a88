"""The next migration, beside ingest: nothing fails, nothing waits long, and it gives way to others.

The migrations are made of the project's own template, in a copy of its folder.
"""

import asyncio
import os
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
from alembic import command
from alembic.config import Config

from app.auth.key_ring import FRESH_SECONDS
from app.auth.keys import create_key
from app.auth.principal import Scope
from app.database.migrations import head_revision
from app.database.sessions import Database
from app.settings import Settings
from tests.conftest import ROOT, fresh_database, running_service
from tests.faults.conftest import differences, execute, make_batch

CLIENTS = 4
TIMEOUT_SECONDS = 120
# Without a lock timeout of its own a migration would stop ingest for as long as it waits.
HELD_SECONDS = 8.0
STALL_MAX_SECONDS = 4.0
P99_MAX_SECONDS = 2.0

COLUMNS_AND_A_TABLE = """
    op.add_column("activity_event", sa.Column("note", sa.String(), nullable=True))
    op.add_column(
        "app_user", sa.Column("plan", sa.String(), server_default="free", nullable=False)
    )
    op.create_table("plan", sa.Column("name", sa.String(), primary_key=True))
"""
NO_COLUMNS = """
    op.drop_column("activity_event", "note")
    op.drop_column("app_user", "plan")
    op.drop_table("plan")
"""
AN_INDEX = """
    from app.database.migration_steps import create_event_index
    create_event_index("ix_activity_event_note", "(note) WHERE note IS NOT NULL")
"""
INDEXES = """
    SELECT indisvalid, pg_get_indexdef(indexrelid) AS definition
    FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid
    WHERE inhparent = 'ix_activity_event_note'::regclass
"""
WHOLE = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_activity_event_note'::regclass"
WITHOUT_IDENTITY = """
    SELECT inhrelid::regclass FROM pg_inherits
    WHERE inhparent = 'activity_event'::regclass AND NOT EXISTS (
      SELECT FROM pg_index WHERE indrelid = inhrelid AND indisunique AND indisvalid
    )
"""
REVISION = "SELECT version_num FROM activity_alembic_version"
PARTITIONS = """
    SELECT inhrelid::regclass::text AS name FROM pg_inherits
    WHERE inhparent = 'activity_event'::regclass ORDER BY 1
"""


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def later_version(tmp_path: Path) -> Path:
    """The alembic.ini of a version with two more migrations."""
    shutil.copytree(ROOT / "alembic", tmp_path / "alembic")
    ini = shutil.copy(ROOT / "alembic.ini", tmp_path)
    for number, name, up, down in (
        (1, "columns", COLUMNS_AND_A_TABLE, NO_COLUMNS),
        (2, "an index", AN_INDEX, "\n    op.drop_index('ix_activity_event_note')\n"),
    ):
        script = command.revision(Config(ini), name, rev_id=later(number))
        assert script is not None
        assert not isinstance(script, list)
        path = Path(script.path)
        head, *bodies = path.read_text().split("    pass\n")
        assert len(bodies) == 2
        path.write_text(head.rstrip() + up + bodies[0].rstrip() + down)
    return Path(ini)


def later(number: int) -> str:
    """The revision so many after the newest of this version."""
    return f"{int(head_revision()) + number:04d}"


@dataclass(slots=True)
class Load:
    """What clients were answered, and after how long."""

    statuses: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    sent: int = 0


@asynccontextmanager
async def ingesting(service_url: str) -> AsyncIterator[Load]:
    """Clients that log one batch after another for as long as the block runs."""
    load = Load()
    goes_on = True
    chance = random.Random(1)

    async def client_loop(client: httpx.AsyncClient) -> None:
        while goes_on:
            batch = make_batch(chance)
            began = time.monotonic()
            answer = await client.post(f"{service_url}/api/events/log/batch", json=batch)
            load.seconds.append(time.monotonic() - began)
            load.statuses.add(answer.status_code)
            load.sent += len(batch["events"])

    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client, asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client_loop(client))
        try:
            yield load
        finally:
            goes_on = False


async def alembic(url: str, ini: Path, *words: str) -> "asyncio.subprocess.Process":
    return await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("alembic"),
        "-c",
        ini,
        *words,
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def ended(process: "asyncio.subprocess.Process", code: int = 0) -> str:
    """What it printed, once it has ended with this exit code."""
    output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    assert process.returncode == code, output.decode()
    return output.decode()


async def test_the_next_migrations_beside_ingest(url: str, later_version: Path) -> None:
    with running_service(DATABASE_URL=url) as service:
        async with ingesting(service.url) as load:
            await asyncio.sleep(1)
            await ended(await alembic(url, later_version, "upgrade", "head"))
            await asyncio.sleep(1)
        # The version before goes on: it is ready, and says where the database is.
        ready = await asyncio.to_thread(httpx.get, f"{service.url}/health/ready")
        assert ready.status_code == 200
        assert ready.json()["migration"] == later(2)
    assert load.statuses == {200}
    assert sorted(load.seconds)[len(load.seconds) * 99 // 100] < P99_MAX_SECONDS
    stored = await execute(url, "SELECT count(*), count(note) FROM activity_event")
    assert tuple(stored[0]) == (load.sent, 0)
    assert await differences(url) == []
    indexes = await execute(url, INDEXES)
    assert [row["indisvalid"] for row in indexes] == [True] * len(await execute(url, PARTITIONS))

    # It starts on it, too: on a platform that restarts the version before while the next is out.
    with running_service(DATABASE_URL=url) as service:
        async with ingesting(service.url) as load:
            await asyncio.sleep(0.5)
    assert load.statuses == {200}


async def test_a_migration_gives_way_to_a_long_transaction_and_to_ingest(
    url: str, later_version: Path
) -> None:
    """As long as a dump reads the events, the migration waits, and ingest doesn't."""
    dump = await asyncpg.connect(url)
    with running_service(DATABASE_URL=url) as service:
        async with ingesting(service.url) as load:
            reading = dump.transaction()
            await reading.start()
            await dump.execute("LOCK TABLE activity_event IN ACCESS SHARE MODE")
            migrating = await alembic(url, later_version, "upgrade", "head")
            await asyncio.sleep(HELD_SECONDS)
            assert migrating.returncode is None, await ended(migrating)
            before = len(load.seconds)
            await reading.rollback()
            await ended(migrating)
    await dump.close()
    assert load.statuses == {200}
    assert before > HELD_SECONDS
    assert max(load.seconds) < STALL_MAX_SECONDS
    assert (await execute(url, "SELECT count(*) FROM activity_event"))[0][0] == load.sent


@pytest.mark.fault("A1")
async def test_events_become_one_by_their_ids_beside_ingest(url: str) -> None:
    """From the last version that had the time in the key, back to it, and up again. Retries come
    meanwhile: whatever the schema is at that moment, one id is counted once a month.
    """
    ini = ROOT / "alembic.ini"
    await ended(await alembic(url, ini, "downgrade", "0006"))
    with running_service("--no-migrate", DATABASE_URL=url) as service:
        async with ingesting(service.url) as load:
            await asyncio.sleep(1)
            await ended(await alembic(url, ini, "upgrade", "head"))
            await asyncio.sleep(0.5)
            await ended(await alembic(url, ini, "downgrade", "0006"))
            await asyncio.sleep(0.5)
            await ended(await alembic(url, ini, "upgrade", "head"))
            await asyncio.sleep(0.5)
    assert load.statuses == {200}
    assert max(load.seconds) < STALL_MAX_SECONDS
    assert (await execute(url, "SELECT count(*) FROM activity_event"))[0][0] == load.sent
    assert await execute(url, WITHOUT_IDENTITY) == []
    assert await differences(url) == []


async def test_keys_are_known_before_their_migration_and_after(url: str) -> None:
    """A process of this version serves the schema of the last, too: keys first of all."""
    database = Database(url, Settings())
    _, secret = await create_key(database, "backend", [Scope.WRITE], datetime.now(UTC))
    await database.dispose()
    ini = ROOT / "alembic.ini"
    await ended(await alembic(url, ini, "downgrade", "0013"))
    batch = make_batch(random.Random(1))
    with running_service("--no-migrate", DATABASE_URL=url) as service:
        log = f"{service.url}/api/events/log/batch"

        async def statuses() -> list[int]:
            async with httpx.AsyncClient() as client:
                headers = {"Authorization": f"Bearer {secret}"}
                known = await client.post(log, json=batch, headers=headers)
                return [known.status_code, (await client.post(log, json=batch)).status_code]

        before = await statuses()
        await ended(await alembic(url, ini, "upgrade", "head"))
        await asyncio.sleep(FRESH_SECONDS)
        after = await statuses()
    assert (before, after) == ([200, 401], [200, 401])


async def test_steps_back_are_counted_once(url: str, later_version: Path) -> None:
    """`-2` whose second step has to be begun again is not two more from there."""
    await ended(await alembic(url, later_version, "upgrade", "head"))
    reader = await asyncpg.connect(url)
    reading = reader.transaction()
    await reading.start()
    await reader.execute("LOCK TABLE app_user IN ACCESS SHARE MODE")
    said = await ended(await alembic(url, later_version, "downgrade", "-2"), code=255)
    await reading.rollback()
    await reader.close()
    assert f"Stopped at {later(1)}: a lock was not to be had." in said
    assert (await execute(url, REVISION))[0][0] == later(1)
    await ended(await alembic(url, later_version, "downgrade", "-1"))
    assert (await execute(url, REVISION))[0][0] == later(0)


async def test_an_index_that_was_begun_is_finished(url: str, later_version: Path) -> None:
    """As after a crash: on the parent alone, half of one on a month, and the whole on another."""
    await ended(await alembic(url, later_version, "upgrade", later(1)))
    months = [row["name"] for row in await execute(url, PARTITIONS)]
    name, definition = "ix_activity_event_note", "(note) WHERE note IS NOT NULL"
    for statement in (
        f"CREATE INDEX {name} ON ONLY activity_event {definition}",
        f"CREATE INDEX {months[0]}_{name} ON {months[0]} (user_id)",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{months[0]}_{name}'::regclass",  # noqa: S608
        f"CREATE INDEX whole ON {months[1]} {definition}",
        f"ALTER INDEX {name} ATTACH PARTITION whole",
    ):
        await execute(url, statement)
    await ended(await alembic(url, later_version, "upgrade", "head"))
    indexes = await execute(url, INDEXES)
    assert [row["indisvalid"] for row in indexes] == [True] * len(months)
    assert all("(note)" in row["definition"] for row in indexes)
    parent = await execute(url, WHOLE)
    assert parent[0]["indisvalid"] is True
