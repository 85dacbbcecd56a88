"""OpenTelemetry: spans of requests, of the waiting in the queue, of transactions and statements.

On where `OTEL_EXPORTER_OTLP_ENDPOINT` is set; needs the extra `otel`. FastAPI's own spans would
hold paths and query strings, which name users: these hold templates of routes, statuses, kinds
and counts alone. Where it is off, it costs a look at a variable.
"""

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from sqlalchemy import Engine, event

VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NAME = "activity-events"
LINKS_MAX = 100
NOTHING: AbstractContextManager[None] = nullcontext()
SERVER_ERROR = 500

_tracer: Tracer | None = None
_provider: Any = None


class TracingUnavailable(RuntimeError):
    """Spans are wanted, and can't be sent."""


def is_wanted() -> bool:
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not disabled and any(os.environ.get(name) for name in VARIABLES)


def require_tracing() -> None:
    """Spans can be sent, where the environment says where to.

    Raises:
        TracingUnavailable: the extra `otel` is not installed.
    """
    if not is_wanted():
        return
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401
    except ImportError as error:
        raise TracingUnavailable(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra `otel` is not installed. Install "
            "it, or unset the variable."
        ) from error


def start_tracing() -> None:
    """Begin to send spans, where the environment says where to (see `require_tracing`)."""
    global _tracer, _provider
    if not is_wanted():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", NAME)
    _provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer(NAME)


def stop_tracing() -> None:
    """Send what is left."""
    global _tracer
    if _tracer is not None:
        _tracer = None
        _provider.shutdown()


def is_tracing() -> bool:
    return _tracer is not None


def span(name: str, **attributes: str | int) -> AbstractContextManager[object]:
    """A part of what is being done. Of an exception, nothing is noted."""
    if _tracer is None:
        return NOTHING
    return _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    )


class RequestSpan:
    """The span of one request, which contains the spans of its work."""

    def __init__(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name in {b"traceparent", b"tracestate"}
        }
        self._method = method
        assert _tracer is not None  # noqa: S101 (asked before)
        self._span = _tracer.start_span(
            method,
            context=propagate.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method},
        )
        self._token = contexts.attach(trace.set_span_in_context(self._span))

    def answered(self, route: str, status: int, request_id: str) -> None:
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        self._span.set_attribute("activity.request_id", request_id)
        if status >= SERVER_ERROR:
            self._span.set_status(StatusCode.ERROR)

    def end(self) -> None:
        contexts.detach(self._token)
        self._span.end()


def here() -> Context | None:
    """Return the current span, for work that others do; None without tracing."""
    return contexts.get_current() if _tracer is not None else None


def flush_span(
    waited: Sequence[tuple[Context | None, float]], events: int
) -> AbstractContextManager[object]:
    """A transaction that writes several requests. It is part of the first one's trace, and linked
    to the others'; in each there is a span of its waiting.

    Args:
        waited: of each request, where its span is, and for how many seconds it was on the queue.
    """
    if _tracer is None:
        return NOTHING
    now = time.time_ns()
    for context, seconds in waited:
        waiting = _tracer.start_span("queue", context, start_time=now - int(seconds * 1e9))
        waiting.end(now)
    found = [context for context, _ in waited if context is not None]
    return _tracer.start_as_current_span(
        "flush",
        found[0] if found else None,
        attributes={"activity.requests": len(waited), "activity.events": events},
        links=[
            Link(trace.get_current_span(context).get_span_context())
            for context in found[1:LINKS_MAX]
        ],
        record_exception=False,
        set_status_on_exception=False,
    )


def _statement(sql: str, *, started_ns: int | None = None) -> Span | None:
    """A span that says of a statement what kind it is, and no more.

    Args:
        started_ns: it is over. Otherwise there is a span only while that of a request, or of a
            transaction, is still open: their work may continue for long.
    """
    if _tracer is None or not (started_ns or trace.get_current_span().is_recording()):
        return None
    kind = sql.split(None, 1)[0].strip(";(").upper() if sql.strip() else ""
    attributes = {"db.system.name": "postgresql", "db.operation.name": kind}
    return _tracer.start_span(
        kind, kind=SpanKind.CLIENT, attributes=attributes, start_time=started_ns
    )


def trace_engine(engine: Engine) -> None:
    """Spans of an engine's statements."""
    if _tracer is None:
        return

    @event.listens_for(engine, "before_cursor_execute")
    def _before(_: Any, __: Any, sql: str, ___: Any, context: Any, ____: bool) -> None:
        context.activity_span = _statement(sql)

    @event.listens_for(engine, "after_cursor_execute")
    def _after(_: Any, __: Any, ___: str, ____: Any, context: Any, _____: bool) -> None:
        if context.activity_span is not None:
            context.activity_span.end()

    @event.listens_for(engine, "handle_error")
    def _failed(failure: Any) -> None:
        found = getattr(failure.execution_context, "activity_span", None)
        if found is not None:
            found.set_status(StatusCode.ERROR)
            found.end()


def trace_connection(connection: Any) -> None:
    """Spans of the statements of a connection of asyncpg's own; it tells of them afterwards."""
    if _tracer is None:
        return

    def told(query: Any) -> None:
        now = time.time_ns()
        found = _statement(query.query, started_ns=now - int(query.elapsed * 1e9))
        if found is not None:
            if query.exception is not None:
                found.set_status(StatusCode.ERROR)
            found.end(now)

    connection.add_query_logger(told)
