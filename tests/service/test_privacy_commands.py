"""`activity-events keys`, `erase` and `cleanup`, and the duties of a service, by real processes."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest

from app.database.engine import create_engine
from app.database.partitions import Month, ensure_partitions
from app.settings import Settings
from tests.conftest import fresh_database, running_service
from tests.service.commands import command

GIVE_UP_SECONDS = 30
ADA = "ada@example.com"


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    with fresh_database(server_url) as url:
        yield url


def test_a_key_opens_the_service_until_it_is_revoked(url: str) -> None:
    made = command(url, "keys", "create", "ci", "--scope", "admin", "--expires-days", "9")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    prefix = key.split("_")[2]
    assert prefix in made.stderr
    listed = command(url, "keys", "list").stdout
    assert prefix in listed
    assert key not in listed
    # With a key there is, it may listen beyond loopback; and asks for it there and here.
    with running_service("--host", "127.0.0.1", DATABASE_URL=url) as service:
        events = f"{service.url}/api/events/"
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.get(events).status_code == 401
        assert httpx.get(events, headers=headers).status_code == 200
        assert command(url, "keys", "revoke", prefix).returncode == 0
        until = time.monotonic() + GIVE_UP_SECONDS
        while httpx.get(events, headers=headers).status_code == 200:
            assert time.monotonic() < until
        assert httpx.get(events, headers=headers).status_code == 401
    again = command(url, "keys", "revoke", prefix)
    assert again.returncode == 1
    assert "No active key" in again.stderr


@pytest.mark.fault("newcomer-17", "newcomer-43", "S16", "newcomer-59")
def test_scopes_and_the_way_back_to_local_mode(url: str) -> None:
    made = [
        command(url, "keys", "create", "app", "--scope", "read,Write"),
        command(url, "keys", "create", "bot", "--scope", "read", "--scope", "write"),
    ]
    keys = [each.stdout.strip() for each in made]
    assert all("(read, write)" in each.stderr for each in made)
    listed = command(url, "keys", "list").stdout
    assert listed.count("read, write") == 2
    assert "last used" in listed
    for wrong in ("read,erase", ""):
        refused = command(url, "keys", "create", "x", "--scope", wrong)
        assert refused.returncode == 2
        message = "is not a scope; expected one of write, read, metrics, admin"
        assert message in refused.stderr.replace("\n", " ")
    kept = command(url, "keys", "local-mode", "--yes")
    assert (kept.returncode, "Revoke them first" in kept.stderr) == (1, True)
    for key in keys:
        assert command(url, "keys", "revoke", key.split("_")[2]).returncode == 0
    with running_service(DATABASE_URL=url) as service:
        assert "Access     keys (`activity-events keys list`), since 20" in service.greeting
        assert httpx.get(f"{service.url}/api/events/").status_code == 401
        back = command(url, "keys", "local-mode", "--yes")
        assert back.returncode == 0, back.stderr
        assert httpx.get(f"{service.url}/api/events/").status_code == 401  # not while it runs


def test_erase_and_cleanup(url: str) -> None:
    with running_service(DATABASE_URL=url) as service:
        body = {"user_email": ADA, "events": [{"event_type": "a_b"}, {"event_type": "c_d"}]}
        assert httpx.post(f"{service.url}/api/events/log/batch", json=body).status_code == 200
    dry = command(url, "cleanup", "--user-email", ADA, "--dry-run")
    assert dry.stdout == f"2 events of {ADA} to delete\n"
    assert command(url, "erase", ADA).returncode == 1  # nobody said yes
    erased = command(url, "erase", " ADA@example.com", "--yes")
    assert erased.returncode == 0, erased.stderr
    receipt = json.loads(erased.stdout)
    assert receipt["deleted"] == {
        "activity_event": 2,
        "activity_session": 0,
        "activity_user_day": 1,
        "stray_event": 0,
        "served_prediction": 0,
        "prediction_score": 0,
        "app_user": 1,
    }
    assert command(url, "cleanup", "--dry-run").stdout.startswith("0 events from before ")
    assert command(url, "erase", "nobody").returncode == 2


def test_a_service_keeps_its_promise_by_itself(url: str) -> None:
    """A month that is long past is there when it starts, and gone soon after."""
    old = datetime.now(UTC) - timedelta(days=500)
    asyncio.run(_fill(url, old))
    with running_service(DATABASE_URL=url) as service:
        until = time.monotonic() + GIVE_UP_SECONDS
        ready = httpx.get(f"{service.url}/health/ready").json()["retention"]
        assert ready["overdue"] is True
        while ready["last_success_at"] is None:
            assert time.monotonic() < until
            ready = httpx.get(f"{service.url}/health/ready").json()["retention"]
        assert ready["oldest_event_at"] is None
        assert ready["overdue"] is False
    assert asyncio.run(_partition(url, old)) is None


async def _fill(url: str, old: datetime) -> None:
    engine = create_engine(url, Settings(), pooled=False, server_settings={})
    async with engine.begin() as connection:
        await ensure_partitions(connection, Settings(retention_days=1), old)
    await engine.dispose()
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO app_user (email) VALUES ('ada@example.com')")
    await connection.execute(
        "INSERT INTO activity_event (user_id, event_timestamp, event_id, event_type,"
        " event_category, event_action, received_at)"
        " SELECT id, $1, gen_random_uuid(), 'a_b', 'a', 'b', $1 FROM app_user",
        old,
    )
    await connection.close()


async def _partition(url: str, at: datetime) -> str | None:
    connection = await asyncpg.connect(url)
    try:
        found: str | None = await connection.fetchval(
            "SELECT to_regclass($1)::text", Month.of(at).partition
        )
        return found
    finally:
        await connection.close()
