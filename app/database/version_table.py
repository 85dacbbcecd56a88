"""The table of the current migration, and detection of other applications' tables.

The table has its own name, because `alembic_version` may belong to another application in the same
database. Earlier versions of the service stored their revision there.
"""

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.partitions import PARENT, is_partition
from app.errors import ServeError
from app.models import Base

VERSION_TABLE = "activity_alembic_version"

# Of the schema that tables are created in; others on the search path may have tables of that name.
NAMES_THERE = text(
    "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE nspname = current_schema() AND relname = ANY(:names) ORDER BY relname"
)
# Waits for a migration by the former table at this moment, and blocks later ones.
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
    "Give the service its own database (`createdb`), or its own schema: `CREATE SCHEMA "
    "activity`, and append `?options=-csearch_path%3Dactivity` to DATABASE_URL."
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
    """Whether a newer version of the service has migrated the database. This version keeps working
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
            f"No schema of the search path ({search_path}) exists. Create one with `CREATE SCHEMA`."
        )
    if taken := _there(connection, [*Base.metadata.tables]):
        names = ", ".join(f"`{name}`" for name in taken)
        raise ServeError(f"{names_taken(names, schema)} The database was not changed.")


def names_taken(names: str, schema: str | None = None) -> str:
    """Return the error about tables with our names that belong to another application."""
    where = f"schema {schema} of the database" if schema else "database"
    return (
        f"The {where} already has another application's {names}, which conflict with the "
        f"service's tables. {REMEDY}"
    )


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
