"""What all analytics answers have in common: their description, ETags, CSV, gzip, refusals."""

import csv
import gzip
import io
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.database.sessions import Database
from app.schemas import analytics, analytics_users
from app.schemas.analytics_response import AnalyticsResponse
from tests.api.conftest import ADA, BOB, Clock, Json, Log, error_of, event, refused
from tests.conftest import NOW

QUESTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "/timeseries": {"split_by": "event_type", "compare": True},
    "/top": {"by": "entity"},
    "/active-users": {},
    "/retention": {"period": "day", "periods": 3},
    "/funnel": {"step": ["project_created", "email_opened"], "users_at": 1},
    "/paths": {"anchor": "project_created"},
    "/durations": {},
    "/heatmap": {},
    "/sessions": {},
}
MODELS: dict[str, type[AnalyticsResponse]] = {
    "": analytics.SummaryResponse,
    "/timeseries": analytics.TimeseriesResponse,
    "/top": analytics.TopResponse,
    "/active-users": analytics_users.ActiveUsersResponse,
    "/retention": analytics_users.RetentionResponse,
    "/funnel": analytics_users.FunnelResponse,
    "/paths": analytics_users.PathsResponse,
    "/durations": analytics.DurationsResponse,
    "/heatmap": analytics.HeatmapResponse,
    "/sessions": analytics_users.SessionsResponse,
}
every_question = pytest.mark.parametrize("path", QUESTIONS)
every_table = pytest.mark.parametrize("path", list(QUESTIONS)[1:])


@pytest.fixture
async def filled(log: Log) -> None:
    await log(
        event(entity_type="project", entity_id="1", session_id="s", duration_ms=10),
        event(event_type="email_opened", event_timestamp="2026-11-20T11:05:00Z", session_id="s"),
        event(event_timestamp="2026-11-18T11:05:00Z"),
    )
    await log(event(entity_type="project", entity_id="1", session_id="s"), user_email=BOB)


async def ask(client: httpx.AsyncClient, path: str, **params: Any) -> httpx.Response:
    return await client.get(f"/analytics{path}", params={**QUESTIONS[path], **params})


@every_question
@pytest.mark.parametrize("user", [None, ADA, "nobody@example.com"])
@pytest.mark.usefixtures("filled")
async def test_the_answer_is_as_the_document_says(
    client: httpx.AsyncClient, path: str, user: str | None
) -> None:
    params = {} if user is None else {"user_email": user}
    response = await ask(client, path, **params, start="2026-11-16", tz="Asia/Kathmandu")
    assert response.status_code == 200, response.text
    body: Json = response.json()
    model = MODELS[path].model_validate_json(response.content, strict=True)
    assert model.model_dump(mode="json").keys() == body.keys()
    assert body["start"] == "2026-11-15T18:15:00Z"
    assert body["end"] == "2026-11-20T12:00:00Z"
    assert body["timezone"] == "Asia/Kathmandu"
    assert body["generated_at"] == "2026-11-20T12:00:00Z"
    assert body["source"] in {"events", "totals", "user_days", "sessions"}
    assert body["truncated"] is False


@every_question
@pytest.mark.usefixtures("filled")
async def test_the_same_answer_is_not_sent_again(
    client: httpx.AsyncClient, clock: Clock, log: Log, path: str
) -> None:
    first = await ask(client, path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    assert {"Authorization", "X-API-Key"} <= set(first.headers["vary"].split(", "))
    clock.now = NOW.replace(second=30)
    again = await client.get(
        f"/analytics{path}", params=QUESTIONS[path], headers={"If-None-Match": f'"x", {etag}'}
    )
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    await log(event(entity_type="project", entity_id="2", session_id="t", duration_ms=7))
    changed = await client.get(
        f"/analytics{path}", params=QUESTIONS[path], headers={"If-None-Match": etag}
    )
    if path not in {"/active-users", "/retention", "/funnel"}:  # the same user, on the same day
        assert changed.status_code == 200
        assert changed.headers["etag"] != etag


@every_table
@pytest.mark.usefixtures("filled")
async def test_a_table_of_values(client: httpx.AsyncClient, path: str) -> None:
    response = await ask(client, path, format="csv")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == f'attachment; filename="{path[1:]}.csv"'
    head, *rows = csv.reader(io.StringIO(response.text.removeprefix("\ufeff")))
    assert len(set(head)) == len(head)
    assert rows
    assert {len(row) for row in rows} == {len(head)}


@pytest.mark.usefixtures("filled")
async def test_a_table_literally(client: httpx.AsyncClient) -> None:
    response = await client.get(
        "/analytics/timeseries",
        params={"start": "2026-11-18", "end": "2026-11-21", "tz": "Asia/Kolkata", "format": "csv"},
    )
    assert response.text.removeprefix("\ufeff").splitlines() == [
        "bucket,value,events",
        "2026-11-18T00:00:00+05:30,,1",
        "2026-11-19T00:00:00+05:30,,0",
        "2026-11-20T00:00:00+05:30,,3",
    ]
    response = await client.get("/analytics/top", params={"format": "csv"})
    assert response.text.removeprefix("\ufeff").splitlines() == [
        "value,entity_type,events,share",
        "project_created,,3,0.75",
        "email_opened,,1,0.25",
    ]


@pytest.mark.usefixtures("filled")
async def test_what_is_long_is_compressed(client: httpx.AsyncClient) -> None:
    plain = await client.get("/analytics/heatmap", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    async with client.stream(
        "GET", "/analytics/active-users?days=60", headers={"Accept-Encoding": "gzip"}
    ) as packed:
        raw = b"".join([chunk async for chunk in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert b'"rows"' in gzip.decompress(raw)
    written = await client.post(
        "/log", json={"user_email": ADA, **event()}, headers={"Accept-Encoding": "gzip"}
    )
    assert "content-encoding" not in written.headers


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("/timeseries", {"bucket": "second"}, "bucket"),
        ("/timeseries", {"bucket": "minute", "days": 7}, "bucket"),
        ("/timeseries", {"limit": 101}, "limit"),
        ("/top", {"by": "metadata"}, "key"),
        ("/top", {"key": "priority"}, "key"),
        ("/active-users", {"event_type": "project_created"}, "event_type"),
        ("/retention", {"period": "day", "days": 3000}, "period"),
        ("/funnel", {"step": ["a"]}, "step"),
        ("/funnel", {"step": [str(number) for number in range(11)]}, "step"),
        ("/funnel", {"step": ["a", "{"]}, "step"),
        ("/funnel", {"step": ["a", '{"type": "b"}']}, "step"),
        ("/funnel", {"step": ["a", '{"event_type": "b", "metadata": 1}']}, "step"),
        ("/funnel", {"users_at": 3}, "users_at"),
        ("/funnel", {"split_by": "metadata"}, "key"),
        ("/paths", {"anchor": ""}, "anchor"),
        ("/paths", {"steps": 0}, "steps"),
        ("/durations", {"format": "xml"}, "format"),
        ("/heatmap", {"tz": "Mars/Olympus"}, "tz"),
        ("/sessions", {"days": 7, "start": "2026-11-01"}, "days"),
    ],
)
async def test_what_can_not_be_asked(
    client: httpx.AsyncClient, path: str, params: dict[str, Any], field: str
) -> None:
    response = await ask(client, path, **params)
    refused(response, 422, "invalid_request", field)


async def test_a_question_that_takes_too_long(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Locked out by somebody else, a statement runs into its timeout as a slow one does."""
    database: Database = app.state.service.database
    async with database.read(heavy=True) as session:
        await session.execute(text("SET statement_timeout = 100"))
    async with database.transaction() as locking:
        await locking.execute(text("LOCK TABLE activity_rollup"))
        response = await client.get("/analytics")
    assert response.headers["retry-after"] == "5"
    error = error_of(response, 503)
    assert error["code"] == "too_expensive"
    assert "narrower window" in error["message"]
