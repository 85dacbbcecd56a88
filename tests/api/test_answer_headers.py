"""Every answer, in every format: nobody keeps it, and only pages have the policy of pages."""

import asyncio
from itertools import chain

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.settings import Settings
from tests.api.conftest import ADA, Log, client_of, event
from tests.api.test_head import PATHS as NEEDED

pytestmark = pytest.mark.fault("S20")

DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGES = {
    *("/dashboard", "/dashboard/{path}", "/demo", "/demo/{path}", "/docs", "/docs/api"),
    "/clients/",
}
# With their forms and pages below.
LEFT_OUT = ("/dashboard", "/dashboard/trends", "/demo", "/docs", "/docs/", "/docs/api")
# Not made of anybody's data, and kept for long.
FILES = {"/tracker.js"}
FORMATS = ("", "json", "csv", "ndjson", "parquet", "text", "nothing")
STREAM = "/api/events/stream"


async def test_all_routes_in_all_formats(app: FastAPI, client: httpx.AsyncClient, log: Log) -> None:
    await log(event(session_id="s-1"))
    contexts = chain.from_iterable(iter_route_contexts([route]) for route in app.routes)
    routes = {
        (method, str(context.path_format or context.path))
        for context in contexts
        for method in context.methods or ()
    }
    types = set()
    for method, template in sorted(routes):
        path = NEEDED.get(template, template)
        for format_ in FORMATS if method == "GET" else FORMATS[:1]:
            if template == STREAM and format_ == "":
                continue  # has no end: see below
            more = f"user_email={ADA}&format={format_}" if format_ else ""
            url = f"http://localhost{path}" + (
                f"{'&' if '?' in path else '?'}{more}" if more else ""
            )
            answer = await client.request(method, url)
            types.add(answer.headers.get("content-type", "").partition(";")[0])
            check(template, answer)
    assert {
        "application/json",
        "application/x-ndjson",
        "application/vnd.apache.parquet",
        "text/csv",
        "text/plain",
        "text/html",
    } <= types


def check(template: str, answer: httpx.Response) -> None:
    where = f"{answer.request.method} {answer.request.url} {answer.status_code}"
    policy = answer.headers["content-security-policy"]
    kept = answer.headers["cache-control"]
    if template in PAGES and answer.status_code == 200:
        assert "'self'" in policy, where
        assert "script-src 'self' 'unsafe-inline'" not in policy, where
        return
    assert policy == DATA_POLICY, where
    if template in FILES and answer.status_code == 200:
        assert kept.startswith("public"), where
    elif (
        ("/analytics" in template or "/reports" in template)
        and answer.headers.get("etag")
        and "csv" not in where
    ):
        assert kept == "private, no-cache", where  # the browser asks again, by the ETag
    else:
        assert kept == "private, no-store", where


async def test_a_stream_of_events(app: FastAPI) -> None:
    """Its headers come before its events, and end with the caller."""
    sent: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    gone = asyncio.Event()

    async def receive() -> dict[str, object]:
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "path": STREAM, "raw_path": STREAM.encode(), "root_path": "", "scheme": "http",
        "query_string": b"", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    running = asyncio.create_task(app(scope, receive, sent.put))  # type: ignore[arg-type]
    start = await asyncio.wait_for(sent.get(), 10)
    headers = dict(start["headers"])  # type: ignore[call-overload]
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"cache-control"] == b"private, no-store"
    assert headers[b"content-security-policy"] == DATA_POLICY.encode()
    gone.set()
    await asyncio.wait_for(running, 10)


async def test_errors_from_outside_of_the_routes(app: FastAPI, client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/nothing"),
        ("POST", "/health/live"),
        ("GET", "/api/events/?limit=x"),
    ):
        check("", await client.request(method, f"http://localhost{path}"))
    foreign = {"Host": "events.example.com"}
    check("", await client.get("http://localhost/api/events/", headers=foreign))


@pytest.mark.fault("newcomer-70")
@pytest.mark.parametrize("left", ["dashboard", "docs", "demo", "none"])
async def test_pages_that_are_left_out(settings: Settings, left: str) -> None:
    """A setting says which pages there are; `/openapi.json` comes with `/docs`."""
    from app.main import create_app

    chosen = settings.model_copy(update={"pages": Settings(pages=left).pages})
    assert chosen.database_url is not None
    app = create_app(chosen, chosen.database_url)
    async with app.router.lifespan_context(app), client_of(app) as client:
        found = {
            path: (await client.get(f"http://localhost{path}")).status_code
            for path in (*LEFT_OUT, "/openapi.json")
        }
        root = await client.get("http://localhost/")
        assert (await client.get("/")).status_code == 200
        gone = await client.get("http://localhost/docs/static/swagger-ui.css")
    assert {path for path, status in found.items() if status == 200} == {
        "dashboard": {"/dashboard", "/dashboard/trends"},
        "docs": {"/docs", "/docs/", "/docs/api", "/openapi.json"},
        "demo": {"/demo"},
        "none": set(),
    }[left]
    assert set(found.values()) <= {200, 404}
    assert root.headers.get("location") == {"dashboard": "/dashboard", "docs": "/docs"}.get(left)
    assert gone.status_code == (200 if left == "docs" else 404)
