"""The transactions of the writers of events, on connections of the driver's own: one that hangs
ends within a bounded time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from app.database.connection import Connection
from app.database.errors import CommitUnknown

TIMEOUT_MS = 8_000
# Where the connection is cut off without a word, the server must soon let go of what its
# transaction held: the same events come again.
GROUP_TIMEOUTS = {
    "statement_timeout": str(TIMEOUT_MS),
    "idle_in_transaction_session_timeout": str(TIMEOUT_MS),
}
# To begin a transaction nothing is waited for: who doesn't answer is not there.
BEGIN_SECONDS = 3.0


@asynccontextmanager
async def write_transaction(
    connection: Connection, *, timeout_seconds: float = TIMEOUT_MS / 1000
) -> AsyncIterator[None]:
    """One transaction on asyncpg's own connection, committed when the block ends.

    One that takes too long ends with its connection. Its statement is not canceled: to cancel a
    COMMIT that waits for a synchronous standby would have it made here, and not there.

    Raises:
        TimeoutError: it took too long; nothing is committed.
        CommitUnknown: the connection was lost during the commit.
    """
    loop = asyncio.get_running_loop()
    timer = loop.call_later(BEGIN_SECONDS, connection.terminate)
    try:
        await connection.execute("BEGIN")
        timer.cancel()
        timer = loop.call_later(timeout_seconds, connection.terminate)
        ends_at = timer.when()
        completed = False
        try:
            yield
            completed = True
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if connection.is_closed() and loop.time() >= ends_at:
                raise TimeoutError("The transaction took too long.") from error
            raise
        finally:
            if not completed and not connection.is_closed():
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await connection.execute("ROLLBACK")
        try:
            await connection.execute("COMMIT")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise CommitUnknown("The connection was lost during the commit.") from error
    finally:
        timer.cancel()
