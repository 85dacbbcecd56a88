"""A streaming replica (or several behind one URL): used while it is healthy and fresh.

If anything is wrong with it, the primary answers instead, and callers notice nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import monotonic
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from app.database.engine import HEAVY, create_reader
from app.database.errors import (
    DATA_EXCEPTION_CLASS,
    FAILURES,
    QUERY_CANCELED,
    is_lost,
    sqlstate_of,
    translate,
)
from app.database.sessions import ReadSession
from app.replica.freshness import Present, Replayed, ReplicaState, lag_of, replica_state
from app.replica.primary import Primary, identity_of
from app.settings import Settings

logger = logging.getLogger("activity_events")

T = TypeVar("T")

# For a connection, and for its answer to how far it is.
TIMEOUT_SECONDS = 1.0
# So long a reader waits for what the primary has just committed; where that was in vain, nobody
# waits for the next second.
WAIT_SECONDS = 0.05
POLL_SECONDS = 0.002
HURRY_SECONDS = 1.0
# A replica that was of no use is left alone for the first of these, and twice as long each time.
REST_SECONDS = 1.0
REST_MAX_SECONDS = 30.0

REPLAYED = text(
    "SELECT (SELECT system_identifier FROM pg_control_system()) AS cluster,"
    " (SELECT oid::bigint FROM pg_database WHERE datname = current_database()) AS database,"
    " CASE WHEN pg_is_in_recovery()"
    " THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END AS position,"
    " coalesce((SELECT changes FROM privacy_change), 0) AS privacy_changes,"
    " pg_last_xact_replay_timestamp() AS until"
)


class NotHere(Exception):
    """The primary has to answer."""


class Standby:
    """The connections to it, and what is known of its state."""

    def __init__(self, url: str, settings: Settings, primary: Primary) -> None:
        self._primary = primary
        self._max_lag = timedelta(seconds=settings.read_max_lag_seconds)

        def reader(pool_size: int, server_settings: dict[str, str] | None = None) -> AsyncEngine:
            return create_reader(
                url,
                settings,
                pool_size=pool_size,
                timeout_seconds=TIMEOUT_SECONDS,
                server_settings=server_settings,
            )

        # One more than callers share: for readiness, and for what is learnt of all users.
        self._engine = reader(settings.database_pool_size + 1)
        self._heavy_engine = reader(settings.analytics_pool_size + 1, HEAVY)
        self._failures = 0
        self._rests_until = 0.0
        self._in_a_hurry_until = 0.0

    async def dispose(self) -> None:
        await asyncio.gather(self._engine.dispose(), self._heavy_engine.dispose())

    async def ask(
        self, question: Callable[[ReadSession], Awaitable[T]], needed: int, *, heavy: bool
    ) -> T:
        """The answer of a replica to who must see all before the position `needed`.

        Raises:
            NotHere: it has none, or not for this reader; the question may have been begun.
            ActivityError: the question's own.
        """
        if monotonic() < self._rests_until:
            raise NotHere
        if self._failures:
            # One finds out whether it is of use again; the others don't wait for that.
            self._failures += 1
            self._rest()
        present = await self._primary.look()
        if present is None:
            raise NotHere
        admitted = False
        try:
            async with self._session(heavy=heavy) as session:
                await self._admit(session, present, needed)
                admitted = True
                return await question(session)
        except PoolTimeout as error:
            raise NotHere from error
        except FAILURES as error:
            if admitted and _is_the_callers(error):
                raise translate(error) from error
            if not admitted or _is_lost(error):
                self._fail("failed or can't be reached")
            raise NotHere from error

    async def state(self) -> tuple[ReplicaState | None, timedelta | None]:
        """Return its current position; None if it or the primary does not report one."""
        present = await self._primary.look()
        if present is None:
            return None, None
        try:
            async with self._session() as session:
                replayed = await self._replayed(session)
        except FAILURES:
            return None, None
        return replica_state(present, replayed, 0, self._max_lag), lag_of(present, replayed)

    def _session(self, *, heavy: bool = False) -> ReadSession:
        engine = self._heavy_engine if heavy else self._engine
        return ReadSession(engine, expire_on_commit=False, autoflush=False)

    async def _admit(self, session: ReadSession, present: Present, needed: int) -> None:
        """Wait a moment for the replica to have all. Several hosts may be at several places: it is
        this connection's that counts.

        Raises:
            NotHere: it must not answer.
        """
        begun = monotonic()
        waits = begun >= self._in_a_hurry_until
        ends_at = begun + WAIT_SECONDS if waits else begun
        verdict = replica_state(present, await self._replayed(session), needed, self._max_lag)
        while verdict not in {ReplicaState.EXACT, ReplicaState.FOREIGN} and monotonic() < ends_at:
            await asyncio.sleep(POLL_SECONDS)
            verdict = replica_state(present, await self._replayed(session), needed, self._max_lag)
        if waits and verdict is not ReplicaState.EXACT:
            self._in_a_hurry_until = monotonic() + HURRY_SECONDS
        if verdict is ReplicaState.FOREIGN:
            self._fail("is not a streaming replica of this database")
        elif verdict is ReplicaState.LAGGING:
            self._fail("is too far behind")
        elif self._failures:
            logger.info("the read replica is back in use")
            self._failures, self._rests_until = 0, 0.0
        if verdict not in {ReplicaState.EXACT, ReplicaState.BEHIND}:
            raise NotHere

    async def _replayed(self, session: ReadSession) -> Replayed:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            row = (await session.execute(REPLAYED)).one()
        return Replayed(identity_of(row), row.position, row.privacy_changes, row.until)

    def _fail(self, why: str) -> None:
        if not self._failures:
            logger.warning("the read replica %s; reads go to the primary", why)
            self._failures = 1
            self._rest()

    def _rest(self) -> None:
        seconds = min(REST_SECONDS * 2.0 ** min(self._failures - 1, 63), REST_MAX_SECONDS)
        self._rests_until = monotonic() + seconds


def _is_the_callers(error: Exception) -> bool:
    """Whether the primary would refuse the same: data that it can't take, too long a statement.

    A conflict with recovery has a code of its own, and in some cases that of a canceled statement.
    """
    state = sqlstate_of(error)
    if state == QUERY_CANCELED:
        return "recovery" not in str(error)
    return state is not None and state.startswith(DATA_EXCEPTION_CLASS)


def _is_lost(error: Exception) -> bool:
    origin = getattr(error, "orig", None) or error
    return bool(getattr(error, "connection_invalidated", False)) or is_lost(
        getattr(origin, "__cause__", None) or origin
    )
