"""Advisory locks: the keys of all of them, and the statements that take them.

A lock has one number of 64 bits, or a class and a key of 32 bits each. PostgreSQL keeps the two
kinds apart; within a kind, no number is used twice.
"""

import zlib

from sqlalchemy import text

# Single locks.

MIGRATIONS_LOCK = 0x6D696772  # processes that start at the same moment migrate one after the other
PARTITIONS_LOCK = 0x61637469  # processes that create the same partition at the same moment

# Classes of locks.

EMAIL_LOCK_CLASS = 0x656D6C  # a user's first event and their erasure
USER_LOCK_CLASS = 0x75736572  # an ingest, shared where one month's unique index settles everything
KINDS_LOCK_CLASS = 0x6B696E64  # UTC days whose rollups get a new kind, by the days since 2000
TASK_LOCK_CLASS = 0x647574  # a background task runs in one process at a time

# All users share these: few enough for the server's lock table, enough to keep strangers apart.
USER_LOCK_KEYS = 256

# Until the transaction ends.
LOCK = text("SELECT pg_advisory_xact_lock(:class, :key)")
LOCK_ALL = text(
    "SELECT pg_advisory_xact_lock(:class, key) FROM unnest(CAST(:keys AS int[])) AS key"
)
LOCK_PARTITIONS = text("SELECT pg_advisory_xact_lock(:key)")
# Until they are released.
LOCK_MIGRATIONS = text("SELECT pg_advisory_lock(:key)")
UNLOCK_MIGRATIONS = text("SELECT pg_advisory_unlock(:key)")
TRY_LOCK_TASK = text("SELECT pg_try_advisory_lock(:class, :key)")
UNLOCK_TASK = text("SELECT pg_advisory_unlock(:class, :key)")
# As asyncpg takes them: of the class $1, the keys $2.
LOCK_ALL_SHARED = "SELECT pg_advisory_xact_lock_shared($1, key) FROM unnest($2::int[]) AS key"
LOCK_EACH = """
SELECT CASE WHEN exclusive THEN pg_advisory_xact_lock($1, key)
  ELSE pg_advisory_xact_lock_shared($1, key) END
FROM unnest($2::int[], $3::bool[]) AS given (key, exclusive)
"""
LOCK_DAYS = "SELECT pg_advisory_xact_lock($1, day) FROM unnest(CAST($2 AS int[])) AS day"


def email_lock(email: str) -> int:
    """Return the key of a user's lock by their normalised email address."""
    return zlib.crc32(email.encode()) - 2**31


def user_lock(user_id: int) -> int:
    """Return the key of a user's lock by their id."""
    return user_id % USER_LOCK_KEYS


def task_lock(name: str) -> int:
    """Return the key of a background task's lock by its name."""
    return zlib.crc32(name.encode()) - 2**31
