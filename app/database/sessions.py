"""The way to PostgreSQL: one pool to read, one to write, and the only place that commits.

Reads run outside a transaction block in sessions that the server itself holds to reading; a write
is one transaction, opened and committed by `Database.transaction`. Whatever the driver or the
server raises leaves here as one of `app.errors`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from copy import copy
from typing import Protocol, TypeVar, cast

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.pool import QueuePool

from app.database.connection import WRITE_TIMEOUT_MS, Connection
from app.database.connection_budget import (
    NOTING_POOL_SIZE,
    OWN_HEAVY_READS,
    OWN_READS,
    OWN_WRITES,
    READINESS_POOL_SIZE,
    DatabaseSlots,
)
from app.database.connection_freshness import Freshness
from app.database.engine import ANSWER_SECONDS, HEAVY, connect, create_engine, create_reader
from app.database.errors import FAILURES, translate, was_cut_off
from app.database.slots import Slots
from app.database.transaction import GROUP_TIMEOUTS
from app.errors import DatabaseUnavailable
from app.observability.traces import trace_connection
from app.settings import Settings

T = TypeVar("T")

WRITABLE_SECONDS = 4.0
WRITABLE = text(
    "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"
)


class ReadSession(AsyncSession):
    """Runs single statements; the server refuses to change anything in it."""


class WriteSession(AsyncSession):
    """Lives inside `Database.transaction`; nothing below commits."""


class Reads(Protocol):
    """A source of read sessions."""

    async def ask(
        self, question: Callable[[ReadSession], Awaitable[T]], *, heavy: bool = False
    ) -> T:
        """The question's answer; it may be asked twice. Args and Raises: as `Database.read`."""


class Database:
    """All pools. Made at start, disposed at the end; connects when first used.

    It is the service's own way to the database; that of a caller is `of(caller)`.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self.url = url
        self.freshness = Freshness()
        self._settings = settings
        self._engines = _engines(url, settings, self.freshness)
        self._slots = DatabaseSlots.of(settings)
        self._caller: str | None = None
        self._has_share = False

    def of(self, caller: str | None) -> "Database":
        """The same pools for one caller, who waits for its turn and holds its share at most.

        Args:
            caller: None is one that may take all that callers share (local mode).
        """
        shared = copy(self)
        shared._caller, shared._has_share = caller, True
        return shared

    def of_readiness(self) -> "Database":
        """The same, but for reads and `check_writable`, which have a connection of their own."""
        apart = copy(self)
        own = self._engines["readiness"]
        apart._engines = {**self._engines, "read": own, "note": own}
        return apart

    def turn(self, *, heavy: bool = False) -> AbstractAsyncContextManager[None]:
        """Hold one of the connections that callers share for reading, wherever it leads to.

        Raises:
            ShareExceeded: the caller holds its share.
            Overloaded: other callers hold all.
        """
        return self._hold(self._slots.heavy if heavy else self._slots.read)

    def _hold(self, slots: Slots) -> AbstractAsyncContextManager[None]:
        return slots.hold(self._caller) if self._has_share else nullcontext()

    @asynccontextmanager
    async def read(self, *, heavy: bool = False) -> AsyncIterator[ReadSession]:
        """A session for statements that only read.

        Args:
            heavy: they read a great deal: by one of a few connections of their own, so that
                others need not wait for them.

        Raises:
            TooExpensive: a statement ran into the timeout.
            ShareExceeded: the caller holds its share of the connections.
            Unavailable: no connection was to be had.
        """
        async with self.turn(heavy=heavy), self.read_now(heavy=heavy) as session:
            yield session

    @asynccontextmanager
    async def read_now(self, *, heavy: bool = False) -> AsyncIterator[ReadSession]:
        """Open a read session for a caller that already has its `turn`."""
        try:
            async with ReadSession(
                self._engines["heavy" if heavy else "read"],
                expire_on_commit=False,
                autoflush=False,
            ) as session:
                yield session
        except FAILURES as error:
            raise translate(error) from error

    async def ask(
        self, question: Callable[[ReadSession], Awaitable[T]], *, heavy: bool = False
    ) -> T:
        """The answer to a question that only reads, which is asked again where its connection is
        lost. Raises as `read` does."""
        try:
            async with self.read(heavy=heavy) as session:
                return await question(session)
        except DatabaseUnavailable as error:
            if not was_cut_off(error.__cause__):
                raise
        async with self.read(heavy=heavy) as session:
            return await question(session)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[WriteSession]:
        """One unit of work: committed when the block ends, rolled back when it raises.

        The commit has returned before the block is left: what is answered afterwards is kept.

        Raises:
            ShareExceeded: the caller holds its share of the connections.
            Unavailable: no connection was to be had, or it was lost; nothing is known to be kept.
        """
        try:
            async with (
                self._hold(self._slots.write),
                WriteSession(self._engines["write"], expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
        except FAILURES as error:
            raise translate(error) from error

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[WriteSession]:
        """Open a session that commits each statement by itself; a server crash may lose the last
        second, because commits don't wait for the disk. Raises like `transaction`."""
        try:
            async with (
                self._hold(self._slots.note),
                WriteSession(self._engines["note"], expire_on_commit=False) as session,
            ):
                yield session
        except FAILURES as error:
            raise translate(error) from error

    async def check_writable(self) -> None:
        """Check that the database takes writes, by a connection of the kind that writes.

        Where it doesn't, every connection is replaced before it is used again: the next may lead
        to a server that does.

        Raises:
            Unavailable: it takes none, or does not say within `WRITABLE_SECONDS`.
        """
        try:
            async with asyncio.timeout(WRITABLE_SECONDS), self.autocommit() as session:
                is_writable = (await session.execute(WRITABLE)).scalar_one()
        except TimeoutError as error:
            self.freshness.renew()
            raise translate(error) from error
        if not is_writable:
            self.freshness.renew()
            raise DatabaseUnavailable(
                "The database does not accept writes at the moment.",
                log_fields={"sqlstate": "25006"},
            )

    async def connect_writer(self) -> Connection:
        """A connection of asyncpg's own, for the writer: it copies, and SQLAlchemy can't. Its
        statements are waited for as `app.database.transaction` has it."""
        connection = await connect(self.url, self._settings, GROUP_TIMEOUTS)
        trace_connection(connection)
        return connection

    def pools(self) -> dict[str, tuple[int, int]]:
        """Number of connections in use, including the service's own, and of those that callers
        share, by purpose; without the writer's."""
        slots = {"read": self._slots.read, "heavy": self._slots.heavy, "write": self._slots.write}
        pools = {name: cast("QueuePool", self._engines[name].pool) for name in slots}
        return {name: (pool.checkedout(), slots[name].total) for name, pool in pools.items()}

    async def dispose(self) -> None:
        """Close all connections; one that is in use is closed when it is returned."""
        self.freshness.end()
        await asyncio.gather(*(engine.dispose() for engine in self._engines.values()))


def _engines(url: str, settings: Settings, freshness: Freshness) -> dict[str, AsyncEngine]:
    """Engines by purpose."""
    size, heavy_size = settings.database_pool_size, settings.analytics_pool_size
    writing = {"statement_timeout": str(WRITE_TIMEOUT_MS)}
    noting = {**writing, "synchronous_commit": "off"}
    longest = WRITE_TIMEOUT_MS / 1000 + ANSWER_SECONDS

    def writer(
        pool_size: int, told: dict[str, str], command_timeout: float = longest
    ) -> AsyncEngine:
        return create_engine(
            url,
            settings,
            pool_size=pool_size,
            server_settings=told,
            command_timeout=command_timeout,
            freshness=freshness,
        )

    return {
        "read": create_reader(url, settings, pool_size=size + OWN_READS, freshness=freshness),
        "heavy": create_reader(
            url,
            settings,
            pool_size=heavy_size + OWN_HEAVY_READS,
            server_settings=HEAVY,
            freshness=freshness,
        ),
        "write": writer(size + OWN_WRITES, writing),
        "note": writer(NOTING_POOL_SIZE, noting).execution_options(isolation_level="AUTOCOMMIT"),
        # Of the kind that writes: only such a one can tell whether the database takes writes.
        "readiness": writer(
            READINESS_POOL_SIZE, noting, settings.database_timeout_seconds
        ).execution_options(isolation_level="AUTOCOMMIT"),
    }


@asynccontextmanager
async def transaction_on(connection: AsyncConnection) -> AsyncIterator[WriteSession]:
    """Open a transaction on a connection without one; errors are the driver's."""
    async with WriteSession(connection, expire_on_commit=False) as session, session.begin():
        yield session
