"""The outermost layer, around applications that behave badly; and tracing that can't be had."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from app.observability import traces
from app.observability.metrics import ANSWERS_BROKEN, REQUESTS
from app.observability.request_log import Watch
from app.settings import Settings

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"a", "more_body": True}
END: Message = {"type": "http.response.body", "body": b""}

App = Callable[[Scope, Receive, Send], Awaitable[None]]


def sending(*messages: Message, then: BaseException | None = None) -> App:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        for message in messages:
            await send(dict(message))
        if then is not None:
            raise then

    return app


async def call(app: App) -> list[Message]:
    """What one request is answered with."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "app": Starlette()}
    await Watch(app, Settings())(scope, receive, send)
    return sent


def answered(status: int) -> float:
    found = REQUESTS.labels("none", "GET", str(status))
    return float(next(iter(found.collect())).samples[0].value)


def broken(why: str) -> float:
    return float(next(iter(ANSWERS_BROKEN.labels(why).collect())).samples[0].value)


CASES: list[tuple[App, type[BaseException] | None, int, dict[str, int]]] = [
    (sending(START, PART, END), None, 200, {}),
    (sending(START, PART), None, 200, {"client": 1}),
    (sending(START, PART, then=ValueError()), ValueError, 200, {"failed": 1}),
    (sending(then=ValueError()), ValueError, 500, {}),
    (sending(then=asyncio.CancelledError()), asyncio.CancelledError, 499, {}),
    (sending(START, then=asyncio.CancelledError()), asyncio.CancelledError, 200, {"client": 1}),
]


@pytest.mark.parametrize(("app", "raises", "status", "expected"), CASES)
async def test_each_request_is_counted_once(
    app: App, raises: type[BaseException] | None, status: int, expected: dict[str, int]
) -> None:
    before = {why: broken(why) for why in ("client", "failed")}
    counted = {each: answered(each) for each in (200, 499, 500)}
    if raises is None:
        await call(app)
    else:
        with pytest.raises(raises):
            await call(app)
    rises = {each: answered(each) - counted[each] for each in counted}
    assert rises == {each: float(each == status) for each in counted}
    assert {why: broken(why) - before[why] for why in before} == {
        "client": 0,
        "failed": 0,
        **expected,
    }


async def test_the_answer_has_its_request_s_id() -> None:
    start, *rest = await call(sending(START, PART, END))
    ((name, value),) = start["headers"]
    assert name == b"x-request-id"
    assert len(value) == 16
    assert rest == [PART, END]


def test_tracing_without_the_extra_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    traces.require_tracing()
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(traces.TracingUnavailable, match="extra `otel`"):
        traces.require_tracing()


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_tracing_is_on_where_the_environment_says_where_to(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], wanted: bool
) -> None:
    for name in (*traces.VARIABLES, "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert traces.is_wanted() is wanted
