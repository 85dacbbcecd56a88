"""The way to PostgreSQL: one pool to read, one to write, and the only place that commits.

Reads run outside a transaction block in sessions that the server itself holds to reading; a write
is one transaction, opened and committed by `Database.transaction`. Whatever the driver or the
server raises leaves here as one of `app.errors`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar, cast

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, QueuePool

from app.db_errors import CommitUnknown, translate
from app.settings import Settings
from app.watch.traces import trace_connection, trace_engine

T = TypeVar("T")

WRITE_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 5_000
NOTING_POOL_SIZE = 2
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


class ReadSession(AsyncSession):
    """Runs single statements; the server refuses to change anything in it."""


class WriteSession(AsyncSession):
    """Lives inside `Database.transaction`; nothing below commits."""


class Reads(Protocol):
    """What answers questions that only read."""

    async def ask(
        self, question: Callable[[ReadSession], Awaitable[T]], *, heavy: bool = False
    ) -> T:
        """The question's answer; it may be asked twice. Args and Raises: as `Database.read`."""


async def connect(
    url: str,
    settings: Settings,
    server_settings: dict[str, str],
    command_timeout: float | None = None,
    timeout_seconds: float | None = None,
) -> asyncpg.Connection:
    """One connection, with what every connection is told."""
    return await asyncpg.connect(
        dsn=url,
        timeout=timeout_seconds or settings.database_timeout_seconds,
        command_timeout=command_timeout,
        server_settings={**SESSION_DEFAULTS, **server_settings},
    )


def create_engine(
    url: str,
    settings: Settings,
    *,
    pooled: bool = True,
    pool_size: int | None = None,
    timeout_seconds: float | None = None,
    command_timeout: float | None = None,
    server_settings: dict[str, str],
) -> AsyncEngine:
    """An engine on asyncpg that takes any libpq URL (`sslmode`, `host=/socket/dir`, several hosts).

    SQLAlchemy's own URL parsing knows fewer parameters, so asyncpg reads the URL itself.
    """

    async def new_connection() -> asyncpg.Connection:
        return await connect(url, settings, server_settings, command_timeout, timeout_seconds)

    pool: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        pool = {
            "poolclass": AsyncAdaptedQueuePool,
            "pool_size": pool_size or settings.database_pool_size,
            "max_overflow": 0,
            "pool_timeout": timeout_seconds or settings.database_timeout_seconds,
            "pool_pre_ping": False,
        }
    engine = create_async_engine("postgresql+asyncpg://", async_creator=new_connection, **pool)
    trace_engine(engine.sync_engine)
    return engine


def connections_of(settings: Settings) -> int:
    """The most that one process holds: the pools to read, to read a great deal, to write and to
    note, and the writers' own. Those to a replica are the replica's, but for one that asks where
    the primary is."""
    pools = 2 * settings.database_pool_size + settings.analytics_pool_size + NOTING_POOL_SIZE
    return pools + settings.writer_tasks + (1 if settings.read_database_url else 0)


class Database:
    """Both pools. Made at start, disposed at the end; connects when first used."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        writing = {"statement_timeout": str(WRITE_TIMEOUT_MS)}
        self._read_engine = create_reader(url, settings, pool_size=settings.database_pool_size)
        self._heavy_engine = create_reader(
            url, settings, pool_size=settings.analytics_pool_size, server_settings=HEAVY
        )
        self._write_engine = create_engine(url, settings, server_settings=writing)
        self._note_engine = create_engine(
            url,
            settings,
            pool_size=NOTING_POOL_SIZE,
            server_settings={**writing, "synchronous_commit": "off"},
        ).execution_options(isolation_level="AUTOCOMMIT")
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

    async def ask(
        self, question: Callable[[ReadSession], Awaitable[T]], *, heavy: bool = False
    ) -> T:
        """The answer to a question that only reads. Raises as `read` does."""
        async with self.read(heavy=heavy) as session:
            return await question(session)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[WriteSession]:
        """One unit of work: committed when the block ends, rolled back when it raises.

        The commit has returned before the block is left: what is answered afterwards is kept.

        Raises:
            Unavailable: no connection was to be had, or it was lost; nothing is known to be kept.
        """
        try:
            async with (
                WriteSession(self._write_engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
        except (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError) as error:
            raise translate(error) from error

    @asynccontextmanager
    async def noting(self) -> AsyncIterator[WriteSession]:
        """A session for single statements, each committed by itself, whose last second a crash of
        the server may lose: nobody waits for the disk. Raises as `transaction`."""
        try:
            async with WriteSession(self._note_engine, expire_on_commit=False) as session:
                yield session
        except (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError) as error:
            raise translate(error) from error

    async def connect_writer(self) -> asyncpg.Connection:
        """A connection of asyncpg's own, for the writer: it copies, and SQLAlchemy can't.

        A statement that takes too long raises TimeoutError, so that no group waits without bound.
        """
        connection = await connect(
            self.url, self._settings, self._writing, command_timeout=WRITE_TIMEOUT_MS / 1000
        )
        trace_connection(connection)
        return connection

    def pools(self) -> dict[str, tuple[int, int]]:
        """How many connections are in use, and of how many, by what they are for; the writer's own
        are in none."""
        engines = {
            "read": self._read_engine,
            "heavy": self._heavy_engine,
            "write": self._write_engine,
        }
        pools = {name: cast("QueuePool", engine.pool) for name, engine in engines.items()}
        return {name: (pool.checkedout(), pool.size()) for name, pool in pools.items()}

    async def dispose(self) -> None:
        engines = (self._read_engine, self._heavy_engine, self._write_engine, self._note_engine)
        await asyncio.gather(*(engine.dispose() for engine in engines))


def create_reader(
    url: str,
    settings: Settings,
    *,
    pool_size: int,
    server_settings: dict[str, str] | None = None,
    **timeouts: Any,
) -> AsyncEngine:
    """An engine for single statements that the server holds to reading, and to the timeout."""
    reading = {
        "default_transaction_read_only": "on",
        "statement_timeout": str(settings.statement_timeout_ms),
        **(server_settings or {}),
    }
    engine = create_engine(url, settings, pool_size=pool_size, server_settings=reading, **timeouts)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


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
