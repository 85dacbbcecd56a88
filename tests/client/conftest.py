"""A real service, a faulty way to it, and either client behind one face."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from activity_events import ActivityClient, AsyncActivityClient, Backoff
from activity_events.base_client import BaseClient
from tests.conftest import LiveServer, fresh_database, running_service

Json = dict[str, Any]
FORWARD, LOSE = "forward", "lose"
PATIENT = Backoff(attempts=200, base_seconds=0.1, cap_seconds=0.5, asked_max_seconds=30)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service, and the database that it alone writes to."""

    live: LiveServer
    database_url: str

    @property
    def url(self) -> str:
        return self.live.url

    async def stored(self, email: str) -> list[str]:
        """The ids of a user's events, by the database itself."""
        return await stored_ids(self.database_url, email)


async def stored_ids(database_url: str, email: str) -> list[str]:
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch(
        "SELECT event_id FROM activity_event JOIN app_user ON app_user.id = user_id"
        " WHERE email = $1 ORDER BY event_id",
        email,
    )
    await connection.close()
    return [str(UUID(str(row["event_id"]))) for row in rows]


@pytest.fixture(scope="session")
def service(server_url: str) -> Iterator[Service]:
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as live:
        yield Service(live, url)


@dataclass(frozen=True, slots=True)
class Scripted:
    """An answer that the service never gave."""

    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


UNAVAILABLE = Scripted(503, b'{"error": {"code": "overloaded", "message": "full", "details": {}}}')


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came by."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Gate:
    """Stands before a service. Each request is dealt with by the next of `script`, and, once that
    is at its end, by `otherwise`: forwarded, forwarded with its answer lost, or answered here."""

    url: str
    script: list[str | Scripted]
    otherwise: str | Scripted
    seen: list[Seen] = field(default_factory=list)

    def next_step(self) -> str | Scripted:
        return self.script.pop(0) if self.script else self.otherwise


@contextmanager
def gate(
    service_url: str = "",
    *script: str | Scripted,
    otherwise: str | Scripted = FORWARD,
    port: int = 0,
) -> Iterator[Gate]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            opened.seen.append(Seen(time.monotonic(), self.command, self.path, headers, body))
            step = opened.next_step()
            if isinstance(step, Scripted):
                self._answer(step.status, step.headers, step.body)
                return
            passed_on = {name: value for name, value in headers.items() if name != "host"}
            answer = httpx.request(
                self.command, service_url + self.path, headers=passed_on, content=body, timeout=30
            )
            if step == LOSE:
                self.close_connection = True
            else:
                kept = {"Content-Type": answer.headers.get("Content-Type", "")}
                self._answer(answer.status_code, kept, answer.content)

        do_GET = do_POST

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    opened = Gate(f"http://127.0.0.1:{server.server_port}", list(script), otherwise)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield opened
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Either:
    """Either client, called from a coroutine."""

    def __init__(self, client: BaseClient) -> None:
        self.client = client

    async def __call__(self, name: str, *args: Any, **options: Any) -> Any:
        method = getattr(self.client, name)
        if isinstance(self.client, ActivityClient):
            return await asyncio.to_thread(method, *args, **options)
        result = method(*args, **options)
        return await result if inspect.isawaitable(result) else result

    def track(self, event_type: str, **fields: Any) -> str | None:
        return self.client.track(event_type, **fields)

    async def all_events(self, *args: Any, **options: Any) -> list[Json]:
        if isinstance(self.client, AsyncActivityClient):
            return [event async for event in self.client.events(*args, **options)]
        assert isinstance(self.client, ActivityClient)
        return list(self.client.events(*args, **options))


Connect = Callable[..., Either]


@pytest.fixture(params=["sync", "async"])
async def connect(request: pytest.FixtureRequest) -> Any:
    """Makes a client of the one kind or the other, and closes it in the end."""
    made: list[Either] = []

    def make(url: str, **options: Any) -> Either:
        kind = ActivityClient if request.param == "sync" else AsyncActivityClient
        made.append(Either(kind(url, **options)))
        return made[-1]

    yield make
    for each in made:
        await each("close", 0.1)
