"""Number of database connections of one process, and how many of them callers share."""

from dataclasses import dataclass
from typing import Self

from app.database.slots import Slots
from app.settings import Settings

NOTING_POOL_SIZE = 2
# Beyond those that callers share, for the service's own work: keys, the live feed, gauges,
# background tasks.
OWN_READS = 4
OWN_HEAVY_READS = 1
OWN_WRITES = 2
READINESS_POOL_SIZE = 1


def connections_of(settings: Settings) -> int:
    """The most that one process holds: the pools to read, to read a great deal, to write and to
    note, the service's own, that of readiness, and the writers'. Those to a replica are the
    replica's, but for one that asks where the primary is."""
    pools = 2 * settings.database_pool_size + settings.analytics_pool_size + NOTING_POOL_SIZE
    own = OWN_READS + OWN_HEAVY_READS + OWN_WRITES + READINESS_POOL_SIZE
    return pools + own + settings.writer_tasks + (1 if settings.read_database_url else 0)


@dataclass(frozen=True, slots=True)
class DatabaseSlots:
    """Slots of one process. A read has its slot whether a replica or the primary answers it."""

    read: Slots
    heavy: Slots
    write: Slots
    note: Slots

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return slots as configured."""
        seconds, size = settings.database_timeout_seconds, settings.database_pool_size
        # A statement about all users may run for so long, and the next one waits for it.
        heavy_seconds = max(seconds, settings.statement_timeout_ms / 1000)
        return cls(
            read=Slots("reads", "reads", size, wait_seconds=seconds),
            heavy=Slots(
                "analytics",
                "questions about all users",
                settings.analytics_pool_size,
                wait_seconds=heavy_seconds,
            ),
            write=Slots("writes", "changes", size, wait_seconds=seconds),
            note=Slots("predictions", "predictions", NOTING_POOL_SIZE, wait_seconds=seconds),
        )
