"""Backups by the very lines of docs/operations.md: under load, and back to a point of it."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.database import embedded
from app.database.migrations import migrate_at
from app.database.postgres_binaries import binaries, server_account
from app.settings import Settings
from tests.conftest import ROOT, running_service
from tests.faults.conftest import Feed, execute, feed_all
from tests.test_operations import blocks_of

TIMEOUT_SECONDS = 120
BATCHES = 60
ARCHIVED = "SELECT coalesce(last_archived_wal >= '{segment}', false) FROM pg_stat_archiver"
STREAM_SECONDS = 10


@pytest.fixture
def backup() -> Iterator[Path]:
    """The folder of the backups: of whoever runs PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="activity-backup-") as name:
        folder = Path(name)
        (folder / "wal").mkdir()
        account = server_account(folder)
        if account is not None:
            for each in (folder, folder / "wal"):
                shutil.chown(each, account, account)
        yield folder


@pytest.fixture
def primary(backup: Path) -> Iterator[embedded.EmbeddedServer]:
    """A server that archives its log as the document has it, migrated."""
    (archiving,) = blocks_of("Back to a point in time", "ini")
    lines = (line.partition(" = ") for line in archiving.splitlines())
    options = {name: value.strip("'").replace("/backup", str(backup)) for name, _, value in lines}
    assert options["archive_mode"] == "on"
    with tempfile.TemporaryDirectory(prefix="activity-primary-") as folder:
        server = embedded.start(Path(folder), options)
        # Where a copy of it listens: beside its own data.
        with (server.pgdata / "postgresql.conf").open("a") as conf:
            conf.write("listen_addresses = ''\nunix_socket_directories = '.'\n")
        asyncio.run(migrate_at(server.url(), Settings()))
        yield server
        embedded.stop(server)


def shell(script: str, **variables: str) -> str:
    """A block of the document; what it prints. PostgreSQL's own programs run as its user."""
    own = "activity-events" not in script
    account = server_account(Path(variables["BACKUP"])) if own else None
    output = tempfile.TemporaryFile("w+")  # noqa: SIM115 (a server would keep a pipe open)
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={
            "PATH": f"{binaries()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "200",
            **variables,
        },
        user=account,
        group=account,
        extra_groups=[] if account else None,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    with output:
        output.seek(0)
        said = output.read()
    assert done.returncode == 0, said
    return said


async def events_of(url: str) -> dict[UUID, datetime]:
    rows = await execute(url, "SELECT event_id, received_at FROM activity_event")
    return {row["event_id"]: row["received_at"] for row in rows}


def serves(url: str, events: int) -> None:
    """The service starts on it, has so many events, takes more, and streams what arrives."""
    one = {"user_email": "new@example.com", "event_type": "project_created"}
    with running_service(DATABASE_URL=url) as service:
        base = f"{service.url}/api/events"
        assert httpx.get(f"{service.url}/health/ready").status_code == 200
        days = httpx.get(f"{base}/analytics", params={"days": 2}).json()
        assert days["total_events"] == events
        with httpx.stream("GET", f"{base}/stream", timeout=STREAM_SECONDS) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry:")
            assert httpx.post(f"{base}/log", json=one).status_code == 201
            assert any("new@example.com" in line for line in lines)


async def test_back_to_a_point_in_time(primary: embedded.EmbeddedServer, backup: Path) -> None:
    take_base, restore, verify = blocks_of("Back to a point in time", "sh")
    places = {"BACKUP": str(backup), "RESTORED": str(backup / "restored")}
    until: list[datetime] = []
    feed = Feed()
    before: set[UUID] = set()

    def base_backup() -> None:
        shell(take_base, DATABASE_URL=primary.url(), **places)

    def note() -> None:
        """What is acknowledged by then is to be there, and nothing that was sent later."""
        until.append(datetime.now(UTC))

    with running_service(DATABASE_URL=primary.url()) as service:
        steps: dict[int, Callable[[], None]] = {BATCHES // 3: base_backup}
        feed = await feed_all([service.url], BATCHES, after=steps)
        assert (backup / "base" / "backup_manifest").exists()
        before = set(feed.acknowledged)
        note()
        later = await feed_all([service.url], BATCHES, seed=2)
    assert before.isdisjoint(later.acknowledged)

    segment = (await execute(primary.url(), "SELECT pg_walfile_name(pg_switch_wal())"))[0][0]
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not (await execute(primary.url(), ARCHIVED.format(segment=segment)))[0][0]:
            pass
    url = f"postgresql://postgres@/{embedded.DATABASE}?host={places['RESTORED']}"
    try:
        moment = until[0].isoformat(sep=" ")
        await asyncio.to_thread(shell, restore, RESTORED_URL=url, UNTIL=moment, **places)
        assert "0 faults" in await asyncio.to_thread(shell, verify, RESTORED_URL=url, **places)
        assert set(await events_of(url)) == before
        assert len(await events_of(primary.url())) == len(before) + len(later.acknowledged)
        await asyncio.to_thread(serves, url, len(before))
    finally:
        stop = 'pg_ctl stop --pgdata "$RESTORED" --mode fast'
        await asyncio.to_thread(shell, stop, **places)


async def test_a_dump_and_back(primary: embedded.EmbeddedServer, backup: Path) -> None:
    dump, restore, verify = blocks_of("A dump, and back", "sh")
    url = primary.url("restored")
    places = {"BACKUP": str(backup), "DATABASE_URL": primary.url(), "RESTORED_URL": url}
    with running_service(DATABASE_URL=primary.url()) as service:
        feed = await feed_all([service.url], BATCHES // 2)
        first = set(feed.acknowledged)
        during = await feed_all(
            [service.url], BATCHES // 2, seed=2, after={5: lambda: shell(dump, **places) and None}
        )
    await execute(primary.url("postgres"), "CREATE DATABASE restored")
    await asyncio.to_thread(shell, restore, **places)
    assert "0 faults" in await asyncio.to_thread(shell, verify, **places)
    stored = set(await events_of(url))
    assert first <= stored <= first | during.acknowledged
    assert await execute(url, "SELECT FROM activity_arrival") == []
    await asyncio.to_thread(serves, url, len(stored))
