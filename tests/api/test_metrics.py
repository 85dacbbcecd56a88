"""`GET /metrics`: what is counted, under which names, and for whom."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from app.background.tasks import BackgroundTasks
from app.main import create_app
from app.observability.database_errors import kind_of
from app.observability.metrics import ERROR_KINDS, count_events
from app.privacy.retention import DUTY
from app.settings import Settings
from tests.api.conftest import ADA, NO_DATABASE_URL, Clock, Log, client_of, event
from tests.api.credentials import METRICS_KEY, READ_KEY, bearer
from tests.conftest import NOW, ROOT

METRICS = "http://localhost/metrics"
BATCH = "/api/events/log/batch"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(client: httpx.AsyncClient, **headers: str) -> Series:
    response = await client.get(METRICS, headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers["cache-control"] == "private, no-store"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series.get((name, frozenset(labels.items())), 0.0)


class Rise:
    """What the counters gained since `before`: they are of the whole process."""

    def __init__(self, before: Series, after: Series) -> None:
        self._before, self._after = before, after

    def __call__(self, name: str, **labels: str) -> float:
        return value(self._after, name, **labels) - value(self._before, name, **labels)


@asynccontextmanager
async def rises(client: httpx.AsyncClient) -> AsyncIterator[list[Rise]]:
    """The list holds the rise once the block has ended."""
    before = await scrape(client)
    found: list[Rise] = []
    yield found
    found.append(Rise(before, await scrape(client)))


REQUESTS: list[tuple[str, str, str, str, int]] = [
    ("GET", "/api/events/", "/api/events/", "GET", 200),
    ("GET", "/api/events/?user_email=ada@example.com&no=1", "/api/events/", "GET", 422),
    ("GET", "/api/events/session/s-1/2", "/api/events/session/{session_id}", "GET", 404),
    ("GET", "/api/events/log", "/api/events/log", "GET", 405),
    ("POST", "/api/events/log", "/api/events/log", "POST", 400),
    ("GET", "/nothing/ada@example.com", "none", "GET", 404),
    ("GET", "/docs/static/ada@example.com", "/docs/static/{path}", "GET", 404),
    ("BREW", "/health/live", "/health/live", "other", 405),
    ("GET", "/health/live", "/health/live", "GET", 200),
]


@pytest.mark.parametrize(("method", "path", "route", "known_method", "status"), REQUESTS)
async def test_requests_are_counted_by_the_template_of_their_route(
    client: httpx.AsyncClient, method: str, path: str, route: str, known_method: str, status: int
) -> None:
    async with rises(client) as found:
        answer = await client.request(method, f"http://localhost{path}")
        assert answer.status_code == status
    rise = found[0]
    labels = {"route": route, "method": known_method}
    assert rise("activity_requests_total", **labels, status=str(status)) == 1
    assert rise("activity_request_seconds_count", **labels) == 1
    assert rise("activity_request_seconds_bucket", **labels, le="+Inf") == 1


async def test_what_local_mode_refuses_is_counted_too(client: httpx.AsyncClient) -> None:
    async with rises(client) as found:
        refused = await client.get("/", headers={"Host": "evil.example.com"})
        assert refused.status_code == 403
    assert found[0]("activity_requests_total", route="none", method="GET", status="403") == 1


async def test_events_are_counted_by_verdict_and_code(client: httpx.AsyncClient) -> None:
    known = event()
    async with rises(client) as found:
        await client.post("/log", json={"user_email": ADA, **known})
        body = {
            "user_email": ADA,
            "events": [known, event(), event(), event(event_timestamp="never"), {}, 7],
        }
        assert (await client.post("/log/batch", json=body)).json()["rejected"] == 3
        await client.post("/log", json={"user_email": ADA, **event(event_type="")})
        opt_out = "http://localhost/api/privacy/opt-out"
        await client.put(opt_out, params={"user_email": ADA}, json={"analytics": True})
        await client.post("/log", json={"user_email": ADA, **event()})
    rise = found[0]

    def events(verdict: str, code: str = "") -> float:
        return rise("activity_events_total", verdict=verdict, code=code)

    assert events("accepted") == 3
    assert events("duplicate") == 1
    assert events("suppressed", "opted_out") == 1
    assert events("suppressed") == 0
    assert events("rejected", "invalid_value") == 2
    assert events("rejected", "missing_field") == 1
    assert events("rejected", "empty") == 1
    assert events("rejected") == 0


async def test_a_transaction_counts_once(client: httpx.AsyncClient, log: Log) -> None:
    async with rises(client) as found:
        await log(event(), event(), event())
    rise = found[0]
    assert rise("activity_flushes_total", outcome="committed") == 1
    assert rise("activity_flushes_total", outcome="failed") == 0
    assert rise("activity_group_events_sum") == 3
    assert rise("activity_group_requests_sum") == 1
    for name in ("group_events", "flush_seconds", "queue_wait_seconds"):
        assert rise(f"activity_{name}_count") == 1
    assert 0 < rise("activity_flush_seconds_sum") < 5


async def test_a_group_that_fails_and_the_database_s_errors(stranded: httpx.AsyncClient) -> None:
    async with rises(stranded) as found:
        body = {"user_email": ADA, **event(event_timestamp=None)}
        body.pop("event_timestamp")
        assert (await stranded.post("/log", json=body)).status_code == 503
    assert found[0]("activity_database_errors_total", kind="connection") >= 1


async def test_on_loopback_it_answers_without_a_database(stranded: httpx.AsyncClient) -> None:
    found = await scrape(stranded)
    assert value(found, "activity_database_up") == 0
    assert (await stranded.get("/")).status_code == 503


async def test_elsewhere_a_key_of_the_environment_is_good_without_a_database() -> None:
    settings = Settings(
        database_url=NO_DATABASE_URL, host="10.0.0.1", metrics_keys=METRICS_KEY, read_keys=READ_KEY
    )
    app = create_app(settings, NO_DATABASE_URL)
    async with app.router.lifespan_context(app), client_of(app) as client:
        assert (await client.get(METRICS)).status_code == 401
        assert (await client.get(METRICS, headers=bearer(READ_KEY))).status_code == 403
        assert value(await scrape(client, **bearer(METRICS_KEY)), "activity_database_up") == 0
        assert (await client.get("/", headers=bearer(METRICS_KEY))).status_code == 403


async def test_the_state_of_duties_and_retention(
    client: httpx.AsyncClient, app: FastAPI, log: Log, clock: Clock
) -> None:
    await log(event(event_timestamp="2026-11-19T12:00:00Z"))
    service = app.state.service
    await BackgroundTasks(service.database, service.settings, lambda: clock.now).look()
    found = await scrape(client)
    at = NOW.timestamp()
    for task in ("partitions", "unfinished", DUTY, "arrivals", "summaries", "predictions"):
        name = "activity_duty_last_success_timestamp_seconds"
        assert value(found, name, duty=task) == at, task
        assert value(found, "activity_duty_failures_total", duty=task) == 0
    oldest = (NOW - timedelta(days=1)).timestamp()
    assert value(found, "activity_oldest_event_timestamp_seconds") == oldest
    assert value(found, "activity_retention_overdue") == 0
    assert value(found, "activity_database_up") == 1
    assert value(found, "activity_database_standbys") == 0
    assert value(found, "activity_pool_connections_max", pool="read") == 10
    assert value(found, "activity_pool_connections_max", pool="heavy") == 4
    assert value(found, "activity_queue_events") == 0
    assert value(found, "process_resident_memory_bytes") > 1e6
    assert value(found, "process_open_fds") > 3


async def test_nothing_of_a_user_is_in_it_and_labels_are_few(
    client: httpx.AsyncClient, log: Log
) -> None:
    await log(event(event_type="planted_type", entity_id="planted-id"), session_id="planted-s")
    await client.get("/session/planted")
    await client.get("http://localhost/planted", params={"user_email": ADA})
    before = (await client.get(METRICS)).text
    for number in range(300):
        await client.get(f"/session/planted-{number}")
        await client.get(f"http://localhost/planted/{number}", params={"user_email": ADA})
    text = (await client.get(METRICS)).text
    assert "planted" not in text
    assert "ada" not in text.replace("metadata", "")  # which is a field
    assert "@" not in text
    # Of this process, which tests share: what the first of them added, the others don't.
    assert len(text.splitlines()) - len(before.splitlines()) < 30


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("57014", "statement_timeout"),
        ("55P03", "lock_timeout"),
        ("40P01", "deadlock"),
        ("40001", "deadlock"),
        ("22P05", "data"),
        ("08006", "connection"),
        ("57P01", "connection"),
        ("58030", "connection"),
        (None, "connection"),
        ("42P01", "other"),
        ("25006", "read_only"),
        ("28P01", "access"),
        ("42501", "access"),
        ("3D000", "access"),
        ("53100", "resources"),
    ],
)
@pytest.mark.fault("N21")
def test_kinds_of_errors(state: str | None, kind: str) -> None:
    assert kind_of(OSError(), state) == kind
    assert kind in ERROR_KINDS


async def test_reasons_are_added_up_first(client: httpx.AsyncClient) -> None:
    async with rises(client) as found:
        count_events("rejected", 5, ["too_long", None, "too_long", "pii"])
        count_events("accepted", 0)
    labels: dict[str, Any] = {"verdict": "rejected"}
    assert found[0]("activity_events_total", **labels, code="too_long") == 2
    assert found[0]("activity_events_total", **labels, code="pii") == 1
    assert found[0]("activity_events_total", **labels, code="") == 2


def test_several_processes_answer_as_one() -> None:
    """Two are forked and count; a third takes the place of the first."""
    script = """
import os
from app.observability.shared_metrics import FOLDER, count_as, forget, shared_metrics

with shared_metrics():
    from app.observability.metrics import QUEUE_EVENTS, count_events, exposition

    def work(place, events, waiting):
        if os.fork() == 0:
            count_as(place)
            count_events("accepted", events)
            QUEUE_EVENTS.set(waiting)
            os._exit(0)
        os.wait()
        print(exposition().decode())

    work(0, 2, 5)
    work(1, 2, 5)
    files = len(os.listdir(os.environ[FOLDER]))
    forget(0)
    print(exposition().decode())
    work(0, 3, 1)
    assert len(os.listdir(os.environ[FOLDER])) == files
print("gone:", not os.path.exists(os.environ[FOLDER]))
"""
    told = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True, timeout=60)
    lines = told.splitlines()
    accepted = [
        line for line in lines if line.startswith('activity_events_total{code="",verdict="a')
    ]
    assert [line.split()[-1] for line in accepted] == ["2.0", "4.0", "4.0", "7.0"]
    waiting = [line for line in lines if line.startswith("activity_queue_events ")]
    assert [line.split()[-1] for line in waiting] == ["5.0", "10.0", "5.0", "6.0"]
    assert any(line.startswith("process_resident_memory_bytes") for line in lines)
    assert lines[-1] == "gone: True"
