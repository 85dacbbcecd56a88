"""Every GET has its HEAD: the same status and headers, and no body."""

from itertools import chain

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tests.api.conftest import ADA, event, events_at

pytestmark = pytest.mark.fault("E7")

# What a path's parameters and required ones stand for.
PATHS = {
    "/api/events/session": "/api/events/session?session_id=s-1",
    "/api/events/session/{session_id}": "/api/events/session/s-1",
    "/dashboard/{path:path}": "/dashboard/funnels",
    "/demo/{path:path}": "/demo/board",
    "/api/events/analytics/funnel": "/api/events/analytics/funnel?step=a&step=b",
    "/api/events/analytics/paths": "/api/events/analytics/paths?anchor=a",
    "/api/reports/funnel": "/api/reports/funnel?step=a&step=b",
    "/api/reports/paths": "/api/reports/paths?anchor=a",
    "/api/privacy/export": f"/api/privacy/export?user_email={ADA}",
    "/api/privacy/opt-out": f"/api/privacy/opt-out?user_email={ADA}",
}
OF_ONE_USER = ("/api/insights/", "/api/generate/")
# Claim of each answer anew.
OWN = {"x-request-id", "content-disposition", "content-length", "etag"}


def paths_of(app: FastAPI) -> list[str]:
    contexts = chain.from_iterable(iter_route_contexts([route]) for route in app.routes)
    gets = [context for context in contexts if "GET" in (context.methods or ())]
    return sorted({str(context.path_format or context.path) for context in gets})


async def test_every_get_has_its_head(app: FastAPI, client: httpx.AsyncClient) -> None:
    body = {"user_email": ADA, "events": events_at("2026-11-20T11:00:00Z", session_id="s-1")}
    assert (await client.post("/log/batch", json=body)).status_code == 200
    paths = paths_of(app)
    assert len(paths) > 30
    assert {"/", "/docs", "/metrics", "/health/ready", "/openapi.json", "/tracker.js"} <= set(paths)
    for template in paths:
        path = PATHS.get(template, template)
        if path.startswith(OF_ONE_USER):
            path += f"?user_email={ADA}"
        url = f"http://localhost{path}"
        head = await client.head(url, headers={"Accept-Encoding": "identity"})
        assert head.content == b"", path
        if template == "/api/events/stream":  # a GET of it has no end
            assert head.status_code == 200
            continue
        got = await client.get(url, headers={"Accept-Encoding": "identity"})
        assert head.status_code == got.status_code, path
        assert head.status_code in {200, 307, 404}, path
        assert {*head.headers} - OWN == {*got.headers} - OWN, path
        for name in {*head.headers} - OWN:
            assert head.headers[name] == got.headers[name], (path, name)


async def test_what_is_wrong_is_said_by_the_status(client: httpx.AsyncClient) -> None:
    for path, status in (
        ("/?days=0", 422),
        ("/session/nobody", 404),
        ("/nothing/at/all", 404),
        ("/export?format=xml", 422),
        ("/log", 405),
        ("http://localhost/mcp", 405),
    ):
        head = await client.head(path)
        assert (head.status_code, head.content) == (status, b""), path
    assert "HEAD" in (await client.delete("/analytics")).headers["allow"].split(", ")
    assert (await client.get("/log")).headers["allow"] == "POST"


async def test_no_export_is_made_and_no_stream_is_held(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    await client.post("/log", json={"user_email": ADA, **event()})
    service = app.state.service
    for _ in range(service.settings.exports_max + 1):
        head = await client.head("/export?format=csv")
        assert (head.status_code, head.headers["content-type"]) == (200, "text/csv; charset=utf-8")
        assert (
            (await client.head("/stream")).headers["content-type"].startswith("text/event-stream")
        )
    assert service.feed.readers == 0


async def test_a_head_varies_as_its_get_does(client: httpx.AsyncClient) -> None:
    times = [f"2026-11-20T11:{minute:02}:00Z" for minute in range(40)]
    body = {"user_email": ADA, "events": events_at(*times, session_id="s-1")}
    assert (await client.post("/log/batch", json=body)).status_code == 200
    for path, vary in (
        ("/", "Accept-Encoding"),
        (f"/?user_email={ADA}", "Accept-Encoding"),
        ("http://localhost/metrics", "Accept-Encoding"),
        ("http://localhost/openapi.json", "Accept-Encoding"),
        (f"http://localhost/api/insights/context?user_email={ADA}", "Accept-Encoding"),
        (f"http://localhost/api/insights/patterns?user_email={ADA}", "Accept-Encoding"),
        ("/?limit=1", None),  # too short to be compressed
        ("/export?format=csv", None),
        ("http://localhost/health/live", None),
    ):
        for encoding in ("gzip", "identity"):
            headers = {"Accept-Encoding": encoding}
            head = await client.head(path, headers=headers)
            got = await client.get(path, headers=headers)
            assert head.headers.get("vary") == got.headers.get("vary") == vary, path
