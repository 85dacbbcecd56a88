"""Steps of migrations that don't block ingestion: indexes and rows, in small parts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from alembic import op
from sqlalchemy import Connection, text

from app.database.connection import LOCK_TIMEOUT_MS
from app.database.lock_retry import LOCK_WAIT_MS, wait_for_locks
from app.database.partitions import PARENT

# Partitions on which the index of the first name is not yet, with the name it is to have there.
WITHOUT_INDEX = text(
    "SELECT child.relname, left(child.relname || '_' || :index, 63) FROM pg_inherits"
    " JOIN pg_class child ON child.oid = inhrelid"
    " WHERE inhparent = to_regclass(:parent) AND NOT EXISTS ("
    "   SELECT FROM pg_index JOIN pg_inherits attached ON attached.inhrelid = indexrelid"
    "   WHERE indrelid = child.oid AND attached.inhparent = to_regclass(:index))"
    " ORDER BY 1"
)


def create_event_index(name: str, definition: str) -> None:
    """Create an index on all partitions of the events without blocking writes; for migrations.

    It skips finished steps, so it can be restarted at any point; it commits in between, so its
    revision must contain nothing else. Not for Citus, which creates indexes differently.

    Args:
        name: as SQLAlchemy's naming convention has it.
        definition: what comes after the table: columns in brackets, a WHERE.
    """
    # On the parent alone: a moment's work. Months that are made from now on have it at once.
    op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {PARENT} {definition}")
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        # It waits for earlier transactions, and blocks none.
        wait_for_locks(connection, 0)
        missing = connection.execute(WITHOUT_INDEX, {"index": name, "parent": PARENT}).all()
        for partition, index in missing:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")  # half of one, where it failed
            op.execute(f"CREATE INDEX CONCURRENTLY {index} ON {partition} {definition}")
        wait_for_locks(connection, LOCK_WAIT_MS)
        for _, index in missing:
            op.execute(f"ALTER INDEX {name} ATTACH PARTITION {index}")


@contextmanager
def small_transactions() -> Iterator[Callable[[], AbstractContextManager[Connection]]]:
    """Yield one transaction after the other, for migrations that change many rows, so that others
    never wait long. An interrupted migration starts again.

    If the caller has a transaction, everything runs in that one.
    """
    context = op.get_context()
    if context.opts["callers_transaction"]:
        yield lambda: nullcontext(op.get_bind())
        return
    with context.autocommit_block():
        connection = op.get_bind()
        # For rows: unlike for a table, nobody queues behind who waits.
        wait_for_locks(connection, LOCK_TIMEOUT_MS)
        yield lambda: _small_transaction(connection)
        wait_for_locks(connection, LOCK_WAIT_MS)


@contextmanager
def _small_transaction(connection: Connection) -> Iterator[Connection]:
    connection.execute(text("BEGIN"))
    end = text("ROLLBACK")
    try:
        yield connection
        end = text("COMMIT")
    finally:
        connection.execute(end)
