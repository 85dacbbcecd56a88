"""Verification of the database: every table, partition and index, compared with the model."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, PrimaryKeyConstraint, UniqueConstraint, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.citus import TABLES, spread_of
from app.database.identity_indexes import without_identity
from app.database.migrations import head_revision
from app.database.partitions import PARENT, existing_partitions, needed_months
from app.database.version_table import current_revision, is_of_the_model
from app.models import Base
from app.privacy.merge_users import count_unnormalised
from app.settings import Settings

SERVER_MIN = 150000

# A transaction that this server has not come to yet: the row was made on another one.
ARRIVALS = text(
    "SELECT count(*) FROM activity_arrival"
    " WHERE transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
)
# The version of the rules that a text index was sorted by, and the one that is installed. The first
# row is of the database; others are of collations that columns of ours have of their own.
COLLATIONS = text(
    """
    SELECT datname AS name, datcollversion AS made,
      pg_database_collation_actual_version(oid) AS installed
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT DISTINCT collname, collversion, pg_collation_actual_version(pg_collation.oid)
    FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE attrelid = ANY (SELECT to_regclass(name) FROM unnest(CAST(:tables AS text[])) AS name)
      AND collversion IS NOT NULL
    """
)
UNFINISHED = text(
    "SELECT count(*), min(erased_at AT TIME ZONE 'UTC') FROM erasure WHERE finished_at IS NULL"
)
INDEXES = text(
    "SELECT c.relname, i.indisvalid, (SELECT count(*) FROM pg_inherits WHERE inhparent = c.oid)"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE i.indrelid = to_regclass(:table)"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was expected, and what was found."""

    kind: str
    name: str
    expected: str
    found: str
    ok: bool


async def verify(
    connection: AsyncConnection, settings: Settings, now: datetime | None = None
) -> list[Check]:
    """All checks, in the order of the report; a fault is one with `ok` False."""
    # Else Citus shows the shards that lie beside the tables.
    await connection.execute(text("SET LOCAL citus.override_table_visibility = on"))
    checks = [
        await _server(connection),
        await _encoding(connection),
        await _migration(connection),
    ]
    if checks[-1].found == "none":
        return checks
    checks += await _collations(connection)
    partitions = await existing_partitions(connection)
    checks += await connection.run_sync(lambda sync: list(_tables(sync)))
    checks += await _arrivals(connection)
    checks += await _unfinished(connection)
    checks += await _addresses(connection)
    checks += list(_partitions(partitions, now or datetime.now(UTC), settings))
    checks += await _indexes(connection, len(partitions))
    checks += await _identity(connection)
    checks += list(_spread(await spread_of(connection)))
    checks += await connection.run_sync(lambda sync: list(_drift(sync)))
    return checks


async def _server(connection: AsyncConnection) -> Check:
    row = (
        await connection.execute(
            text(
                "SELECT current_setting('server_version'),"
                " current_setting('server_version_num')::int,"
                " (SELECT extversion FROM pg_extension WHERE extname = 'citus')"
            )
        )
    ).one()
    version, number, citus = row
    found = f"PostgreSQL {version}" + (f", Citus {citus}" if citus else "")
    return Check("server", "version", "PostgreSQL 15 or later", found, number >= SERVER_MIN)


async def _encoding(connection: AsyncConnection) -> Check:
    """Another one than UTF-8 refuses an emoji, and every event in its batch."""
    found = (await connection.execute(text("SHOW server_encoding"))).scalar_one()
    return Check("server", "encoding", "UTF8", found, found == "UTF8")


async def _migration(connection: AsyncConnection) -> Check:
    head, current = head_revision(), await current_revision(connection)
    return Check("migration", "revision", head, current or "none", current == head)


async def _collations(connection: AsyncConnection) -> list[Check]:
    """Check collation versions. Text indexes depend on the system's sort rules: after a system
    upgrade they may miss rows, and a unique index, such as on addresses, may admit duplicates."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    rows = (await connection.execute(COLLATIONS, {"tables": tables})).all()
    checks = []
    for number, (name, made, installed) in enumerate(rows):
        is_same = made is None or installed is None or made == installed
        what = "COLLATION" if number else "DATABASE"
        refresh = "REFRESH VERSION" if number else "REFRESH COLLATION VERSION"
        found = (
            f"{made or 'none'}"
            if is_same
            else f"{made}, but {installed} is installed: stop the service, run `REINDEX DATABASE`, "
            f'then `ALTER {what} "{name}" {refresh}`'
        )
        checks.append(Check("collation", name, "the installed version", found, is_same))
    return checks


def _tables(connection: Connection) -> Iterator[Check]:
    there = set(inspect(connection).get_table_names())
    for table in Base.metadata.sorted_tables:
        found = "present" if table.name in there else "missing"
        yield Check("table", table.name, "present", found, table.name in there)


async def _arrivals(connection: AsyncConnection) -> list[Check]:
    """Live streams go by the server's own transaction numbers. Rows that a dump brought from
    another server would hide all new ones: they are to be removed."""
    there = await connection.execute(text("SELECT to_regclass('activity_arrival')"))
    if there.scalar() is None:
        return []
    foreign = (await connection.execute(ARRIVALS)).scalar_one()
    name, expected = "activity_arrival", "from this server"
    return [
        Check(
            "rows",
            name,
            expected,
            f"{foreign} from another server" if foreign else expected,
            not foreign,
        )
    ]


async def _unfinished(connection: AsyncConnection) -> list[Check]:
    """Erasures that were cut off: what is left of these people is still counted."""
    there = await connection.execute(text("SELECT to_regclass('erasure')"))
    if there.scalar() is None:
        return []
    count, oldest = (await connection.execute(UNFINISHED)).one()
    found = (
        f"{count} unfinished, the oldest since {oldest:%Y-%m-%d %H:%M} UTC" if count else "finished"
    )
    return [Check("erasures", "erasure", "finished", found, not count)]


async def _addresses(connection: AsyncConnection) -> list[Check]:
    """A user is found by the normal form of their address alone: a process of an earlier version
    may have stored another since the database was migrated."""
    there = await connection.execute(text("SELECT to_regclass('app_user')"))
    if there.scalar() is None:
        return []
    others = await count_unnormalised(connection)
    name, expected = "app_user", "normalised addresses"
    found = f"{others} not normalised: run `activity-events migrate`" if others else expected
    return [Check("rows", name, expected, found, not others)]


def _partitions(there: set[str], now: datetime, settings: Settings) -> Iterator[Check]:
    needed = {month.partition for month in needed_months(now, settings)}
    for name in sorted(needed | there):
        expected = "present" if name in needed else "past retention"
        found = "present" if name in there else "missing"
        yield Check("partition", name, expected, found, name in there)


async def _indexes(connection: AsyncConnection, partitions: int) -> list[Check]:
    checks = []
    for table in Base.metadata.sorted_tables:
        rows = await connection.execute(INDEXES, {"table": table.name})
        found = {name: (valid, children) for name, valid, children in rows}
        # These constraints are indexes, too; a check is in no catalogue of indexes.
        keys = (PrimaryKeyConstraint, UniqueConstraint)
        made = (each for each in table.constraints if isinstance(each, keys))
        names = {str(each.name) for each in made if each.columns}
        names |= {str(index.name) for index in table.indexes}
        children = partitions if table.name == PARENT else 0
        expected = f"valid, on {children} partitions" if children else "valid"
        for name in sorted(names):
            if name not in found:
                checks.append(Check("index", name, expected, "missing", ok=False))
                continue
            valid, on = found[name]
            state = "valid" if valid else "invalid"
            checks.append(
                Check(
                    "index",
                    name,
                    expected,
                    f"{state}, on {on} partitions" if children else state,
                    ok=valid and on == children,
                )
            )
    return checks


async def _identity(connection: AsyncConnection) -> list[Check]:
    """Each partition has the unique index without which an event could be counted twice."""
    without = list(await connection.run_sync(without_identity))
    found = (
        f"missing on {', '.join(without)}: run `activity-events migrate`" if without else "present"
    )
    return [Check("index", "identity", "present", found, not without)]


def _spread(found: dict[str, str]) -> Iterator[Check]:
    """Check the placement of each table on a cluster. A table of a new migration is not distributed
    yet."""
    for table, expected in TABLES.items() if found else ():
        kind = found.get(table, "not distributed: run `activity-events distribute`")
        yield Check("citus", table, expected, kind, kind == expected)


def _drift(connection: Connection) -> Iterator[Check]:
    """Check that a new migration would have nothing to change for the database to match the
    model."""
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "compare_server_default": False,
            "include_name": is_of_the_model,
        },
    )
    differences = compare_metadata(context, Base.metadata)
    if not differences:
        yield Check("model", "drift", "none", "none", ok=True)
    for difference in differences:
        yield Check("model", "drift", "none", str(difference)[:200], ok=False)
