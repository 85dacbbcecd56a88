"""Citus: the tables spread over its workers by user, and back again.

All that is of a user lies on one worker, side by side; who a user is, is known on all; totals are
on the coordinator. On a plain PostgreSQL all of it is one and the same SQL.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import InvalidRequest

Spread = Literal["distributed", "reference", "local"]

# How each is spread, those first that others lie beside.
TABLES: dict[str, Spread] = {
    "app_user": "reference",
    "activity_event": "distributed",
    "activity_user_day": "distributed",
    "activity_session": "distributed",
    "served_prediction": "distributed",
    "prediction_score": "distributed",
    "activity_rollup": "local",
    "activity_arrival": "local",
}
COLUMN = "user_id"
BESIDE = "activity_event"
SHARDS = 32

IS_CITUS = text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
SPREAD = text(
    """
    SELECT table_name::text, citus_table_type FROM citus_tables
    UNION ALL
    SELECT logicalrelid::text, 'local' FROM pg_dist_partition
    WHERE partmethod = 'n' AND repmodel = 's'
    """
)


@dataclass(frozen=True, slots=True)
class Step:
    """A table, and how it is spread now."""

    table: str
    spread: Spread


async def is_citus(connection: AsyncConnection) -> bool:
    """Whether the extension is there."""
    return bool((await connection.execute(IS_CITUS)).scalar_one())


async def spread_of(connection: AsyncConnection) -> dict[str, str]:
    """The tables that Citus knows, and how they are spread."""
    if not await is_citus(connection):
        return {}
    found = {str(table): str(kind) for table, kind in await connection.execute(SPREAD)}
    return {table: kind for table, kind in found.items() if table in TABLES}


async def distribute(connection: AsyncConnection, shards: int = SHARDS) -> AsyncIterator[Step]:
    """Spreads what is not spread yet, a table a transaction; that is one step.

    Raises:
        InvalidRequest: this is no Citus.
    """
    if not await is_citus(connection):
        raise InvalidRequest(
            "This database has no Citus: CREATE EXTENSION citus, and add the workers to it."
        )
    known = await spread_of(connection)
    for table, spread in TABLES.items():
        if table not in known:
            await connection.execute(text(_statement(table, spread, shards)))
            await connection.commit()
        yield Step(table, spread)


async def undistribute(connection: AsyncConnection) -> AsyncIterator[Step]:
    """Brings all back to the coordinator, a table a transaction."""
    known = await spread_of(connection)
    for table in reversed(TABLES):
        if table in known:
            await connection.execute(text(f"SELECT undistribute_table('{table}')"))
            await connection.commit()
        yield Step(table, "local")


def _statement(table: str, spread: Spread, shards: int) -> str:
    if spread == "reference":
        return f"SELECT create_reference_table('{table}')"
    if spread == "local":
        return f"SELECT citus_add_local_table_to_metadata('{table}')"
    if table == BESIDE:
        return f"SELECT create_distributed_table('{table}', '{COLUMN}', shard_count => {shards})"
    return f"SELECT create_distributed_table('{table}', '{COLUMN}', colocate_with => '{BESIDE}')"
