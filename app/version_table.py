"""Where the database says which migrations it has; and what else may be in the same database.

The table has a name of its own: `alembic_version` belongs to the application whose database this
may be. Earlier versions of the service kept their revision there.
"""

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

import app.models_access
import app.models_insights  # noqa: F401 (their tables are of the same metadata)
from app.errors import ServeError
from app.models import Base
from app.privacy.partitions import PARENT, is_partition

VERSION_TABLE = "activity_alembic_version"

# Of the schema that tables are created in; others on the search path may have tables of that name.
NAMES_THERE = text(
    "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE nspname = current_schema() AND relname = ANY(:names) ORDER BY relname"
)
# Whoever migrates by the former table at this moment is waited for, and then waits.
LOCK_FORMER = text("LOCK TABLE alembic_version IN SHARE ROW EXCLUSIVE MODE")
FORMER = text("SELECT version_num FROM alembic_version WHERE version_num = ANY(:known)")
COPY = (
    text(
        "CREATE TABLE activity_alembic_version (version_num VARCHAR(32) NOT NULL,"
        " CONSTRAINT activity_alembic_version_pkc PRIMARY KEY (version_num))"
    ),
    text("INSERT INTO activity_alembic_version SELECT :revision"),
)
SCHEMA = text("SELECT current_schema(), current_setting('search_path')")
REMEDY = (
    "Give the service a database of its own (`createdb`), or a schema: `CREATE SCHEMA activity`, "
    "and `?options=-csearch_path%3Dactivity` at the end of DATABASE_URL."
)


async def current_revision(connection: AsyncConnection) -> str | None:
    """The revision a database is at; None where it was never migrated."""
    table = await connection.execute(text("SELECT to_regclass('activity_alembic_version')"))
    if table.scalar() is None:
        return None
    revision = await connection.execute(text("SELECT version_num FROM activity_alembic_version"))
    found = revision.scalar()
    return None if found is None else str(found)


def is_behind(revision: str | None, head: str) -> bool:
    """Whether a database at this revision lacks one that the version of `head` needs."""
    return revision != head and not is_newer(revision, head)


def is_newer(revision: str | None, head: str) -> bool:
    """Whether a newer version of the service has migrated the database. This one goes on working
    on it (docs/operations.md, "Upgrades"), and has nothing to migrate."""
    return revision is not None and revision.isdecimal() and int(revision) > int(head)


def take_over_version(connection: Connection, known: list[str]) -> None:
    """Copy the revision of an earlier version of the service, once, in the caller's transaction.

    The former table stays: processes of the earlier version look at it for as long as they run. A
    row of the application's is left alone; it is ours where it is one of the `known` revisions and
    our tables are there.
    """
    names = [VERSION_TABLE, "alembic_version", "activity_event", "app_user"]
    if set(_there(connection, names)) != set(names[1:]):
        return
    connection.execute(LOCK_FORMER)
    if _there(connection, [VERSION_TABLE]):  # another process was first
        return
    revisions = connection.execute(FORMER, {"known": known}).scalars().all()
    if len(revisions) != 1:
        return
    create, insert = COPY
    connection.execute(create)
    connection.execute(insert, {"revision": revisions[0]})


def require_free_names(connection: Connection) -> None:
    """Check, before the first migration, that no other application has tables of our names.

    Raises:
        ServeError: it has; or the schema of the search path does not exist.
    """
    schema, search_path = connection.execute(SCHEMA).one()
    if schema is None:
        raise ServeError(
            f"No schema of the search path ({search_path}) exists: `CREATE SCHEMA` it first."
        )
    if taken := _there(connection, [*Base.metadata.tables]):
        names = ", ".join(f"`{name}`" for name in taken)
        raise ServeError(f"{names_taken(names, schema)} Nothing was changed.")


def names_taken(names: str, schema: str | None = None) -> str:
    """What to say where relations of our names are there that are not ours."""
    where = f"schema {schema} of the database" if schema else "database"
    return f"The {where} has another application's {names}, where ours would be. {REMEDY}"


def is_of_the_model(name: str | None, kind: str, _parents: object) -> bool:
    """Whether Alembic is to compare this with the model: not the partitions of months, which come
    and go, and not tables of others. A partition that is none of a month's is a fault."""
    if kind != "table" or name is None:
        return True
    return name in Base.metadata.tables or (
        name.startswith(f"{PARENT}_") and not is_partition(name)
    )


def _there(connection: Connection, names: list[str]) -> list[str]:
    return list(connection.execute(NAMES_THERE, {"names": names}).scalars())
