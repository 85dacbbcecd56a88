"""`GET /health/...`: a process that is up, and a service that can serve."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from app.database.migrations import head_revision
from app.main import create_app
from app.observability.build_info import commit
from app.settings import Settings
from tests.api.conftest import Clock, Json, Log, client_of, error_of, event
from tests.conftest import LiveServer, fresh_database

LIVE = "http://localhost/health/live"
READY = "http://localhost/health/ready"


async def test_up_and_ready(client: httpx.AsyncClient) -> None:
    response = await client.get(LIVE)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    response = await client.get(READY)
    assert (response.status_code, response.json()) == (
        200,
        {
            "status": "ok",
            "migration": head_revision(),
            "ingest": {"groups": 0, "requests": 0, "events": 0},
            "retention": {"last_success_at": None, "oldest_event_at": None, "overdue": False},
            "unfinished": {"erasures": 0, "opt_outs": 0, "oldest_erasure_at": None},
            "replica": None,
            "version": "0.2.0",
            "commit": commit(),
        },
    )


async def test_overdue_retention_is_said(client: httpx.AsyncClient, log: Log, clock: Clock) -> None:
    async def state() -> Json:
        clock.now += timedelta(seconds=1)  # for which an answer is kept
        response = await client.get(READY)
        assert response.status_code == 200
        found: Json = response.json()["retention"]
        return found

    await log(event(event_timestamp="2025-11-20T13:00:00Z"), event())
    assert await state() == {
        "last_success_at": None,
        "oldest_event_at": "2025-11-20T13:00:00Z",
        "overdue": False,
    }
    clock.now += timedelta(days=2, hours=1)
    assert (await state())["overdue"] is True
    assert (await client.delete("/cleanup")).json()["events_deleted"] == 1
    assert (await state())["overdue"] is False


def test_a_real_process_is_ready(live: LiveServer) -> None:
    assert urlsplit(live.url).hostname == "127.0.0.1"
    assert httpx.get(f"{live.url}/health/ready").json()["status"] == "ok"


async def test_without_a_database_up_but_not_ready(stranded: httpx.AsyncClient) -> None:
    assert (await stranded.get(LIVE)).status_code == 200
    response = await stranded.get(READY)
    assert error_of(response, 503)["code"] == "database_unavailable"
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE activity_alembic_version SET version_num = '0000'",
        "UPDATE activity_alembic_version SET version_num = 'elsewhere'",
        "DELETE FROM activity_alembic_version",
    ],
)
async def test_not_ready_before_migrations_are_current(
    client: httpx.AsyncClient, database_url: str, clock: Clock, statement: str
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statement)
        error = error_of(await client.get(READY), 503)
    finally:
        await connection.execute("DELETE FROM activity_alembic_version")
        await connection.execute(
            "INSERT INTO activity_alembic_version VALUES ($1)", head_revision()
        )
        await connection.close()
    assert error["code"] == "migrations_pending"
    assert head_revision() in error["message"]
    assert "activity-events migrate" in error["message"]
    clock.now += timedelta(seconds=1)  # for which an answer is kept
    assert (await client.get(READY)).status_code == 200


async def test_ready_on_what_a_newer_version_has_migrated(
    client: httpx.AsyncClient, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE activity_alembic_version SET version_num = '9999'")
        ready = (await client.get(READY)).json()
    finally:
        await connection.execute(
            "UPDATE activity_alembic_version SET version_num = $1", head_revision()
        )
        await connection.close()
    assert (ready["status"], ready["migration"]) == ("ok", "9999")


@pytest.fixture(scope="module")
def empty_database_url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url, migrated=False) as url:
        yield url


async def test_requests_to_a_database_without_tables(empty_database_url: str) -> None:
    """As another's mistake it is a 503 that tells of the database, and never a 500."""
    app = create_app(Settings(database_url=empty_database_url), empty_database_url)
    async with app.router.lifespan_context(app), client_of(app) as client:
        event = {"user_email": "ada@example.com", "event_type": "project_created"}
        answers = [
            await client.get(READY),
            await client.get("/"),
            await client.get("/analytics"),
            await client.get("/session/s-1"),
            await client.delete("/cleanup"),
            await client.post("/log", json=event),
            await client.post("/log/batch", json={"events": [event]}),
        ]
    assert [error_of(each, 503)["code"] for each in answers] == [
        "migrations_pending",
        *["database_unavailable"] * 6,
    ]
