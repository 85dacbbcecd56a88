"""Monthly partitions of `activity_event`: which there should be, which there are, and making them.

There is no DEFAULT partition: an event that fits no month is refused before it gets here, and
dropping a month stays a matter of milliseconds.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database.lock_retry import with_lock_retry
from app.database.locks import LOCK_PARTITIONS, PARTITIONS_LOCK
from app.settings import Settings

PARENT = "activity_event"
# What makes an event one: each partition has this index, which its parent can't have.
IDENTITY_INDEX = "identity"
IDENTITY_COLUMNS = "(user_id, event_id)"
_NAME = re.compile(rf"{PARENT}_p(\d{{4}})_(\d{{2}})")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, instant: datetime) -> "Month":
        utc = instant.astimezone(UTC)
        return cls(utc.year, utc.month)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    def plus(self, months: int) -> "Month":
        count = self.year * 12 + self.month - 1 + months
        return Month(count // 12, count % 12 + 1)

    @property
    def partition(self) -> str:
        return f"{PARENT}_p{self.year:04d}_{self.month:02d}"


def identity_index(partition: str) -> str:
    """The name of the unique index that makes each event of a partition one."""
    return f"{partition}_{IDENTITY_INDEX}"


def is_partition(table: str) -> bool:
    return _NAME.fullmatch(table) is not None


def needed_months(now: datetime, settings: Settings) -> list[Month]:
    """Return the months from the oldest event within retention to those created ahead, in order."""
    month = Month.of(now - timedelta(days=settings.retention_days))
    last = Month.of(now).plus(settings.partitions_ahead_months)
    months = []
    while month <= last:
        months.append(month)
        month = month.plus(1)
    return months


async def existing_partitions(connection: AsyncConnection) -> set[str]:
    rows = await connection.execute(
        text(
            "SELECT child.relname FROM pg_inherits"
            " JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = to_regclass(:parent)"
        ),
        {"parent": PARENT},
    )
    return {str(name) for name in rows.scalars()}


async def tables_of_months(connection: AsyncConnection) -> dict[str, Month]:
    """All tables that are partitions by their names, also those that were detached."""
    rows = await connection.execute(
        text(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = (SELECT relnamespace FROM pg_class"
            "   WHERE oid = to_regclass(:parent))"
        ),
        {"parent": PARENT},
    )
    found = {str(name): _NAME.fullmatch(str(name)) for name in rows.scalars()}
    return {
        name: Month(int(match.group(1)), int(match.group(2)))
        for name, match in found.items()
        if match is not None
    }


async def ensure_partitions(
    connection: AsyncConnection, settings: Settings, now: datetime | None = None
) -> list[str]:
    """Make the partitions that are needed and not there, for the caller to commit; their names.

    Looks first: making one locks the whole table for a moment, and ordinarily there is none to
    make. Where the table itself is not there (migrated down), there is nothing to do.
    """
    months = needed_months(now or datetime.now(UTC), settings)
    found = (await connection.execute(text("SELECT to_regclass(:t)"), {"t": PARENT})).scalar()
    missing = [] if found is None else await _missing(connection, months)
    if missing:
        await connection.execute(LOCK_PARTITIONS, {"key": PARTITIONS_LOCK})
        missing = await _missing(connection, months)  # another may just have made them
    for month in missing:
        # Names and bounds are ours alone; DDL takes no bound values.
        await with_lock_retry(
            connection,
            f"CREATE TABLE IF NOT EXISTS {month.partition} PARTITION OF {PARENT}"
            f" FOR VALUES FROM ('{month.start.isoformat()}')"
            f" TO ('{month.plus(1).start.isoformat()}')",
            f"CREATE UNIQUE INDEX IF NOT EXISTS {identity_index(month.partition)}"
            f" ON {month.partition} {IDENTITY_COLUMNS}",
        )
    return [month.partition for month in missing]


async def _missing(connection: AsyncConnection, months: list[Month]) -> list[Month]:
    existing = await existing_partitions(connection)
    return [month for month in months if month.partition not in existing]
