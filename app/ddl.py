"""Changing tables while others use them."""

import asyncio

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db_connection import LOCK_TIMEOUT_MS
from app.db_errors import sqlstate_of

# How a statement that locks a whole table waits for it.
LOCK_WAIT_MS = 50
LOCK_PAUSE_SECONDS = 0.1
LOCK_ATTEMPTS = 100
LOCK_NOT_AVAILABLE = "55P03"


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


def wait_for_locks(connection: Connection, milliseconds: int) -> None:
    """For this session, from now on; 0 is without end."""
    connection.execute(
        text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": f"{milliseconds}ms"}
    )
