"""The way to PostgreSQL: one pool to read, one to write, and the only place that commits.

Reads run outside a transaction block in sessions that the server itself holds to reading; a write
is one transaction, opened and committed by `Database.transaction`. Whatever the driver or the
server raises leaves here as one of `app.errors`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from app.errors import ActivityError, DatabaseUnavailable, InvalidRequest, TooExpensive, Unavailable
from app.settings import Settings

WRITE_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 5_000
# For questions about everybody: sorting their events on disk would take twice as long, and a plan
# for any window is a bad one for most. Few may run at a time.
HEAVY = {"work_mem": "64MB", "plan_cache_mode": "force_custom_plan"}

# What every connection is told. `jit` costs more than it saves on short statements; the Citus
# setting spares its slow look-up of array types and means nothing to a plain PostgreSQL.
SESSION_DEFAULTS = {
    "application_name": "activity-events",
    "timezone": "UTC",
    "jit": "off",
    "synchronous_commit": "on",
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "idle_in_transaction_session_timeout": str(WRITE_TIMEOUT_MS),
    "citus.override_table_visibility": "off",
}

# How a statement that locks a whole table waits for it.
LOCK_WAIT_MS = 50
LOCK_PAUSE_SECONDS = 0.1
LOCK_ATTEMPTS = 100

NOT_DURABLE = text("SET LOCAL synchronous_commit = off")

LOCK_NOT_AVAILABLE = "55P03"
QUERY_CANCELED = "57014"
DATA_EXCEPTION_CLASS = "22"


class ReadSession(AsyncSession):
    """Runs single statements; the server refuses to change anything in it."""


class WriteSession(AsyncSession):
    """Lives inside `Database.transaction`; nothing below commits."""


async def connect(
    url: str,
    settings: Settings,
    server_settings: dict[str, str],
    command_timeout: float | None = None,
) -> asyncpg.Connection:
    """One connection, with what every connection is told."""
    return await asyncpg.connect(
        dsn=url,
        timeout=settings.database_timeout_seconds,
        command_timeout=command_timeout,
        server_settings={**SESSION_DEFAULTS, **server_settings},
    )


def create_engine(
    url: str,
    settings: Settings,
    *,
    pooled: bool = True,
    pool_size: int | None = None,
    server_settings: dict[str, str],
) -> AsyncEngine:
    """An engine on asyncpg that takes any libpq URL (`sslmode`, `host=/socket/dir`, several hosts).

    SQLAlchemy's own URL parsing knows fewer parameters, so asyncpg reads the URL itself.
    """

    async def new_connection() -> asyncpg.Connection:
        return await connect(url, settings, server_settings)

    pool: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        pool = {
            "poolclass": AsyncAdaptedQueuePool,
            "pool_size": pool_size or settings.database_pool_size,
            "max_overflow": 0,
            "pool_timeout": settings.database_timeout_seconds,
            "pool_pre_ping": False,
        }
    return create_async_engine("postgresql+asyncpg://", async_creator=new_connection, **pool)


def connections_of(settings: Settings) -> int:
    """The most that one process holds: the pools to read, to read a great deal and to write, and
    the writers' own."""
    return 2 * settings.database_pool_size + settings.analytics_pool_size + settings.writer_tasks


class Database:
    """Both pools. Made at start, disposed at the end; connects when first used."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        reading = {
            "default_transaction_read_only": "on",
            "statement_timeout": str(settings.statement_timeout_ms),
        }
        writing = {"statement_timeout": str(WRITE_TIMEOUT_MS)}
        self._read_engine = _reader(url, settings, reading, settings.database_pool_size)
        self._heavy_engine = _reader(
            url, settings, {**reading, **HEAVY}, settings.analytics_pool_size
        )
        self._write_engine = create_engine(url, settings, server_settings=writing)
        self._writing = writing
        self._settings = settings

    @asynccontextmanager
    async def read(self, *, heavy: bool = False) -> AsyncIterator[ReadSession]:
        """A session for statements that only read.

        Args:
            heavy: they read a great deal: by one of a few connections of their own, so that
                others need not wait for them.

        Raises:
            TooExpensive: a statement ran into the timeout.
            Unavailable: no connection was to be had.
        """
        try:
            async with ReadSession(
                self._heavy_engine if heavy else self._read_engine,
                expire_on_commit=False,
                autoflush=False,
            ) as session:
                yield session
        except (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError) as error:
            raise translate(error) from error

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[WriteSession]:
        """One unit of work: committed when the block ends, rolled back when it raises.

        The commit has returned before the block is left: what is answered afterwards is kept.

        Args:
            durable: else a crash of the server may lose what was committed in its last second,
                and nobody waits for its disk.

        Raises:
            Unavailable: no connection was to be had, or it was lost; nothing is known to be kept.
        """
        try:
            async with (
                WriteSession(self._write_engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                if not durable:
                    await session.execute(NOT_DURABLE)
                yield session
        except (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError) as error:
            raise translate(error) from error

    async def connect_writer(self) -> asyncpg.Connection:
        """A connection of asyncpg's own, for the writer: it copies, and SQLAlchemy can't.

        A statement that takes too long raises TimeoutError, so that no group waits without bound.
        """
        return await connect(
            self.url, self._settings, self._writing, command_timeout=WRITE_TIMEOUT_MS / 1000
        )

    async def dispose(self) -> None:
        engines = (self._read_engine, self._heavy_engine, self._write_engine)
        await asyncio.gather(*(engine.dispose() for engine in engines))


def _reader(
    url: str, settings: Settings, server_settings: dict[str, str], pool_size: int
) -> AsyncEngine:
    engine = create_engine(url, settings, pool_size=pool_size, server_settings=server_settings)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


class CommitUnknown(Exception):
    """The connection was lost during a COMMIT: it may have been made, or not."""


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or the server: nothing is wrong with what was sent.

    SQLSTATE classes 08 (connection), 57P (shutdown, start-up, crash) and 58 (system).
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(("08", "57P", "58"))
    return isinstance(error, asyncpg.InterfaceError | OSError)


@asynccontextmanager
async def write_transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """One transaction on asyncpg's own connection, committed when the block ends.

    Raises:
        CommitUnknown: the connection was lost while the commit was under way.
    """
    transaction = connection.transaction()
    await transaction.start()
    completed = False
    try:
        yield
        completed = True
    finally:
        if not completed and not connection.is_closed():
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await transaction.rollback()
    try:
        await transaction.commit()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise CommitUnknown("The connection was lost during the commit.") from error


def sqlstate_of(error: BaseException) -> str | None:
    """The server's five-character code, where the failure came from the server."""
    origin = getattr(error, "orig", None) or error
    state = getattr(origin, "sqlstate", None)
    return str(state) if state else None


def translate(error: Exception) -> ActivityError:
    """The failure as its caller is told. Data that the server refuses is the caller's to mend."""
    state = sqlstate_of(error)
    if state == QUERY_CANCELED:
        return TooExpensive(
            "The database took too long to answer. Ask for a narrower window (days, start and end) "
            "or for one user (user_email)."
        )
    if state is not None and state.startswith(DATA_EXCEPTION_CLASS):
        return InvalidRequest("The database can't take a value of this request.")
    if isinstance(error, PoolTimeout):
        return Unavailable("All database connections are in use. Try the same again.")
    return DatabaseUnavailable("The database can't be reached or failed. Try the same again.")


async def alter_politely(connection: AsyncConnection, *statements: str) -> None:
    """Runs statements that lock a whole table, in the caller's transaction.

    Whoever waits for such a lock makes everybody behind it wait, too: so it waits for a moment
    only, lets the others pass, and tries again; with several statements, what the first ones have
    locked is let go, too.

    Raises:
        DBAPIError: not even after many attempts.
    """
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            async with connection.begin_nested():
                await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}"))
                for statement in statements:
                    await connection.execute(text(statement))
                await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
        except DBAPIError as error:
            if sqlstate_of(error) != LOCK_NOT_AVAILABLE or attempt == LOCK_ATTEMPTS:
                raise
            await asyncio.sleep(LOCK_PAUSE_SECONDS)
        else:
            return
