"""A PostgreSQL of a benchmark's own, and what its processes cost."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil

from app.database import embedded
from app.database.migrations import migrate_at
from app.settings import Settings


@contextmanager
def postgres(settings: Settings, options: dict[str, str] | None = None) -> Iterator[str]:
    """A migrated database on a fresh embedded server, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="activity-bench-") as folder:
        server = embedded.start(Path(folder), options)
        try:
            asyncio.run(migrate_at(server.url(), settings))
            yield server.url()
        finally:
            embedded.stop(server)


async def connect(url: str) -> asyncpg.Connection:
    """A connection that takes jsonb as text, in COPY, too."""
    connection = await asyncpg.connect(url)
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda text: b"\x01" + text.encode(),
        decoder=bytes,
        format="binary",
    )
    return connection


def cpu_seconds(pid: int) -> float:
    """CPU time of one process so far, of user and system, as the operating system counts it."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
