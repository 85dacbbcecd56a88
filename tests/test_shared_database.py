"""One database with an application that has tables, and migrations by Alembic, of its own."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
from alembic import command
from alembic.config import Config

from app.database.migrations import head_revision, migrate_at
from app.database.version_table import VERSION_TABLE
from app.settings import Settings
from tests.commands import printed_by
from tests.conftest import ROOT, fresh_database, running_service

BIN = Path(sys.executable).parent
TIMEOUT_SECONDS = 60
pytestmark = pytest.mark.skipif("CITUS_URL" in os.environ, reason="nothing of it is of a cluster")

WAITING = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass('alembic_version')"
)
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down!r}

def upgrade():
    op.create_table({table!r}, sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table({table!r})
"""


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url, migrated=False) as url:
        yield url


class Application:
    """An application that was set up by `alembic init`, with a migration."""

    def __init__(self, folder: Path, url: str) -> None:
        self.ini = folder / "alembic.ini"
        command.init(Config(self.ini), str(folder / "migrations"), template="async")
        parts = urlsplit(url)
        hosts = parse_qs(parts.query).get("host")
        at = f"?host={hosts[0]}" if hosts else ""
        written = f"sqlalchemy.url = postgresql+asyncpg://{parts.netloc}{parts.path}{at}"
        lines = self.ini.read_text().splitlines()
        self.ini.write_text(
            "\n".join(written if each.startswith("sqlalchemy.url") else each for each in lines)
        )
        self._versions = folder / "migrations" / "versions"
        self.add("0001", None, "orders")

    def add(self, revision: str, down: str | None, table: str) -> None:
        text = MIGRATION.format(revision=revision, down=down, table=table)
        (self._versions / f"{revision}_x.py").write_text(text)

    def upgrade(self) -> None:
        run(BIN / "alembic", "-c", self.ini, "upgrade", "head")


def run(*words: str | Path, url: str = "", code: int = 0) -> str:
    return printed_by(*words, cwd=ROOT, environment={"DATABASE_URL": url}, code=code)


def ours(url: str, *words: str, code: int = 0) -> str:
    return run(BIN / "activity-events", *words, url=url, code=code)


def fetch(url: str, *statements: str) -> list[Any]:
    """The first column of what the last statement answers."""

    async def go() -> list[str]:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return [row[0] for row in await connection.fetch(statements[-1])]
        finally:
            await connection.close()

    return asyncio.run(go())


def revision(url: str, table: str) -> list[str]:
    return fetch(url, f"SELECT version_num FROM {table}")  # noqa: S608 (one of two)


@pytest.mark.fault("N19")
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_both_migrate_in_either_order(url: str, tmp_path: Path, first: str) -> None:
    application = Application(tmp_path, url)
    if first == "theirs":
        application.upgrade()
    ours(url, "migrate")
    application.upgrade()
    assert revision(url, "alembic_version") == ["0001"]
    assert revision(url, VERSION_TABLE) == [head_revision()]
    if first == "theirs":
        return
    assert " 0 faults" in ours(url, "verify")
    assert "No new upgrade operations" in run(BIN / "alembic", "check", url=url)
    run(BIN / "alembic", "downgrade", "base", url=url)
    assert revision(url, "alembic_version") == ["0001"]
    application.add("0002", "0001", "invoices")
    application.upgrade()
    migrated(url)
    assert revision(url, VERSION_TABLE) == [head_revision()]
    assert fetch(url, "SELECT count(*) FROM orders") == [0]


def migrated(url: str) -> None:
    asyncio.run(migrate_at(url, Settings()))


def make_former(url: str) -> None:
    """As the version before left it."""
    migrated(url)
    fetch(
        url,
        f"ALTER TABLE {VERSION_TABLE} RENAME TO alembic_version",
        f"ALTER INDEX {VERSION_TABLE}_pkc RENAME TO alembic_version_pkc",
        "SELECT 1",
    )


async def migrate_twice_at_once(url: str) -> None:
    await asyncio.gather(*(migrate_at(url, Settings()) for _ in range(2)))


@pytest.mark.fault("N19")
def test_the_revision_of_an_earlier_version_is_taken_over_once(url: str) -> None:
    make_former(url)
    asyncio.run(migrate_twice_at_once(url))
    assert revision(url, VERSION_TABLE) == [head_revision()]
    # What still runs of the earlier version finds what it needs.
    assert revision(url, "alembic_version") == [head_revision()]

    fetch(url, "UPDATE alembic_version SET version_num = '0001'", "SELECT 1")
    migrated(url)
    assert revision(url, VERSION_TABLE) == [head_revision()]
    run(BIN / "alembic", "downgrade", "base", url=url)
    assert revision(url, VERSION_TABLE) == []
    migrated(url)
    assert revision(url, VERSION_TABLE) == [head_revision()]


@pytest.mark.fault("N19")
def test_a_step_down_of_an_earlier_version_begins_where_it_stood(url: str) -> None:
    make_former(url)
    run(BIN / "alembic", "downgrade", "-1", url=url)
    assert revision(url, VERSION_TABLE) == [f"{int(head_revision()) - 1:04d}"]


@pytest.mark.fault("N19")
def test_a_former_table_that_is_being_written_is_waited_for(url: str) -> None:
    """The earlier version is at its last migration: that one is taken over, not the one before."""
    make_former(url)
    fetch(url, "UPDATE alembic_version SET version_num = '0001'", "SELECT 1")

    async def go() -> None:
        earlier = await asyncpg.connect(url)
        watching = await asyncpg.connect(url)
        transaction = earlier.transaction()
        await transaction.start()
        await earlier.execute("UPDATE alembic_version SET version_num = $1", head_revision())
        taking_over = asyncio.create_task(migrate_at(url, Settings()))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await watching.fetchval(WAITING):
                pass
        await transaction.commit()
        await taking_over
        await earlier.close()
        await watching.close()

    asyncio.run(go())
    assert revision(url, VERSION_TABLE) == [head_revision()]


@pytest.mark.fault("N19")
def test_an_application_whose_revision_looks_like_ours_keeps_it(url: str) -> None:
    fetch(
        url,
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('0006')",
        "SELECT 1",
    )
    migrated(url)
    assert revision(url, "alembic_version") == ["0006"]
    assert revision(url, VERSION_TABLE) == [head_revision()]


@pytest.mark.fault("N19")
def test_an_applications_table_of_our_name_is_named_with_a_remedy(url: str) -> None:
    fetch(url, "CREATE TABLE api_key (token text)", "INSERT INTO api_key VALUES ('x')", "SELECT 1")
    for said in (
        ours(url, "migrate", code=1),
        run(BIN / "alembic", "upgrade", "head", url=url, code=255),
    ):
        assert len(said.splitlines()) == 1
        assert "schema public" in said
        assert "another application's `api_key`" in said
        assert "CREATE SCHEMA activity" in said
    # As it says: with a schema of its own everything works, and theirs is as it was.
    own = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3Dactivity"
    assert "CREATE SCHEMA" in ours(own, "migrate", code=1)
    fetch(url, "CREATE SCHEMA activity", "SELECT 1")
    ours(own, "migrate")
    with running_service("--no-migrate", DATABASE_URL=own) as service:
        event = {"user_email": "ada@example.com", "event_type": "project_created"}
        logged = httpx.post(f"{service.url}/api/events/log", json=event)
        assert logged.status_code == 201
        assert httpx.get(f"{service.url}/health/ready").status_code == 200
        asked = {"user_email": "ada@example.com"}
        answer = httpx.get(f"{service.url}/api/events/analytics", params=asked).json()
        assert answer["total_events"] == 1
    assert " 0 faults" in ours(own, "verify", "--rollups")
    run(BIN / "alembic", "downgrade", "base", url=own)
    assert fetch(url, "SELECT token FROM api_key") == ["x"]
    assert fetch(url, "SELECT relname FROM pg_class WHERE relname = 'app_user'") == []
