"""A real PgBouncer in between: by session it works and every setting holds, else it is refused."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.database.postgres_binaries import server_account
from app.database.sessions import Database
from app.database.url.parse import parse_database_url
from app.settings import Settings
from tests.conftest import fresh_database, running_service
from tests.service.commands import command

START_SECONDS = 10
STOP_SECONDS = 10
WANTED = {
    "default_transaction_read_only": "on",
    "statement_timeout": "7s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "1min",
    "jit": "off",
    "TimeZone": "UTC",
    "application_name": "activity-events",
}


@pytest.fixture(autouse=True)
def can_run() -> None:
    """In CI it is there."""
    if _program() is None and os.environ.get("CI"):
        pytest.fail("pgbouncer is not installed")
    if _program() is None:
        pytest.skip("LEFT OUT: pgbouncer is not installed")


def _program() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def pooled(url: str, mode: str) -> Iterator[str]:
    """The URL of the same database through a PgBouncer."""
    target = parse_database_url(url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="activity-pooler-") as name:
        folder = Path(name)
        account = server_account(folder)
        server = f"host={target.hosts[0]} port={target.ports[0] if target.ports else 5432}"
        password = f" password={target.password}" if target.password else ""
        config = folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = {server} user={target.user or 'postgres'}{password}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\n"
            f"pool_mode = {mode}\ndefault_pool_size = 40\nmax_client_conn = 200\n"
            "unix_socket_dir =\n"
        )
        process = subprocess.Popen(
            [str(_program()), "-q", str(config)],
            user=account,
            group=account,
            extra_groups=[] if account else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, process)
            yield f"postgresql://postgres@127.0.0.1:{port}/{target.database}?sslmode=disable"
        finally:
            process.kill()
            process.wait(STOP_SECONDS)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends_at = time.monotonic() + START_SECONDS
    while time.monotonic() < ends_at:
        assert process.poll() is None, "pgbouncer ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("pgbouncer does not answer")


@pytest.fixture(scope="module")
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url, spread=False) as url:
        yield url


@pytest.mark.fault("E1")
async def test_by_session_it_works_and_no_setting_is_lost(url: str) -> None:
    with pooled(url, "session") as through:
        with running_service(DATABASE_URL=through) as service:
            async with httpx.AsyncClient(base_url=service.url) as client:
                event = {"event_type": "a", "user_email": "ada@example.com"}
                logged = await client.post("/api/events/log", json=event)
                assert logged.status_code == 201, logged.text
                assert len((await client.get("/api/events/")).json()["events"]) == 1
                assert (await client.get("/health/ready")).status_code == 200
        database = Database(through, Settings(statement_timeout_ms=7000))
        try:
            asked = text("SELECT name, current_setting(name) FROM unnest(:names ::text[]) AS name")
            async with database.read() as session:
                rows = await session.execute(asked, {"names": list(WANTED)})
                assert dict(rows.all()) == WANTED
            writer = await database.connect_writer()
            held = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
            assert tuple(await writer.fetchrow(held)) == ("8s", "5s")
            await writer.close()
        finally:
            await database.dispose()


@pytest.mark.fault("E1")
@pytest.mark.parametrize(
    ("mode", "commands"),
    [
        ("transaction", [["serve", "--no-migrate", "--port", "0"], ["keys", "list"]]),
        ("statement", [["migrate"]]),
    ],
)
def test_otherwise_it_is_refused_with_what_to_do(
    url: str, mode: str, commands: list[list[str]]
) -> None:
    with pooled(url, mode) as through:
        for words in commands:
            done = command(through, *words)
            assert done.returncode == 1, (words, done.stdout, done.stderr)
            message = "connection pooler in front of PostgreSQL (such as PgBouncer)"
            assert message in done.stderr, (words, done.stderr)
            assert "pool_mode = session" in done.stderr
            assert "Traceback" not in done.stderr
