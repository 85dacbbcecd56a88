"""A fresh database has no fault, and whatever is broken in it is named."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import text

from app.database.engine import create_engine
from app.database.partitions import PARENT, ensure_partitions
from app.database.verify import Check, verify
from app.models import Base
from app.settings import Settings
from tests.conftest import NOW, fresh_database
from tests.db.conftest import utc

LATER = utc("2030-11-20 12:00")

SETTINGS = Settings(retention_days=365, partitions_ahead_months=2)


@pytest.fixture(scope="module")
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


async def checks(url: str, *broken: str, now: datetime = NOW) -> list[Check]:
    """All checks, after the statements that break something, in a transaction that is undone.

    There are partitions for NOW, whatever the date.
    """
    engine = create_engine(url, SETTINGS, pooled=False, server_settings={})
    async with engine.connect() as connection:
        await ensure_partitions(connection, SETTINGS, NOW)
        for statement in broken:
            await connection.execute(text(statement))
        found = await verify(connection, SETTINGS, now)
        await connection.rollback()
    await engine.dispose()
    return found


async def faults(url: str, *broken: str, now: datetime = NOW) -> list[tuple[str, str, str]]:
    """Kind, name, and what was found instead."""
    return [
        (each.kind, each.name, each.found)
        for each in await checks(url, *broken, now=now)
        if not each.ok
    ]


async def test_a_fresh_database_has_no_fault(url: str) -> None:
    found = await checks(url)
    assert [each for each in found if not each.ok] == []
    expected = [
        "server version",
        "server encoding",
        "migration revision",
        "table activity_event",
        "table app_user",
        "partition activity_event_p2026_11",
        "index ix_activity_event_event_timestamp",
        "index ix_activity_event_user_id_event_timestamp",
        "index uq_app_user_email",
        "model drift",
    ]
    there = [f"{each.kind} {each.name}" for each in found]
    assert [each for each in there if each in expected] == expected


async def test_a_partition_past_retention_is_no_fault(url: str) -> None:
    found = await checks(url, now=LATER)
    assert ("partition", "activity_event_p2025_11", "past retention", "present", True) in [
        (each.kind, each.name, each.expected, each.found, each.ok) for each in found
    ]


async def test_months_that_are_not_made_yet_are_faults(url: str) -> None:
    assert ("partition", "activity_event_p2031_01", "missing") in await faults(url, now=LATER)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (
            "DROP INDEX ix_activity_event_event_timestamp",
            ("index", "ix_activity_event_event_timestamp", "missing"),
        ),
        (
            "ALTER TABLE app_user DROP CONSTRAINT uq_app_user_email",
            ("index", "uq_app_user_email", "missing"),
        ),
        (
            "ALTER TABLE app_user DROP CONSTRAINT pk_app_user",
            ("index", "pk_app_user", "missing"),
        ),
        (
            "DROP TABLE activity_event_p2026_11",
            ("partition", "activity_event_p2026_11", "missing"),
        ),
        (
            "ALTER TABLE activity_event DETACH PARTITION activity_event_p2026_11",
            ("partition", "activity_event_p2026_11", "missing"),
        ),
        ("DROP TABLE app_user", ("table", "app_user", "missing")),
        (
            "UPDATE activity_alembic_version SET version_num = '0000'",
            ("migration", "revision", "0000"),
        ),
        (
            "INSERT INTO activity_arrival VALUES (1000000000, now(), '{1}', '{now}', '{}')",
            ("rows", "activity_arrival", "1 from another server"),
        ),
        pytest.param(
            r"INSERT INTO app_user (email) VALUES (U&'mu\0308ller@x.io'), ('dot@x.io.')",
            ("rows", "app_user", "2 not normalised: run `activity-events migrate`"),
            marks=pytest.mark.fault("A9"),
        ),
        ("DROP TABLE activity_arrival", ("table", "activity_arrival", "missing")),
    ],
)
async def test_what_is_broken_is_named(url: str, broken: str, fault: tuple[str, str, str]) -> None:
    assert fault in await faults(url, broken)


async def test_an_index_that_is_not_on_every_partition_is_a_fault(url: str) -> None:
    """As an index that was made ONLY on the table, and forgotten."""
    name = "ix_activity_event_event_timestamp"
    found = await faults(
        url,
        f"DROP INDEX {name}",
        f"CREATE INDEX {name} ON ONLY activity_event (event_timestamp)",
    )
    assert found == [("index", name, "invalid, on 0 partitions")]


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        ("ALTER TABLE app_user ADD COLUMN age int", ("remove_column", "app_user", "age")),
        ("ALTER TABLE activity_event DROP COLUMN device_type", ("add_column", "device_type")),
        (
            "ALTER TABLE activity_event ALTER COLUMN session_seq TYPE bigint",
            ("modify_type", "session_seq"),
        ),
        (
            "ALTER TABLE activity_event ALTER COLUMN event_type DROP NOT NULL",
            ("modify_nullable", "event_type"),
        ),
        ("CREATE INDEX ix_other ON app_user (created_at)", ("remove_index", "ix_other")),
        (
            "CREATE TABLE activity_event_rest PARTITION OF activity_event DEFAULT",
            ("remove_table", "activity_event_rest"),
        ),
    ],
)
async def test_a_difference_to_the_model_is_named(
    url: str, broken: str, names: tuple[str, ...]
) -> None:
    found = [fault for fault in await faults(url, broken) if fault[:2] == ("model", "drift")]
    assert any(all(name in what for name in names) for _, _, what in found)


@pytest.mark.fault("N26")
async def test_rules_of_sorting_of_another_version_are_a_fault(url: str) -> None:
    """As after an upgrade of the system: an index may no longer find what is in it."""
    database = "UPDATE pg_database SET datcollversion = '0.9' WHERE datname = current_database()"
    [(kind, name, found)] = await faults(url, database)
    assert (kind, name.startswith("activity_test_")) == ("collation", True)
    assert found.startswith("0.9, but ")
    assert "REINDEX DATABASE" in found
    assert f'ALTER DATABASE "{name}" REFRESH COLLATION VERSION' in found

    column = 'ALTER TABLE app_user ALTER COLUMN email TYPE text COLLATE "pg_unicode_fast"'
    version = "UPDATE pg_collation SET collversion = '0.9' WHERE collname = 'pg_unicode_fast'"
    found_of = {(kind, name): found for kind, name, found in await faults(url, column, version)}
    assert (
        'ALTER COLLATION "pg_unicode_fast" REFRESH VERSION'
        in found_of["collation", "pg_unicode_fast"]
    )
    assert [each.ok for each in await checks(url) if each.kind == "collation"] == [True]


async def test_a_database_that_was_never_migrated(bare_url: str) -> None:
    assert await faults(bare_url) == [("migration", "revision", "none")]


def test_the_table_of_partitions_is_named_as_in_the_model() -> None:
    assert PARENT in Base.metadata.tables
