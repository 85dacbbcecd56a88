"""Migrations: to the newest revision, without holding ingest up, and where a database stands."""

import time
from collections.abc import Callable
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import create_engine
from app.db_errors import sqlstate_of
from app.ddl import LOCK_NOT_AVAILABLE, LOCK_WAIT_MS
from app.errors import Unavailable
from app.privacy.partitions import PARENT, ensure_partitions
from app.settings import Settings

# Two processes that start at once migrate one after the other.
LOCK_KEY = 0x6D696772
LOCK_WAIT = "900s"  # one may wait for its own locks, and fill a table

# A migration waits for its locks by LOCK_WAIT_MS, again and again, for so long.
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 300.0
DEADLOCK_DETECTED = "40P01"

OLDEST = text(
    "SELECT format('process %s (%s), begun %s ago', pid, application_name,"
    " date_trunc('second', clock_timestamp() - xact_start)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
    " ORDER BY xact_start LIMIT 1"
)
# Partitions on which the index of the first name is not yet, with the name it is to have there.
WITHOUT_INDEX = text(
    "SELECT child.relname, left(child.relname || '_' || :index, 63) FROM pg_inherits"
    " JOIN pg_class child ON child.oid = inhrelid"
    " WHERE inhparent = to_regclass(:parent) AND NOT EXISTS ("
    "   SELECT FROM pg_index JOIN pg_inherits attached ON attached.inhrelid = indexrelid"
    "   WHERE indrelid = child.oid AND attached.inhparent = to_regclass(:index))"
    " ORDER BY 1"
)


def config() -> Config:
    """Alembic's configuration, beside the package or in the working folder."""
    for folder in (Path(__file__).resolve().parent.parent, Path.cwd()):
        if (folder / "alembic.ini").exists():
            return Config(folder / "alembic.ini")
    raise FileNotFoundError("alembic.ini is neither beside the app package nor in this folder.")


def head_revision() -> str:
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise RuntimeError("alembic/versions holds no migration.")
    return head


async def current_revision(connection: AsyncConnection) -> str | None:
    """The revision a database is at; None where it was never migrated."""
    table = await connection.execute(text("SELECT to_regclass('alembic_version')"))
    if table.scalar() is None:
        return None
    revision = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    return None if revision is None else str(revision)


def is_behind(revision: str | None, head: str) -> bool:
    """Whether a database at this revision lacks one that the version of `head` needs."""
    return revision != head and not is_newer(revision, head)


def is_newer(revision: str | None, head: str) -> bool:
    """Whether a newer version of the service has migrated the database. This one goes on working
    on it (docs/operations.md, "Upgrades"), and has nothing to migrate."""
    return revision is not None and revision.isdecimal() and int(revision) > int(head)


async def migrate_at(url: str, settings: Settings) -> list[str]:
    """As `migrate`, on a connection of its own."""
    engine = create_engine(url, settings, pooled=False, server_settings={})
    async with engine.connect() as connection:
        made = await migrate(connection, settings)
    await engine.dispose()
    return made


async def migrate(connection: AsyncConnection, settings: Settings) -> list[str]:
    """Migrates to the newest revision and makes the partitions that are missing; their names."""
    await connection.execute(
        text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": LOCK_WAIT}
    )
    await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
    await connection.execute(text("RESET lock_timeout"))
    await connection.commit()
    try:
        newer = is_newer(await current_revision(connection), head_revision())
        await connection.commit()
        if not newer:
            await connection.run_sync(_upgrade)
            await connection.commit()
        made = await ensure_partitions(connection, settings)
        await connection.commit()
        return made
    finally:
        await connection.rollback()
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        await connection.commit()


def _upgrade(connection: Connection) -> None:
    alembic = config()
    alembic.attributes["connection"] = connection
    command.upgrade(alembic, "head")


def patiently(connection: Connection, run: Callable[[], None]) -> None:
    """Runs migrations, each a transaction of its own, so that ingest never queues behind one.

    Whoever waits for a table's lock makes everybody behind it wait, too. So a migration waits for
    a moment only; then it is rolled back, and after a pause those that are left are begun again.
    Within a transaction of the caller's nothing can be begun again: there they run once.

    Raises:
        Unavailable: others held a lock all that time; what is not done can be run again.
    """
    if connection.in_transaction():
        run()
        return
    until = time.monotonic() + PATIENCE_SECONDS
    while (error := _attempt(connection, run)) is not None:
        if time.monotonic() > until:
            oldest = connection.execute(OLDEST).scalar() or "one that has ended by now"
            connection.rollback()
            raise Unavailable(
                "A table that a migration changes is held by another transaction; the oldest "
                f"is {oldest}. Wait for its end, or end it, and run the same again."
            ) from error
        time.sleep(PAUSE_SECONDS)


def _attempt(connection: Connection, run: Callable[[], None]) -> DBAPIError | None:
    """Runs what there is to migrate, rolled back where a lock was not to be had: that failure."""
    _wait_for_locks(connection, LOCK_WAIT_MS)
    connection.commit()
    failure = None
    try:
        run()
    except DBAPIError as error:
        if sqlstate_of(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED}:
            raise
        connection.rollback()
        failure = error
    connection.execute(text("RESET lock_timeout"))
    connection.commit()
    return failure


def create_event_index(name: str, definition: str) -> None:
    """For migrations: an index on all partitions of the events, while they are written to.

    Does nothing that is done already, so that it can be begun again anywhere; it commits on its
    way, so nothing else belongs into its revision. Not for Citus, which indexes otherwise.

    Args:
        name: as SQLAlchemy's naming convention has it.
        definition: what comes after the table: columns in brackets, a WHERE.
    """
    # On the parent alone: a moment's work. Months that are made from now on have it at once.
    op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {PARENT} {definition}")
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        # It waits for transactions that began before it, and nobody waits for it.
        _wait_for_locks(connection, 0)
        missing = connection.execute(WITHOUT_INDEX, {"index": name, "parent": PARENT}).all()
        for partition, index in missing:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")  # half of one, where it failed
            op.execute(f"CREATE INDEX CONCURRENTLY {index} ON {partition} {definition}")
        _wait_for_locks(connection, LOCK_WAIT_MS)
        for _, index in missing:
            op.execute(f"ALTER INDEX {name} ATTACH PARTITION {index}")


def _wait_for_locks(connection: Connection, milliseconds: int) -> None:
    """For this session, from now on; 0 is without end."""
    connection.execute(
        text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": f"{milliseconds}ms"}
    )
