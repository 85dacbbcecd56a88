"""Changing tables while others use them."""

import asyncio

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.connection import LOCK_TIMEOUT_MS
from app.database.errors import sqlstate_of

# How a statement that locks a whole table waits for it.
LOCK_WAIT_MS = 50
LOCK_PAUSE_SECONDS = 0.1
LOCK_ATTEMPTS = 100
LOCK_NOT_AVAILABLE = "55P03"


async def with_lock_retry(connection: AsyncConnection, *statements: str) -> None:
    """Run statements that lock a whole table, in the caller's transaction.

    A transaction that waits for such a lock blocks all that come after it. So it waits only
    briefly, lets the others pass, and tries again; with several statements, it also releases the
    locks of the first ones.

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


def wait_for_locks(connection: Connection, milliseconds: int) -> None:
    """Set the lock timeout of this session; 0 waits forever."""
    connection.execute(
        text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": f"{milliseconds}ms"}
    )
