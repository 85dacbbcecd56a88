"""What a request leaves in memory once it is answered: nothing that only the collector frees."""

import gc
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI

from tests.api.conftest import ADA, event

REQUESTS = 40
HEADERS = [(b"host", b"localhost"), (b"content-type", b"application/json")]


async def answered(app: FastAPI, method: str, path: str, body: bytes) -> int:
    """The status of a request, without a client that has cycles of its own."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": list(HEADERS), "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/events/log"),
        ("POST", "/api/events/log/batch"),
        ("GET", "/api/events/"),
    ],
)
async def test_an_answered_request_leaves_no_cycles(app: FastAPI, method: str, path: str) -> None:
    """Else its body, its headers and its rows wait for the garbage collector, and keep it busy."""

    async def ask(number: int) -> None:
        one = event(event_id=f"e-{number}")
        body = {"user_email": ADA, **({"events": [one]} if path.endswith("batch") else one)}
        status = await answered(app, method, path, json.dumps(body).encode())
        assert status in {200, 201}

    for number in range(5):
        await ask(number)
    gc.collect()
    gc.disable()
    try:
        for number in range(REQUESTS):
            await ask(100 + number)
        left = gc.collect()
    finally:
        gc.enable()
    assert left < REQUESTS
