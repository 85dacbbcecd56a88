"""The current position of the primary, shared by all callers that ask at about the same time."""

import asyncio

from sqlalchemy import Row, text

from app.database.engine import create_reader
from app.database.errors import FAILURES
from app.replica.freshness import Identity, Present
from app.settings import Settings

LOOK_SECONDS = 1.0

PRESENT = text(
    "SELECT (SELECT system_identifier FROM pg_control_system()) AS cluster,"
    " (SELECT oid::bigint FROM pg_database WHERE datname = current_database()) AS database,"
    " (pg_current_wal_flush_lsn() - '0/0')::bigint AS position,"
    " coalesce((SELECT changes FROM privacy_change), 0) AS privacy_changes,"
    " clock_timestamp() AS at,"
    " EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS is_distributed"
)


class Primary:
    """Has one connection for this, so that nothing else on the primary is in its way."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._engine = create_reader(url, settings, pool_size=1, timeout_seconds=LOOK_SECONDS)
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[Present | None] | None = None

    async def look(self) -> Present | None:
        """Return its position at some moment after the call; None if the primary does not
        respond."""
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        return await asyncio.shield(self._next)

    async def dispose(self) -> None:
        await self._engine.dispose()

    async def _look(self) -> Present | None:
        async with self._lock:
            # Later callers may have to see what was committed since.
            self._next = None
            try:
                async with asyncio.timeout(LOOK_SECONDS), self._engine.connect() as connection:
                    row = (await connection.execute(PRESENT)).one()
            except FAILURES:
                return None
        return Present(
            identity=identity_of(row),
            position=row.position,
            privacy_changes=row.privacy_changes,
            at=row.at,
            is_distributed=row.is_distributed,
        )


def identity_of(row: Row[tuple[object, ...]]) -> Identity:
    """Return the identity from a row with `cluster` and `database`."""
    return Identity(row.cluster, row.database)
