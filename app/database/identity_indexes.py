"""The unique index that makes each event of a month one, on partitions that lack it."""

from contextlib import suppress

from alembic import op
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from app.database.lock_retry import LOCK_WAIT_MS, wait_for_locks
from app.database.partitions import IDENTITY_COLUMNS, IDENTITY_INDEX, PARENT, identity_index
from app.errors import Unavailable

IDENTITY_ATTEMPTS = 10

# A UUIDv7 begins with the milliseconds since 1970; PostgreSQL has a function for that from 17 on.
TIME_OF_ID = (
    "to_timestamp(('x' || substr(replace(event_id::text, '-', ''), 1, 12))::bit(48)::bigint"
    " / 1000.0)"
)

PARTITIONS = text(
    "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
    " WHERE inhparent = to_regclass(:parent) ORDER BY 1"
)
# Partitions on which nothing makes each event one.
WITHOUT_IDENTITY = text(
    "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
    " WHERE inhparent = to_regclass(:parent) AND NOT EXISTS ("
    "   SELECT FROM pg_index WHERE indrelid = child.oid"
    "   AND indexrelid = to_regclass(child.relname || :suffix) AND indisvalid AND indisunique)"
    " ORDER BY 1"
)


def create_identity_indexes(connection: Connection) -> list[str]:
    """Create the unique index on each partition that lacks it, without blocking writes.

    If a user has the same id twice, the event that was received later gets a new id: both were
    acknowledged, so none is deleted.

    Args:
        connection: in autocommit mode.

    Returns:
        The partitions that had no such index.

    Raises:
        Unavailable: ids were stored twice faster than they could be told apart.
    """
    wait_for_locks(connection, 0)
    partitions = without_identity(connection)
    for partition in partitions:
        index = identity_index(partition)
        for attempt in range(IDENTITY_ATTEMPTS):
            connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {index}"))
            try:
                definition = f"{index} ON {partition} {IDENTITY_COLUMNS}"
                connection.execute(text(f"CREATE UNIQUE INDEX CONCURRENTLY {definition}"))
                break
            except IntegrityError:
                with suppress(IntegrityError):  # such an id was made before: another one next time
                    connection.execute(text(_tell_apart(partition, attempt)))
        else:
            raise Unavailable(
                f"{partition} receives events whose ids are stored already, faster than they can "
                "be told apart. Replace the processes of the version before, and run this again."
            )
    wait_for_locks(connection, LOCK_WAIT_MS)
    return partitions


def fill_strays() -> None:
    """Record the stray events among the stored ones; for migrations.

    It reads all events, and blocks no writes.
    """
    op.execute(
        f"""
        INSERT INTO stray_event (user_id, event_id, event_timestamp)
        SELECT user_id, event_id, min(event_timestamp) FROM activity_event
        WHERE substr(event_id::text, 15, 1) = '7'
          AND date_trunc('month', event_timestamp AT TIME ZONE 'UTC')
            <> date_trunc('month', {TIME_OF_ID} AT TIME ZONE 'UTC')
        GROUP BY user_id, event_id
        ON CONFLICT DO NOTHING
        """  # noqa: S608 (ours)
    )
    op.execute(
        "UPDATE app_user SET redated = true"
        " WHERE NOT redated AND id IN (SELECT user_id FROM stray_event)"
    )


def without_identity(connection: Connection) -> list[str]:
    """Return the partitions on which nothing makes each event one, in order."""
    parameters = {"parent": PARENT, "suffix": f"_{IDENTITY_INDEX}"}
    return [str(name) for name in connection.execute(WITHOUT_IDENTITY, parameters).scalars()]


def drop_identity_indexes(connection: Connection) -> None:
    """Drop the unique index of each partition; for downgrades."""
    parameters = {"parent": PARENT}
    for partition in list(connection.execute(PARTITIONS, parameters).scalars()):
        connection.execute(text(f"DROP INDEX IF EXISTS {identity_index(partition)}"))


def _tell_apart(partition: str, attempt: int) -> str:
    """A statement that gives events of a partition whose id was there before ids of their own."""
    return f"""
    UPDATE {partition} AS event
    SET event_id = overlay(overlay(
      md5('{attempt}' || event.event_id || event.event_timestamp || event.received_at)
      placing '8' from 13 for 1) placing '8' from 17 for 1)::uuid
    FROM (
      SELECT user_id, event_timestamp, event_id, row_number() OVER (
        PARTITION BY user_id, event_id ORDER BY received_at, event_timestamp) AS number
      FROM {partition}
    ) AS numbered
    WHERE numbered.number > 1 AND event.user_id = numbered.user_id
      AND event.event_timestamp = numbered.event_timestamp AND event.event_id = numbered.event_id
    """  # noqa: S608 (the name is ours)
