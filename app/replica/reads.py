"""Routing of reads: to the replica if it is fresh enough, else to the primary."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from app.database.sessions import Database, Reads, ReadSession
from app.replica.freshness import EVERYTHING, ReplicaState, lsn_text, parse_lsn
from app.replica.primary import Primary
from app.replica.read_your_writes import Callers
from app.replica.standby import NotHere, Standby
from app.settings import Settings

T = TypeVar("T")

# Sent with the response to a write, and by the client with its later reads.
POSITION_HEADER = "Activity-Position"
# Readiness probes have short timeouts.
STATE_SECONDS = 0.5


class StandbyReads:
    """The reads of one caller, who must see all before the position `needed`."""

    def __init__(self, database: Database, standby: Standby, needed: int) -> None:
        self._database, self._standby, self._needed = database, standby, needed

    async def ask(
        self, question: Callable[[ReadSession], Awaitable[T]], *, heavy: bool = False
    ) -> T:
        """Run a read; see `app.database.sessions.Reads`. It takes one turn, on either server."""
        async with self._database.turn(heavy=heavy):
            try:
                return await self._standby.ask(question, self._needed, heavy=heavy)
            except NotHere:
                async with self._database.read_now(heavy=heavy) as session:
                    return await question(session)


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """`lag_seconds` is how old its data may be at most, where that is known."""

    state: ReplicaState | str
    lag_seconds: float | None


class Replicas:
    """The replica of one process, if it has one, and what its callers must see of it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._callers = Callers()
        self._primary: Primary | None = None
        self._standby: Standby | None = None
        self._asking: asyncio.Task[tuple[ReplicaState | None, timedelta | None]] | None = None
        if settings.read_database_url is not None:
            self._primary = Primary(database.url, settings)
            self._standby = Standby(settings.read_database_url, settings, self._primary)

    def reads(
        self,
        caller: str | None = None,
        told: str | None = None,
        database: Database | None = None,
    ) -> Reads:
        """Return the reads of a caller.

        Args:
            caller: whose writes through this process they must show.
            told: the position that the client has from a write, maybe of another process.
            database: the caller's way to the primary, in whose share they are; None is the
                service's own.
        """
        database = database or self._database
        if self._standby is None:
            return database
        needed = 0 if caller is None else self._callers.needed(caller)
        if told is not None:
            needed = max(needed, parse_lsn(told))
        return StandbyReads(database, self._standby, needed)

    async def written(self, caller: str) -> str | None:
        """Return the position to report after a write of this caller; None without a replica.

        If the primary does not report it, this caller's reads require everything, or use the
        primary.
        """
        if self._primary is None:
            return None
        present = await self._primary.look()
        position = EVERYTHING if present is None else present.position
        self._callers.note(caller, position)
        return lsn_text(position)

    async def state(self) -> ReplicaStatus | None:
        """Return the current state of the replica, after a short wait at most; None if there is
        none."""
        if self._standby is None:
            return None
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._standby.state())
        await asyncio.wait({self._asking}, timeout=STATE_SECONDS)
        verdict, lag = self._asking.result() if self._asking.done() else (None, None)
        if verdict is None:
            return ReplicaStatus("unreachable", None)
        return ReplicaStatus(verdict, None if lag is None else lag.total_seconds())

    async def dispose(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})
        if self._standby is not None:
            await self._standby.dispose()
        if self._primary is not None:
            await self._primary.dispose()
