"""Migrations: up, down, up again; nothing left to migrate; and every way to run them."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.database.locks import MIGRATIONS_LOCK
from app.database.migrations import config, head_revision, migrate, run_with_lock_retry
from app.database.partitions import existing_partitions, is_partition, needed_months
from app.database.version_table import current_revision, is_behind, is_of_the_model
from app.errors import ServeError, Unavailable
from app.models import Base
from app.settings import Settings
from tests.conftest import ROOT, connected, fresh_database

BIN = Path(sys.executable).parent
SETTINGS = Settings()
TIMEOUT_SECONDS = 60

WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event = 'advisory'"
)
HELD = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    " WHERE locktype = 'advisory' AND datname = current_database()"
)


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url, migrated=False) as url:
        yield url


def alembic(run: Callable[..., None], *args: str, **options: Any) -> Callable[[Connection], None]:
    """An Alembic command on a given connection."""

    def go(connection: Connection) -> None:
        alembic_config = config()
        alembic_config.attributes["connection"] = connection
        run(alembic_config, *args, **options)

    return go


def tables(connection: Connection) -> set[str]:
    return {name for name in inspect(connection).get_table_names() if not is_partition(name)}


def differences(connection: Connection) -> list[Any]:
    """What autogenerate would write into a new migration."""
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_name": is_of_the_model,
    }
    return list(
        compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
    )


def command_line(url: str, *words: str | Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*map(str, words)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def test_up_down_and_up_again(url: str) -> None:
    everything = {
        "activity_alembic_version",
        "activity_event",
        "app_user",
        "activity_rollup",
        "activity_user_day",
        "activity_session",
        "stray_event",
        "activity_arrival",
        "served_prediction",
        "prediction_score",
        "api_key",
        "local_mode_end",
        "erasure",
        "service_secret",
        "duty",
        "privacy_change",
    }
    async with connected(url) as connection:
        assert await current_revision(connection) is None
        first = await migrate(connection, SETTINGS)
        assert await current_revision(connection) == head_revision()
        assert await connection.run_sync(tables) == everything

        await connection.run_sync(alembic(command.downgrade, "base"))
        await connection.commit()
        assert await current_revision(connection) is None
        assert await connection.run_sync(tables) == {"activity_alembic_version"}
        assert await existing_partitions(connection) == set()

        assert await migrate(connection, SETTINGS) == first
        assert await current_revision(connection) == head_revision()
        assert await connection.run_sync(tables) == everything
        assert await existing_partitions(connection) == set(first)


async def test_every_single_step_goes_down_and_up(url: str) -> None:
    steps = [each.revision for each in ScriptDirectory.from_config(config()).walk_revisions()]
    async with connected(url) as connection:
        for revision in reversed(steps):
            for run, target in (
                (command.upgrade, revision),
                (command.downgrade, "-1"),
                (command.upgrade, revision),
            ):
                await connection.run_sync(alembic(run, target))
                await connection.commit()
            assert await current_revision(connection) == revision
            await connection.commit()  # an index that is built beside ingest needs no transaction
        assert steps[0] == head_revision()


async def test_going_down_leaves_nothing_behind(url: str) -> None:
    async with connected(url) as connection:
        await migrate(connection, SETTINGS)
        await connection.run_sync(alembic(command.downgrade, "base"))
        left = await connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relname NOT LIKE 'activity_alembic_version%'"
                # What an extension brings (Citus has views here) is its own.
                " AND NOT EXISTS"
                " (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')"
            )
        )
        assert left.scalars().all() == []


async def test_migrating_what_is_migrated_changes_nothing(url: str) -> None:
    async with connected(url) as connection:
        assert len(await migrate(connection, SETTINGS)) >= 14
        assert await migrate(connection, SETTINGS) == []


async def test_the_model_has_nothing_left_to_migrate(url: str) -> None:
    async with connected(url) as connection:
        await migrate(connection, SETTINGS)
        assert await connection.run_sync(differences) == []
        await connection.run_sync(alembic(command.check))  # raises where there would be any


async def test_a_difference_to_the_model_would_be_seen(url: str) -> None:
    async with connected(url) as connection:
        await migrate(connection, SETTINGS)
        await connection.execute(text("ALTER TABLE app_user ALTER COLUMN created_at DROP DEFAULT"))
        await connection.execute(text("ALTER TABLE activity_event ADD COLUMN more int"))
        assert len(await connection.run_sync(differences)) == 2


async def test_names_follow_the_convention(url: str) -> None:
    async with connected(url) as connection:
        await migrate(connection, SETTINGS)
        rows = await connection.execute(
            text(
                "SELECT c.relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
                " WHERE indrelid IN ('app_user'::regclass, 'activity_event'::regclass)"
            )
        )
        names = sorted(rows.scalars())
    assert names == sorted(
        [
            "pk_app_user",
            "uq_app_user_email",
            "ix_app_user_id",
            "ix_activity_event_event_timestamp",
            "ix_activity_event_session_id_event_timestamp",
            "ix_activity_event_user_id_entity_type_entity_id",
            "ix_activity_event_user_id_event_category_event_timestamp",
            "ix_activity_event_user_id_event_timestamp",
            "ix_activity_event_without_session",
        ]
    )


async def test_a_migration_waits_for_the_one_under_way(url: str) -> None:
    async with connected(url) as first, connected(url) as second:
        await first.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATIONS_LOCK})
        await first.commit()
        later = asyncio.create_task(migrate(second, SETTINGS))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not (await first.execute(WAITING)).scalar():
                await first.rollback()  # what is seen of other sessions is kept for a transaction
        assert await first.run_sync(tables) == set()
        await first.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATIONS_LOCK})
        await first.commit()
        await later
        assert await current_revision(second) == head_revision()


async def test_a_migration_that_fails_gives_its_lock_back(url: str) -> None:
    async with connected(url) as connection:
        await connection.execute(text("CREATE TABLE activity_event (other int)"))
        await connection.commit()
        with pytest.raises(ServeError, match="another application's `activity_event`"):
            await migrate(connection, SETTINGS)
        assert (await connection.execute(HELD)).scalar() == 0
        assert await connection.run_sync(tables) == {"activity_event"}


async def test_who_is_in_the_way_is_named_in_the_end(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.migrations.PATIENCE_SECONDS", 0.2)
    async with connected(url) as holder, connected(url) as migrating:
        await migrate(holder, SETTINGS)
        await holder.execute(text("SELECT count(*) FROM app_user"))
        with pytest.raises(Unavailable, match=r"the oldest is process \d+ \(activity-events\)"):
            await migrating.run_sync(
                lambda one: run_with_lock_retry(
                    one, lambda: one.execute(text("LOCK TABLE app_user")).close()
                )
            )
        await holder.rollback()
        await migrating.run_sync(
            lambda one: run_with_lock_retry(
                one, lambda: one.execute(text("LOCK TABLE app_user")).close()
            )
        )
        shown = (await migrating.execute(text("SHOW lock_timeout"))).scalar()
    assert shown == "5s"


@pytest.mark.parametrize(
    ("revision", "behind"),
    [(None, True), ("0003", True), ("0004", False), ("0005", False), ("other", True), ("", True)],
)
def test_a_database_is_behind(revision: str | None, behind: bool) -> None:
    assert is_behind(revision, "0004") == behind


async def test_what_a_newer_version_has_migrated_is_left_alone(url: str) -> None:
    async with connected(url) as connection:
        made = await migrate(connection, SETTINGS)
        await connection.execute(text("UPDATE activity_alembic_version SET version_num = '9999'"))
        await connection.execute(text(f"DROP TABLE {made[-1]}"))
        await connection.commit()
        assert await migrate(connection, SETTINGS) == made[-1:]
        assert await current_revision(connection) == "9999"


async def test_plain_alembic_works_and_makes_the_partitions(url: str) -> None:
    done = command_line(url, BIN / "alembic", "upgrade", "head")
    output, _ = done.communicate(timeout=TIMEOUT_SECONDS)
    assert done.returncode == 0, output
    async with connected(url) as connection:
        assert await current_revision(connection) == head_revision()
        needed = {month.partition for month in needed_months(datetime.now(UTC), SETTINGS)}
        assert needed <= await existing_partitions(connection)


def test_plain_alembic_without_a_database_says_what_to_set() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    done = subprocess.run(
        [BIN / "alembic", "current"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().startswith("Set DATABASE_URL, or use `activity-events migrate`")


async def test_two_migrations_at_once_both_succeed(url: str) -> None:
    both = [command_line(url, BIN / "activity-events", "migrate") for _ in range(2)]
    outputs = [each.communicate(timeout=TIMEOUT_SECONDS)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0], outputs
    made = [name for output in outputs for name in re.findall(r"created partition (\S+)", output)]
    async with connected(url) as connection:
        assert await current_revision(connection) == head_revision()
        assert sorted(made) == sorted(await existing_partitions(connection))
    assert all(output.endswith("The database is up to date.\n") for output in outputs)
