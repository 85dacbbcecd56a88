"""Engines on asyncpg: connection pools, with the settings of their connections."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from app.database.connection import Connection, open_connection
from app.database.connection_freshness import Freshness
from app.database.url.parse import parse_database_url
from app.observability.traces import trace_engine
from app.settings import Settings

# How much longer than the server may take for a statement its answer is waited for.
ANSWER_SECONDS = 2.0
# For questions about everybody: sorting their events on disk would take twice as long, and a plan
# for any window is a bad one for most. Few may run at a time.
HEAVY = {"work_mem": "64MB", "plan_cache_mode": "force_custom_plan"}


async def connect(
    url: str,
    settings: Settings,
    server_settings: dict[str, str],
    command_timeout: float | None = None,
    timeout_seconds: float | None = None,
) -> Connection:
    """Open one connection, with the settings that all connections share."""
    return await open_connection(
        url,
        server_settings,
        timeout_seconds or settings.database_timeout_seconds,
        command_timeout,
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
    freshness: Freshness | None = None,
    writes: bool = True,
) -> AsyncEngine:
    """An engine on asyncpg that takes any libpq URL (`sslmode`, `host=/socket/dir`, several hosts).

    Args:
        freshness: shared with others on the same database: what one finds out, all know.
        writes: a connection that can't write is of no use.
    """
    parse_database_url(url)  # report errors at once

    async def new_connection() -> Connection:
        return await connect(url, settings, server_settings, command_timeout, timeout_seconds)

    pool: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        pool = {
            "poolclass": AsyncAdaptedQueuePool,
            "pool_size": pool_size or settings.database_pool_size,
            "max_overflow": 0,
            # What was used last has its statements prepared.
            "pool_use_lifo": True,
            "pool_timeout": timeout_seconds or settings.database_timeout_seconds,
        }
    engine = create_async_engine("postgresql+asyncpg://", async_creator=new_connection, **pool)
    (freshness or Freshness()).watch(engine, writes=writes)
    trace_engine(engine.sync_engine)
    return engine


def create_reader(
    url: str,
    settings: Settings,
    *,
    pool_size: int,
    server_settings: dict[str, str] | None = None,
    **options: Any,
) -> AsyncEngine:
    """An engine for single statements that the server holds to reading, and to the timeout.

    Args:
        options: more of `create_engine`.
    """
    reading = {
        "default_transaction_read_only": "on",
        "statement_timeout": str(settings.statement_timeout_ms),
        **(server_settings or {}),
    }
    engine = create_engine(
        url,
        settings,
        pool_size=pool_size,
        server_settings=reading,
        # A server that is gone without a word doesn't time its statements.
        command_timeout=settings.statement_timeout_ms / 1000 + ANSWER_SECONDS,
        writes=False,
        **options,
    )
    return engine.execution_options(isolation_level="AUTOCOMMIT")
