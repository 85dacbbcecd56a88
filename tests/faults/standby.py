"""A primary and a streaming standby of it, each a PostgreSQL of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.database import embedded
from app.database.migrations import migrate_at
from app.database.postgres_binaries import run, server_account
from app.settings import Settings
from tests.faults.conftest import Cluster


@contextmanager
def streaming_pair(folder: Path) -> Iterator[tuple[Cluster, Cluster]]:
    """Migrated, and running."""
    one, two = folder / "primary", folder / "standby"
    one.mkdir()
    two.mkdir()
    primary = Cluster(one, embedded.start(one, {"fsync": "off"}))
    try:
        asyncio.run(migrate_at(primary.url, Settings()))
        source: list[str | Path] = ["-h", primary.server.socket_dir, "-U", embedded.SUPERUSER]
        account = server_account(two)
        run("pg_basebackup", *source, "-D", two / "postgres", "-R", "-c", "fast", account=account)
        with (two / "postgres" / "postgresql.auto.conf").open("a") as conf:
            conf.write("fsync = off\nmax_standby_streaming_delay = 100ms\n")
        standby = Cluster(two, embedded.start(two))
        try:
            yield primary, standby
        finally:
            standby.stop()
    finally:
        primary.stop()
