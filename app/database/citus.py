"""Citus: the tables spread over its workers by user, and back again.

All that is of a user lies on one worker, side by side; who a user is, is known on all of them;
totals are on the coordinator. The SQL of the service is the same on both: nothing else here, but
`app/database/verify.py`, knows of Citus.
"""

from collections.abc import AsyncIterator
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import InvalidRequest
from app.models import Base

Spread = Literal["distributed", "reference", "local"]

# How each is spread, in this order: `activity_event` before what lies beside it. Tables that are
# not here are small, and never read together with these.
TABLES: dict[str, Spread] = {
    "app_user": "reference",
    "activity_event": "distributed",
    "activity_user_day": "distributed",
    "activity_session": "distributed",
    "stray_event": "distributed",
    "served_prediction": "distributed",
    "prediction_score": "distributed",
    "activity_rollup": "local",
    "activity_arrival": "local",
}
COLUMN = "user_id"
BESIDE = "activity_event"
SHARDS = 32

IS_CITUS = text("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
# The view `citus_tables` says it, too, but asks every worker for sizes, and waits for locks there.
SPREAD = text(
    """
    SELECT logicalrelid::text, CASE
      WHEN partmethod = 'h' THEN 'distributed' WHEN repmodel = 't' THEN 'reference' ELSE 'local' END
    FROM pg_dist_partition
    """
)
WAIT_LONGER = text("SET lock_timeout = '60s'")

# Citus brings no table back that has an identity column: its rows go into a new one.
KEYS = text(
    """
    SELECT coalesce('ALTER TABLE app_user ADD CONSTRAINT ' || conname || ' '
      || pg_get_constraintdef(made.oid), pg_get_indexdef(indexrelid))
    FROM pg_index LEFT JOIN pg_constraint AS made ON conindid = indexrelid
    WHERE indrelid = 'app_user'::regclass ORDER BY 1
    """
)
USERS_BACK = (
    "LOCK TABLE app_user IN ACCESS EXCLUSIVE MODE",
    "CREATE TABLE app_user_back (LIKE app_user INCLUDING ALL EXCLUDING INDEXES)",
    "INSERT INTO app_user_back OVERRIDING SYSTEM VALUE SELECT * FROM app_user",
    "SELECT setval('app_user_back_id_seq', last_value, is_called) FROM app_user_id_seq",
    "DROP TABLE app_user",
    "ALTER TABLE app_user_back RENAME TO app_user",
    "ALTER SEQUENCE app_user_back_id_seq RENAME TO app_user_id_seq",
)


async def spread_of(connection: AsyncConnection) -> dict[str, str]:
    """The tables that Citus knows, and how they are spread; none on a plain PostgreSQL."""
    if not (await connection.execute(IS_CITUS)).scalar_one():
        return {}
    found = {str(table): str(kind) for table, kind in await connection.execute(SPREAD)}
    return {table: kind for table, kind in found.items() if table in TABLES}


async def distribute(connection: AsyncConnection, shards: int = SHARDS) -> AsyncIterator[str]:
    """Distribute the tables that are not distributed yet, one per transaction; yield each table's
    name.

    Writes to a table wait while it is copied. An interrupted run resumes where it stopped.

    Args:
        shards: into how many parts; what is spread already keeps its own.

    Raises:
        InvalidRequest: this is no Citus.
    """
    await _require_citus(connection)
    known = await spread_of(connection)
    for table, spread in TABLES.items():
        if table not in known:
            await _run(connection, _statement(table, spread, shards))
            if spread != "local":
                await _run(
                    connection, f"SELECT truncate_local_data_after_distributing_table('{table}')"
                )
            await _comment(connection, table)
            await connection.commit()
        yield table


async def undistribute(connection: AsyncConnection) -> AsyncIterator[str]:
    """Bring all back to the coordinator, one table in a transaction; yield each one's name.

    Raises:
        InvalidRequest: this is no Citus.
    """
    await _require_citus(connection)
    known = await spread_of(connection)
    for table in reversed(TABLES):
        if table == "app_user" and table in known:
            keys = list((await connection.execute(KEYS)).scalars())
            await _run(connection, *USERS_BACK, *map(str, keys))
        elif table in known:
            await _run(connection, f"SELECT undistribute_table('{table}')")
        if table in known:
            await _comment(connection, table)
            await connection.commit()
        yield table


async def _require_citus(connection: AsyncConnection) -> None:
    if not (await connection.execute(IS_CITUS)).scalar_one():
        raise InvalidRequest(
            "The Citus extension is not installed in this database. docs/scaling.md describes "
            "how to set up a cluster."
        )
    await connection.execute(WAIT_LONGER)
    await connection.commit()


def _statement(table: str, spread: Spread, shards: int) -> str:
    if spread == "reference":
        return f"SELECT create_reference_table('{table}')"
    if spread == "local":
        return f"SELECT citus_add_local_table_to_metadata('{table}')"
    if table == BESIDE:
        return f"SELECT create_distributed_table('{table}', '{COLUMN}', shard_count => {shards})"
    return f"SELECT create_distributed_table('{table}', '{COLUMN}', colocate_with => '{BESIDE}')"


async def _comment(connection: AsyncConnection, table: str) -> None:
    """Restore the column comments of the model, which Citus drops when it recreates a table."""
    for column in Base.metadata.tables[table].columns:
        if column.comment is not None:
            said = column.comment.replace("'", "''")
            await _run(connection, f"COMMENT ON COLUMN {table}.{column.name} IS '{said}'")


async def _run(connection: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(text(statement.replace(":", "\\:")))
