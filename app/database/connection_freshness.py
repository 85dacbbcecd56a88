"""Detection of stale connections: closed, silently cut off, or to a server that is no longer the
primary.

A connection is checked when it is taken out of its pool, before it is used, so that another one can
replace it unnoticed.
"""

from time import monotonic
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.connection import Connection
from app.database.errors import is_read_only

# One that was used a moment ago is not asked: under load, none is.
IDLE_SECONDS = 1.0
PING_SECONDS = 2.0
# A server that stays read-only is not connected to anew by each request.
RENEWED_EVERY_SECONDS = 1.0


class Freshness:
    """Freshness of all connections to one database."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._has_ended = False

    def renew(self) -> None:
        """Have every connection that is open now replaced before it is used again."""
        now = monotonic()
        if now - self._since >= RENEWED_EVERY_SECONDS:
            self._since = now

    def end(self) -> None:
        """Have every connection that is in use now closed when it is returned: nobody takes it out
        of its pool again."""
        self._has_ended = True

    def is_stale(self, connection: Connection) -> bool:
        return connection.is_closed() or connection.opened_at <= self._since

    def watch(self, engine: AsyncEngine, *, writes: bool) -> None:
        """Keep the engine's pool free of connections that are of no more use.

        Args:
            writes: its connections are to write: one that can't is of no use.
        """

        @event.listens_for(engine.sync_engine, "checkin")
        def _used(_: Any, record: Any) -> None:
            record.info["used_at"] = monotonic()
            if self._has_ended and record.driver_connection is not None:
                record.driver_connection.terminate()

        @event.listens_for(engine.sync_engine, "checkout")
        def _check(adapted: Any, record: Any, _: Any) -> None:
            used_at = record.info.get("used_at")
            if used_at is None:  # it is new
                return
            connection = adapted.driver_connection
            if not self.is_stale(connection):
                if monotonic() - used_at < IDLE_SECONDS:
                    return
                try:
                    adapted.run_async(_ping)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                    if isinstance(error, TimeoutError):
                        self.renew()
                else:
                    return
            connection.terminate()
            raise DisconnectionError

        @event.listens_for(engine.sync_engine, "handle_error")
        def _failed(context: ExceptionContext) -> None:
            error = context.original_exception
            if isinstance(error, TimeoutError) or (writes and is_read_only(error)):
                self.renew()
                context.is_disconnect = True
                # The others' turn comes when they are taken out, without a wait for their end.
                context.invalidate_pool_on_disconnect = False


async def _ping(connection: Connection) -> None:
    await connection.execute("SELECT 1", timeout=PING_SECONDS)
