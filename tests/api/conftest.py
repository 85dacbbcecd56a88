"""The API tests' service: its clock stands at `NOW`, so that days and hours are literal.

`live` is a process of its own, which lives in the present and shares one database.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from tests.conftest import NOW, LiveServer, add_partitions, fresh_database, truncate

Json = dict[str, Any]
Log = Callable[..., Awaitable[Json]]

ADA = "ada@example.com"
BOB = "bob@example.com"
HOUR_AGO = "2026-11-20T11:00:00Z"
LIVE_TIMEOUT_SECONDS = 20
# Nothing listens there: it is reserved, and connecting to it is refused at once.
NO_DATABASE_URL = "postgresql://nobody@127.0.0.1:1/none"


@dataclass
class Clock:
    """What the service takes for the present."""

    now: datetime = NOW


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """A database with the partitions that there would be at `NOW`."""
    with fresh_database(server_url) as url:
        asyncio.run(add_partitions(url))
        yield url


@pytest.fixture
async def app(settings: Settings, clock: Clock) -> AsyncIterator[FastAPI]:
    """The application, started, on this clock; its database is empty again afterwards."""
    assert settings.database_url is not None
    app = create_app(settings, settings.database_url)
    app.state.clock = lambda: clock.now
    async with app.router.lifespan_context(app):
        yield app
    await truncate(settings.database_url)


@pytest.fixture
async def stranded() -> AsyncIterator[httpx.AsyncClient]:
    """A service whose database can't be reached; requests are below `/api/events`."""
    app = create_app(Settings(database_url=NO_DATABASE_URL), NO_DATABASE_URL)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://localhost/api/events"
    )


@pytest.fixture
def log(client: httpx.AsyncClient) -> Log:
    """Logs a batch of Ada's events of which each must be accepted; the answer."""

    async def log(*events: Json, **envelope: object) -> Json:
        body = {"user_email": ADA, **envelope, "events": list(events)}
        response = await client.post("/log/batch", json=body)
        assert response.status_code == 200, response.text
        answer: Json = response.json()
        assert answer["accepted"] == len(events), answer
        return answer

    return log


@pytest.fixture(scope="session")
def live_client(live: LiveServer) -> Iterator[httpx.Client]:
    url = f"{live.url}/api/events"
    with httpx.Client(base_url=url, timeout=LIVE_TIMEOUT_SECONDS) as client:
        yield client


@pytest.fixture
def still_serving(live_client: httpx.Client) -> Iterator[None]:
    """Whatever the test sends to `live`, afterwards it takes a good event."""
    yield
    body = {"user_email": f"{uuid4()}@example.com", "event_type": "project_created"}
    assert live_client.post("/log", json=body).status_code == 201
    response = live_client.get("/", params={"user_email": body["user_email"]})
    assert len(response.json()["events"]) == 1


def event(**fields: object) -> Json:
    """An event of an hour before `NOW` with an id of its own, unless `fields` say otherwise."""
    given = {"event_type": "project_created", "event_timestamp": HOUR_AGO, **fields}
    return {"event_id": str(uuid4()), **given}


def events_at(*times: str, **fields: object) -> list[Json]:
    return [event(event_timestamp=time, **fields) for time in times]


async def stored(client: httpx.AsyncClient, **filters: Any) -> list[Json]:
    """The events that match, newest first."""
    response = await client.get("/", params={"limit": 1000, **filters})
    assert response.status_code == 200, response.text
    found: list[Json] = response.json()["events"]
    return found


def error_of(response: httpx.Response, status: int) -> Json:
    """The error in an answer, which has the one shape that all errors have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["error"], body
    error: Json = body["error"]
    assert list(error) == ["code", "message", "details"]
    assert isinstance(error["code"], str)
    assert error["message"]
    assert isinstance(error["details"], dict)
    return error


def refused(response: httpx.Response, status: int, code: str, field: str) -> None:
    """The answer is an error of this code that names this field, and no other."""
    error = error_of(response, status)
    assert error["code"] == code, error
    assert [each["field"] for each in error["details"]["fields"]] == [field]
    assert field in error["message"]
