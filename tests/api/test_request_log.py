"""A request's line in the log, and its id."""

import json
import logging
import re
from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.auth.keys import create_key
from app.auth.principal import Scope
from app.database.sessions import Database
from app.database.url.parse import parse_database_url
from app.main import create_app
from app.observability.logs import LOGGER, JsonFormatter
from app.settings import Settings
from tests.api.conftest import ADA, NO_DATABASE_URL, Json, client_of, event
from tests.api.credentials import bearer, token
from tests.conftest import NOW, truncate

MADE = re.compile(r"[0-9a-f]{16}")


class Lines(logging.Handler):
    """What the log would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))

    @property
    def requests(self) -> list[Json]:
        lines: list[Json] = [json.loads(line) for line in self.written]
        return [line for line in lines if line["logger"] == f"{LOGGER}.request"]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, logger = Lines(), logging.getLogger()
    own = logging.getLogger(LOGGER)
    level = own.level
    logger.addHandler(handler)
    own.setLevel(logging.INFO)
    yield handler
    own.setLevel(level)
    logger.removeHandler(handler)


async def boom(request: Request) -> Response:
    raise ValueError(f"planted-secret of {ADA}")


@pytest.fixture
async def logging_app(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[FastAPI]:
    assert settings.database_url is not None
    which = {"log_requests": "all"} if not hasattr(request, "param") else request.param
    app = create_app(Settings(**{**settings.model_dump(), **which}), settings.database_url)
    app.add_route("/boom/{what}", boom)
    async with app.router.lifespan_context(app):
        yield app
    await truncate(settings.database_url)


@pytest.fixture
async def caller(logging_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=logging_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_one_line_for_each_request(caller: httpx.AsyncClient, lines: Lines) -> None:
    now = {"event_type": "a", "user_email": ADA}
    await caller.post("/api/events/log/batch", json={"events": [now, {}]})
    await caller.post("/api/events/log", json=now)
    await caller.get("/api/events/", params={"user_email": ADA})
    await caller.get("/api/events/", params={"user_email": ADA, "days": "0"})
    await caller.get("/api/events/session/planted-session")
    await caller.get(f"/nothing/{ADA}")
    await caller.get(f"/boom/{ADA}")
    found = lines.requests
    for line in found:
        assert MADE.fullmatch(line.pop("request_id"))
        assert line.pop("ms") >= 0
        line.pop("time")
        assert (line.pop("event"), line.pop("logger")) == ("request", f"{LOGGER}.request")
    counts = {"accepted": 1, "duplicates": 0, "suppressed": 0, "rejected": 1}
    assert found == [
        {"level": "info", "method": "POST", "route": "/api/events/log/batch", "status": 200}
        | counts,
        {"level": "info", "method": "POST", "route": "/api/events/log", "status": 201}
        | {"verdict": "accepted"},
        {"level": "info", "method": "GET", "route": "/api/events/", "status": 200},
        {"level": "info", "method": "GET", "route": "/api/events/", "status": 422}
        | {"code": "invalid_request"},
        {"level": "info", "method": "GET", "route": "/api/events/session/{session_id}"}
        | {"status": 404, "code": "not_found"},
        {"level": "info", "method": "GET", "route": "none", "status": 404},
        {"level": "warning", "method": "GET", "route": "/boom/{what}", "status": 500},
    ]
    assert "planted" not in "".join(lines.written)
    assert ADA not in "".join(lines.written)
    assert re.search(r"\bada\b", "".join(lines.written)) is None  # random digits may read so


@pytest.mark.parametrize("logging_app", [{}], indirect=True)
async def test_by_default_only_what_failed_or_was_slow(
    caller: httpx.AsyncClient, lines: Lines
) -> None:
    await caller.get("/health/live")
    await caller.get("/nothing")
    await caller.get("/boom/a")
    assert [line["status"] for line in lines.requests] == [500]


@pytest.mark.parametrize("logging_app", [{"log_slow_ms": 0}], indirect=True)
async def test_a_slow_one_is_told_of(caller: httpx.AsyncClient, lines: Lines) -> None:
    await caller.get("/health/live")
    assert [(line["level"], line["status"]) for line in lines.requests] == [("warning", 200)]


@pytest.mark.parametrize("logging_app", [{"log_requests": "none"}], indirect=True)
async def test_none_is_none(caller: httpx.AsyncClient, lines: Lines) -> None:
    await caller.get("/boom/a")
    assert lines.requests == []


GIVEN = [
    ("abc-DEF_1.2", True),
    ("0" * 128, True),
    ("0" * 129, False),
    ("my-id-1", True),
    ("7", True),
    ("Root=1-67891233-abcdef012345678912345678", True),
    ("a+b/c==:d~", True),
    ("ada@example.com", False),
    ('x" injected="1', False),
    ("a b c d e f", False),
    ("", False),
]


@pytest.mark.fault("newcomer-23")
@pytest.mark.parametrize(("given", "is_kept"), GIVEN)
async def test_the_caller_s_id_is_taken_where_it_is_well_formed(
    caller: httpx.AsyncClient, lines: Lines, given: str, is_kept: bool
) -> None:
    answer = await caller.get("/health/live", headers={"X-Request-ID": given})
    answered = answer.headers["x-request-id"]
    assert (answered == given) == is_kept
    assert is_kept or MADE.fullmatch(answered)
    assert [line["request_id"] for line in lines.requests] == [answered]


async def test_every_answer_has_an_id(caller: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/boom/a"),
        ("GET", "/nothing"),
        ("DELETE", "/api/events/log"),
        ("GET", "/docs"),
        ("POST", "/api/events/log"),
    ):
        answer = await caller.request(method, path)
        assert MADE.fullmatch(answer.headers["x-request-id"]), path
    refused = await caller.get("/docs", headers={"Host": "evil.example.com"})
    assert refused.status_code == 403
    assert MADE.fullmatch(refused.headers["x-request-id"])


async def test_a_page_of_another_origin_may_read_and_send_it(settings: Settings) -> None:
    assert settings.database_url is not None
    site = "https://app.example.com"
    allowed = Settings(**{**settings.model_dump(), "allowed_origins": site})
    app = create_app(allowed, settings.database_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get("/health/live", headers={"Origin": site})
            assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
            asked = {
                "Origin": site,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-request-id",
            }
            preflight = await client.options("/api/events/log", headers=asked)
            assert preflight.headers["access-control-allow-headers"] == "x-request-id"


async def test_events_are_logged_by_none_of_their_values(
    caller: httpx.AsyncClient, lines: Lines
) -> None:
    body = {"user_email": ADA, **event(event_type="planted", metadata={"planted": "planted"})}
    await caller.post("/api/events/log", json=body)
    assert len(lines.requests) == 1
    assert "planted" not in lines.written[-1]


@pytest.mark.fault("N21")
async def test_the_line_of_a_503_says_what_the_database_said(
    caller: httpx.AsyncClient, settings: Settings, lines: Lines
) -> None:
    url = str(settings.database_url)
    name = parse_database_url(url).database
    connection = await asyncpg.connect(url)
    others = (
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    try:
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await connection.execute(others)
        event = {"event_type": "a", "user_email": ADA}
        assert (await caller.post("/api/events/log", json=event)).status_code == 503
        assert (await caller.get("/health/ready")).status_code == 503
    finally:
        await connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await connection.execute(others)
        await connection.close()
    for line in lines.requests:
        assert (line["code"], line["sqlstate"]) == ("database_unavailable", "25006")


@pytest.mark.fault("N21")
async def test_the_line_of_a_503_says_how_the_connection_failed(lines: Lines) -> None:
    app = create_app(Settings(database_url=NO_DATABASE_URL), NO_DATABASE_URL)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get("/")).status_code == 503
    [line] = lines.requests
    assert (line["code"], line["cause"]) == ("database_unavailable", "ConnectionRefusedError")


@pytest.mark.fault("newcomer-59")
@pytest.mark.parametrize(
    "logging_app",
    [{"log_requests": "all", "read_keys": "r" * 32, "jwt_secret": "s" * 32}],
    indirect=True,
)
async def test_the_line_names_the_key_by_its_prefix_and_no_user(
    caller: httpx.AsyncClient, lines: Lines, settings: Settings
) -> None:
    assert settings.database_url is not None
    database = Database(settings.database_url, settings)
    key, text = await create_key(database, "ci", [Scope.READ], NOW)
    await database.dispose()
    for credentials in ("r" * 32, text, token(aud=None, iss=None), "x" * 32):
        await caller.get("/api/events/", headers=bearer(credentials))
    assert [line.get("key") for line in lines.requests] == ["env-read-1", key.prefix, None, None]
    written = "".join(lines.written)
    assert text not in written
    assert ADA not in written
