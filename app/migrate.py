"""Migrations: to the newest revision, without holding ingest up, and where a database stands."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db_connection import LOCK_TIMEOUT_MS, require_own_session
from app.db_engines import create_engine
from app.db_errors import sqlstate_of
from app.ddl import LOCK_NOT_AVAILABLE, LOCK_WAIT_MS, wait_for_locks
from app.errors import ServeError, Unavailable
from app.identity_indexes import create_identity_indexes, without_identity
from app.privacy.join_users import join_users
from app.privacy.partitions import PARENT, ensure_partitions
from app.settings import Settings
from app.version_table import (
    current_revision,
    is_newer,
    names_taken,
    require_free_names,
    take_over_version,
)

# Two processes that start at once migrate one after the other.
LOCK_KEY = 0x6D696772
LOCK_WAIT = "900s"  # one may wait for its own locks, and fill a table

# A migration waits for its locks by LOCK_WAIT_MS, again and again, for so long.
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 300.0
DEADLOCK_DETECTED = "40P01"
DUPLICATE_TABLE = "42P07"  # or an index, a view, a sequence

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
    """Alembic's configuration: the migrations are in the package or, of a checkout, beside it."""
    package = Path(__file__).resolve().parent
    for folder in (package / "migrations", package.parent / "alembic"):
        if (folder / "env.py").exists():
            configured = Config()
            # Configparser's own sign is to be doubled.
            configured.set_main_option("script_location", str(folder).replace("%", "%%"))
            return configured
    raise ServeError(
        "The migrations are not installed: neither app/migrations nor alembic/ is there. Install "
        "the package again, from a checkout of the repository."
    )


def head_revision() -> str:
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise RuntimeError("alembic/versions holds no migration.")
    return head


def known_revisions() -> list[str]:
    """Every revision of this version of the service."""
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    return [script.revision for script in scripts]


async def require_utf8(connection: AsyncConnection) -> None:
    """Check that the database holds every text, and each in one form.

    Raises:
        ServeError: its encoding is another. LATIN1 and the like refuse an emoji, and every event in
            its batch; SQL_ASCII keeps any bytes, so that one text may be stored as two.
    """
    encoding = (await connection.execute(text("SHOW server_encoding"))).scalar()
    await connection.rollback()
    if encoding != "UTF8":
        raise ServeError(
            f"The database's encoding is {encoding}; it must be UTF8. Make one with `createdb "
            "--encoding=UTF8 --template=template0 NAME`, and move what is stored with pg_dump."
        )


async def require_suitable(url: str, settings: Settings) -> None:
    """Check, on connections of its own, that the service can work on this database.

    Raises:
        ServeError: its encoding is not UTF-8, or a pooler in transaction mode is in between.
    """
    await require_own_session(url, settings.database_timeout_seconds)
    engine = create_engine(url, settings, pooled=False, server_settings={})
    try:
        async with engine.connect() as connection:
            await require_utf8(connection)
    finally:
        await engine.dispose()


async def migrate_at(url: str, settings: Settings) -> list[str]:
    """As `migrate`, on a connection of its own. Raises as `require_suitable`, too."""
    await require_own_session(url, settings.database_timeout_seconds)
    engine = create_engine(url, settings, pooled=False, server_settings={})
    try:
        async with engine.connect() as connection:
            return await migrate(connection, settings)
    finally:
        await engine.dispose()


async def migrate(connection: AsyncConnection, settings: Settings) -> list[str]:
    """Migrates to the newest revision and makes the partitions that are missing; their names.

    Raises:
        ServeError: the database can't hold every text, or has another application's tables of our
            names.
    """
    await require_utf8(connection)
    await connection.execute(
        text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": LOCK_WAIT}
    )
    await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
    await connection.run_sync(wait_for_locks, LOCK_TIMEOUT_MS)
    await connection.commit()
    try:
        await connection.run_sync(take_over_version, known_revisions())
        await connection.commit()
        revision = await current_revision(connection)
        if revision is None:
            await connection.run_sync(require_free_names)
        newer = is_newer(revision, head_revision())
        await connection.commit()
        if not newer:
            await connection.run_sync(_upgrade)
            await connection.commit()
        return await complete(connection, settings)
    finally:
        await connection.rollback()
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        await connection.commit()


async def complete(connection: AsyncConnection, settings: Settings) -> list[str]:
    """What a migrated database needs beside its tables: partitions, on each the index that makes an
    event one, and each address in its normal form.

    Returns:
        The names of the partitions that were made.
    """
    made = await ensure_partitions(connection, settings)
    await connection.commit()
    is_current = await current_revision(connection) == head_revision()
    await connection.commit()
    if is_current:
        await _ensure_identity(connection)
        await join_users(connection, settings)
    return made


async def _ensure_identity(connection: AsyncConnection) -> None:
    """Makes the index on partitions that a version before this one has made since."""
    missing = await connection.run_sync(without_identity)
    await connection.commit()
    if missing:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.run_sync(create_identity_indexes)
        await connection.commit()
        await connection.execution_options(isolation_level="READ COMMITTED")


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
    wait_for_locks(connection, LOCK_WAIT_MS)
    connection.commit()
    failure = None
    try:
        run()
    except DBAPIError as error:
        if sqlstate_of(error) == DUPLICATE_TABLE:
            raise ServeError(names_taken(f"relation ({error.orig})")) from error
        if sqlstate_of(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED}:
            raise
        connection.rollback()
        failure = error
    wait_for_locks(connection, LOCK_TIMEOUT_MS)
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
        wait_for_locks(connection, 0)
        missing = connection.execute(WITHOUT_INDEX, {"index": name, "parent": PARENT}).all()
        for partition, index in missing:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")  # half of one, where it failed
            op.execute(f"CREATE INDEX CONCURRENTLY {index} ON {partition} {definition}")
        wait_for_locks(connection, LOCK_WAIT_MS)
        for _, index in missing:
            op.execute(f"ALTER INDEX {name} ATTACH PARTITION {index}")


@contextmanager
def small_transactions() -> Iterator[Callable[[], AbstractContextManager[Connection]]]:
    """For migrations that change many rows: each of what this yields is a transaction of its own,
    so that nobody waits long for one. Whatever is cut off is begun again.

    Where the caller has a transaction, all of it is in that one.
    """
    context = op.get_context()
    if context.opts["callers_transaction"]:
        yield lambda: nullcontext(op.get_bind())
        return
    with context.autocommit_block():
        connection = op.get_bind()
        # For rows: unlike for a table, nobody queues behind who waits.
        wait_for_locks(connection, LOCK_TIMEOUT_MS)
        yield lambda: _small_transaction(connection)
        wait_for_locks(connection, LOCK_WAIT_MS)


@contextmanager
def _small_transaction(connection: Connection) -> Iterator[Connection]:
    connection.execute(text("BEGIN"))
    end = text("ROLLBACK")
    try:
        yield connection
        end = text("COMMIT")
    finally:
        connection.execute(end)
