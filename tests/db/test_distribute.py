"""The tables on a Citus cluster, and back; what needs one runs with CITUS_URL alone."""

import os
from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.citus import BESIDE, TABLES, distribute, spread_of, undistribute
from app.database.migrations import config, migrate
from app.database.sessions import Database
from app.database.verify import verify
from app.database.verify_rollups import verify_rollups
from app.errors import InvalidRequest
from app.ingest.summaries import sum_up_days
from app.models import Base
from app.settings import Settings
from tests.conftest import NOW, SHARDS, add_partitions, connected, fresh_database
from tests.db.conftest import ADA, BOB, row, store

SETTINGS = Settings()

needs_citus = pytest.mark.skipif("CITUS_URL" not in os.environ, reason="needs a Citus cluster")
without_citus = pytest.mark.skipif("CITUS_URL" in os.environ, reason="this is a Citus cluster")

IDS = text("SELECT logicalrelid::text, colocationid FROM pg_dist_partition ORDER BY 1")


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    """A migrated database on a cluster, that is not distributed."""
    with fresh_database(server_url, spread=False) as url:
        yield url


async def fill(url: str, first: int = 1) -> None:
    """Of twenty users: what every table but those of predictions holds."""
    await add_partitions(url)
    database = Database(url, SETTINGS)
    users = [f"user{number}@example.com" for number in range(20)]
    await store(
        database,
        *(
            row(number, f"2026-11-{number % 3 + 17} 09:00", users[number % 20], session_id="s")
            for number in range(first, first + 400)
        ),
    )
    await sum_up_days(database, NOW)
    await database.dispose()


async def contents(connection: AsyncConnection) -> dict[str, tuple[int, str]]:
    """Of each table, how many rows there are, and a hash of them."""
    found = {}
    for table in Base.metadata.tables:
        rows = f"SELECT kept::text AS each FROM {table} AS kept"  # noqa: S608 (ours)
        hashed = "coalesce(md5(string_agg(each, '' ORDER BY each)), '')"
        statement = f"SELECT count(*), {hashed} FROM ({rows}) AS rows"  # noqa: S608 (ours)
        count, hash_ = (await connection.execute(text(statement))).one()
        found[table] = (count, hash_)
    await connection.rollback()
    return found


async def faults(connection: AsyncConnection) -> list[str]:
    checks = await verify(connection, SETTINGS)
    await connection.rollback()
    checks += await verify_rollups(connection)
    await connection.rollback()
    return [f"{each.kind} {each.name}: {each.found}" for each in checks if not each.ok]


async def spread_all(connection: AsyncConnection) -> list[str]:
    return [table async for table in distribute(connection, SHARDS)]


@without_citus
async def test_a_plain_postgresql_is_refused(url: str) -> None:
    async with connected(url) as connection:
        assert await spread_of(connection) == {}
        for steps in (distribute(connection), undistribute(connection)):
            with pytest.raises(InvalidRequest, match=r"is not installed .*\. docs/scaling\.md"):
                await anext(steps)


def test_every_table_of_a_user_is_spread_with_the_events() -> None:
    of_users = {
        str(mapper.local_table)
        for mapper in Base.registry.mappers
        if any(column.name == "user_id" for column in mapper.primary_key)
    }
    assert of_users == {table for table, spread in TABLES.items() if spread == "distributed"}
    alone = Base.metadata.tables.keys() - TABLES.keys()
    assert alone == {
        "api_key",
        "duty",
        "erasure",
        "local_mode_end",
        "privacy_change",
        "service_secret",
    }
    assert list(TABLES).index(BESIDE) < min(
        list(TABLES).index(table) for table in of_users - {BESIDE}
    )


@needs_citus
async def test_there_and_back(url: str) -> None:
    await fill(url)
    async with connected(url) as connection:
        before = await contents(connection)
        assert before["activity_event"][0] == 400
        assert await faults(connection) == []

        assert await spread_all(connection) == list(TABLES)
        assert await contents(connection) == before
        assert await spread_of(connection) == TABLES
        assert await faults(connection) == []
        # No second copy is left at the coordinator.
        for table in ("activity_event_p2026_11", "activity_user_day"):
            size = await connection.execute(text(f"SELECT pg_relation_size('{table}')"))
            assert size.scalar_one() == 0
        placed = (await connection.execute(IDS)).all()
        together = {each[1] for each in placed if TABLES.get(each[0]) == "distributed"}
        assert len(together) == 1

        assert await spread_all(connection) == list(TABLES)
        assert (await connection.execute(IDS)).all() == placed
        await connection.rollback()

        await fill(url, first=1001)
        more = await contents(connection)
        assert (more["activity_event"][0], more["app_user"][0]) == (800, 20)

        assert [table async for table in undistribute(connection)] == list(reversed(TABLES))
        assert await contents(connection) == more
        assert await spread_of(connection) == {}
        assert await faults(connection) == []
        assert [table async for table in undistribute(connection)] == list(reversed(TABLES))

        # Nobody gets the id of another.
        database = Database(url, SETTINGS)
        await store(database, row(5000, user=ADA))
        await spread_all(connection)
        await store(database, row(5001, user=BOB))
        await database.dispose()
        found = await connection.execute(text("SELECT id FROM app_user ORDER BY id DESC LIMIT 3"))
        assert len(set(found.scalars())) == 3
        assert await faults(connection) == []


@needs_citus
@pytest.mark.parametrize("done", [0, 1, 3, 7])
async def test_what_is_cut_off_goes_on_there(url: str, done: int) -> None:
    await fill(url)
    async with connected(url) as connection:
        before = await contents(connection)
        steps = distribute(connection, SHARDS)
        for _ in range(done):
            await anext(steps)
    async with connected(url) as connection:
        assert len(await spread_of(connection)) == done
        found = await faults(connection)
        missing = [each for each in found if "not distributed" in each]
        assert len(missing) == (8 - done if done else 0)
        assert await spread_all(connection) == list(TABLES)
        assert await contents(connection) == before
        assert await faults(connection) == []
        steps = undistribute(connection)
        for _ in range(done):
            await anext(steps)
    async with connected(url) as connection:
        assert len(await spread_of(connection)) == 8 - done
        assert [table async for table in undistribute(connection)] == list(reversed(TABLES))
        assert await contents(connection) == before
        assert await faults(connection) == []


@needs_citus
@pytest.mark.parametrize(
    ("down", "made_anew"),
    [
        ("-1", set()),
        ("0004", {"served_prediction", "prediction_score"}),
        ("base", set(TABLES)),
    ],
)
async def test_migrations_run_on_a_cluster(url: str, down: str, made_anew: set[str]) -> None:
    def downgrade(sync: Connection) -> None:
        alembic = config()
        alembic.attributes["connection"] = sync
        command.downgrade(alembic, down)

    await fill(url)
    async with connected(url) as connection:
        await spread_all(connection)
        before = await contents(connection)
        await connection.run_sync(downgrade)
        await connection.commit()
        await migrate(connection, SETTINGS)
        # A table that a migration makes is still to be spread.
        known = await spread_of(connection)
        assert TABLES.keys() - known.keys() == made_anew
        await spread_all(connection)
        assert await spread_of(connection) == TABLES
        assert await faults(connection) == []
        after = await contents(connection)
        kept = {"activity_event", "app_user"}
        if down == "base":
            assert after["activity_event"][0] == 0
        else:
            assert {table: after[table] for table in kept} == {
                table: before[table] for table in kept
            }
            assert after["activity_rollup"][0] == before["activity_rollup"][0]
            assert after["activity_session"] == before["activity_session"]
    await fill(url, first=1001)
