"""Real PostgreSQL for every test, migrated by Alembic.

`DATABASE_URL` names a server to use; without it one is started, and stopped at the end.
`CITUS_URL` names the coordinator of a Citus cluster instead, whose workers can be reached from
here, too. Each run works in databases of its own, which it drops.
"""

import asyncio
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import embedded
from app.database.citus import distribute
from app.database.engine import create_engine
from app.database.migrations import migrate_at
from app.database.partitions import ensure_partitions
from app.database.sessions import Database
from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
STOP_TIMEOUT_SECONDS = 20

# Of a cluster, if there is one: enough for users to lie on different ones.
SHARDS = 4

# A moment for tests that are given one. Those that go through HTTP live in the present.
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server; what a crash would lose may be lost, as these tests don't crash it."""
    given = os.environ.get("CITUS_URL") or os.environ.get("DATABASE_URL")
    if given:
        yield given
        if given in _templates:
            asyncio.run(_administer(given, f'DROP DATABASE "{_templates[given]}"'))
        return
    with tempfile.TemporaryDirectory(prefix="activity-tests-") as folder:
        server = embedded.start(Path(folder), {"fsync": "off"})
        yield server.url()
        embedded.stop(server)


@contextmanager
def fresh_database(server_url: str, *, migrated: bool = True, spread: bool = True) -> Iterator[str]:
    """The URL of a new database, dropped at the end; on a cluster, its tables are `spread`."""
    name = f"activity_test_{os.getpid()}_{secrets.token_hex(4)}"
    url = _at(server_url, name)
    is_copy = migrated and "CITUS_URL" not in os.environ
    template = f' TEMPLATE "{_template(server_url)}"' if is_copy else ""
    asyncio.run(_administer(server_url, f'CREATE DATABASE "{name}"{template}'))
    try:
        if migrated and not is_copy:
            asyncio.run(migrate_at(url, Settings()))
        if os.environ.get("CITUS_URL"):
            asyncio.run(set_up_cluster(server_url, url))
            if migrated and spread:
                asyncio.run(spread_over_workers(url))
        yield url
    finally:
        asyncio.run(_administer(server_url, f'DROP DATABASE "{name}" WITH (FORCE)'))
        for worker in asyncio.run(_workers(server_url)):
            asyncio.run(_administer(worker, f'DROP DATABASE "{name}" WITH (FORCE)'))


def _at(server_url: str, name: str) -> str:
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    # urlunsplit drops the empty host of a socket's URL
    return url if "//" in url else url.replace(":/", "://postgres@/", 1)


_templates: dict[str, str] = {}


def _template(server_url: str) -> str:
    """A migrated database of this server, to be copied: that takes a fraction of the time."""
    if server_url not in _templates:
        name = f"activity_template_{os.getpid()}_{secrets.token_hex(4)}"
        asyncio.run(_administer(server_url, f'CREATE DATABASE "{name}"'))
        asyncio.run(migrate_at(_at(server_url, name), Settings()))
        _templates[server_url] = name
    return _templates[server_url]


async def _workers(server_url: str) -> list[str]:
    """Where the workers of a cluster are, by its coordinator's own database."""
    if not os.environ.get("CITUS_URL"):
        return []
    connection = await asyncpg.connect(server_url)
    nodes = await connection.fetch("SELECT * FROM citus_get_active_worker_nodes()")
    await connection.close()
    parts = urlsplit(server_url)
    user = f"{parts.username}@" if parts.username else ""
    return [urlunsplit(parts._replace(netloc=f"{user}{name}:{port}")) for name, port in nodes]


async def set_up_cluster(server_url: str, url: str) -> None:
    """A database of the same name on each worker, and all of them known to each other."""
    name = urlsplit(url).path
    workers = await _workers(server_url)
    for worker in workers:
        await _administer(worker, f'CREATE DATABASE "{name[1:]}"')
        at = urlunsplit(urlsplit(worker)._replace(path=name))
        await _administer(at, "CREATE EXTENSION citus")
    await _administer(url, "CREATE EXTENSION citus")
    parts = urlsplit(url)
    await _administer(url, f"SELECT citus_set_coordinator_host('{parts.hostname}', {parts.port})")
    for node in map(urlsplit, workers):
        await _administer(url, f"SELECT citus_add_node('{node.hostname}', {node.port})")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    """One connection, as commands have it."""
    engine = create_engine(url, Settings(), pooled=False, server_settings={})
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def spread_over_workers(url: str) -> None:
    async with connected(url) as connection:
        async for _ in distribute(connection, SHARDS):
            pass


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def add_partitions(url: str) -> None:
    """The partitions that there would be at `NOW`, whatever the date."""
    settings = Settings(database_url=url)
    engine = create_engine(url, settings, pooled=False, server_settings={})
    async with engine.begin() as connection:
        await ensure_partitions(connection, settings, NOW)
    await engine.dispose()


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, body_timeout_seconds=5)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """Both pools on the test's database, which is empty again afterwards."""
    assert settings.database_url is not None
    database = Database(settings.database_url, settings)
    yield database
    await database.dispose()
    await truncate(settings.database_url)


async def truncate(url: str) -> None:
    """By DELETE: a TRUNCATE would remake the files of every partition and index."""
    await _administer(
        url,
        "DELETE FROM activity_event; DELETE FROM app_user; DELETE FROM api_key;"
        " DELETE FROM local_mode_end;"
        " DELETE FROM activity_rollup; DELETE FROM activity_user_day;"
        " DELETE FROM activity_session; DELETE FROM activity_arrival; DELETE FROM stray_event;"
        " DELETE FROM erasure; DELETE FROM duty; DELETE FROM service_secret;"
        " DELETE FROM served_prediction; DELETE FROM prediction_score;"
        " SELECT setval(pg_get_serial_sequence('app_user', 'id'), 1, false)",
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, started; its database is empty again afterwards."""
    assert settings.database_url is not None
    app = create_app(settings, settings.database_url)
    async with app.router.lifespan_context(app):
        yield app
    await truncate(settings.database_url)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the application without a socket; a failure in it is a 500, not raised."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost/api/events"
    ) as client:
        yield client


@dataclass(frozen=True, slots=True)
class LiveServer:
    """A service in a process of its own, on a socket."""

    process: subprocess.Popen[str]
    url: str
    host: str
    port: int
    greeting: str


@contextmanager
def running_service(
    *args: str, inside: Sequence[str] = (), **environment: str
) -> Iterator[LiveServer]:
    """`activity-events serve` on a free port of loopback, stopped at the end by SIGTERM.

    Args:
        inside: a command that runs another one, in its place.
    """
    inherited = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    process = subprocess.Popen(
        [*inside, Path(sys.executable).with_name("activity-events"), "serve", "--port", "0", *args],
        cwd=ROOT,
        # Nobody reads what it logs: a line for each refusal would fill the pipe, and hold it up.
        env={"ACTIVITY_LOG_REQUESTS": "none", **inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        greeting = _greeting(process)
        url = re.findall(r'http://[^\s"]+', greeting)[0]
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        base = f"http://{parts.netloc}"
        yield LiveServer(process, base, parts.hostname, parts.port, greeting)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _greeting(process: subprocess.Popen[str]) -> str:
    """What `serve` prints when it is ready. Its end, or that of the process, comes in any case."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.strip().startswith("Data") or '"event":"ready"' in line:
            return "".join(lines)
    raise AssertionError("serve ended:\n" + "".join(lines))


@pytest.fixture(scope="session")
def live(server_url: str) -> Iterator[LiveServer]:
    """One running service for all tests that need a real socket, on a database of its own."""
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, ACTIVITY_BODY_TIMEOUT_SECONDS="2") as server,
    ):
        yield server
