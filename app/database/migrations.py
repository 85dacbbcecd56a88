"""Migrations: to the newest revision, without holding ingest up, and where a database stands."""

import time
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.connection import LOCK_TIMEOUT_MS, require_own_session
from app.database.engine import create_engine
from app.database.errors import sqlstate_of
from app.database.identity_indexes import create_identity_indexes, without_identity
from app.database.lock_retry import LOCK_NOT_AVAILABLE, LOCK_WAIT_MS, wait_for_locks
from app.database.locks import LOCK_MIGRATIONS, MIGRATIONS_LOCK, UNLOCK_MIGRATIONS
from app.database.partitions import ensure_partitions
from app.database.version_table import (
    current_revision,
    is_newer,
    names_taken,
    require_free_names,
    take_over_version,
)
from app.errors import ServeError, Unavailable
from app.privacy.merge_users import join_users
from app.settings import Settings

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


def config() -> Config:
    """Alembic's configuration: the migrations are in the package or, of a checkout, beside it."""
    here = Path(__file__).resolve().parent
    for folder in (here / "alembic", here.parents[1] / "alembic"):
        if (folder / "env.py").exists():
            configured = Config()
            # Configparser's own sign is to be doubled.
            configured.set_main_option("script_location", str(folder).replace("%", "%%"))
            return configured
    raise ServeError(
        "The migrations are missing: neither app/database/alembic nor alembic/ exists. Reinstall "
        "the package, or run from a checkout of the repository."
    )


def head_revision() -> str:
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise RuntimeError("alembic/versions contains no migration.")
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
            f"The database encoding must be UTF8 (got {encoding}). Create a database with "
            "`createdb --encoding=UTF8 --template=template0 NAME`, and move the data with "
            "pg_dump."
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
    """Call `migrate` on a connection of its own. Raises like `require_suitable`, too."""
    await require_own_session(url, settings.database_timeout_seconds)
    engine = create_engine(url, settings, pooled=False, server_settings={})
    try:
        async with engine.connect() as connection:
            return await migrate(connection, settings)
    finally:
        await engine.dispose()


async def migrate(connection: AsyncConnection, settings: Settings) -> list[str]:
    """Migrate to the newest revision and make the partitions that are missing; their names.

    Raises:
        ServeError: the database can't hold every text, or has another application's tables of our
            names.
    """
    await require_utf8(connection)
    await connection.execute(
        text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": LOCK_WAIT}
    )
    await connection.execute(LOCK_MIGRATIONS, {"key": MIGRATIONS_LOCK})
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
        await connection.execute(UNLOCK_MIGRATIONS, {"key": MIGRATIONS_LOCK})
        await connection.commit()


async def complete(connection: AsyncConnection, settings: Settings) -> list[str]:
    """Complete a migrated database: partitions, their unique indexes, and normalised email
    addresses.

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
    """Make the index on partitions that a version before this one has made since."""
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


def run_with_lock_retry(connection: Connection, run: Callable[[], None]) -> None:
    """Run migrations, each in its own transaction, so that ingestion never queues behind one.

    A transaction that waits for a table's lock blocks all that come after it. So a migration waits
    only briefly; then it is rolled back, and after a pause the remaining ones start again. Within a
    transaction of the caller nothing can be restarted: there they run once.

    Raises:
        Unavailable: others held a lock all that time; what is not done can be run again.
    """
    if connection.in_transaction():
        run()
        return
    until = time.monotonic() + PATIENCE_SECONDS
    while (error := _attempt(connection, run)) is not None:
        if time.monotonic() > until:
            oldest = connection.execute(OLDEST).scalar() or "one that has ended meanwhile"
            connection.rollback()
            raise Unavailable(
                "A migration has to change a table that another transaction has locked; the "
                f"oldest is {oldest}. Wait until it ends, or end it, and run the "
                "command again."
            ) from error
        time.sleep(PAUSE_SECONDS)


def _attempt(connection: Connection, run: Callable[[], None]) -> DBAPIError | None:
    """Run the pending migrations; if a lock is not available, roll back and return the error."""
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
