"""Spans of a real service, sent to a receiver on loopback."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.conftest import fresh_database, running_service
from tests.service.otlp_receiver import Received, attributes_of, receiver

PLANTED = "planted"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
BATCH = "POST /api/events/log/batch"


def a_batch(number: int) -> dict[str, object]:
    event = {"event_type": "planted_type", "metadata": {"planted": "planted"}}
    return {"user_email": f"{PLANTED}-{number}@example.com", "events": [event, event]}


async def send_together(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        answers = await asyncio.gather(
            *(client.post("/api/events/log/batch", json=a_batch(n)) for n in range(12))
        )
    assert {answer.status_code for answer in answers} == {200}


@pytest.fixture(scope="module")
def traced(server_url: str) -> Iterator[Received]:
    """What came of some requests, after the service has ended."""
    with receiver() as received:
        with (
            fresh_database(server_url) as url,
            running_service(DATABASE_URL=url, OTEL_EXPORTER_OTLP_ENDPOINT=received.url) as server,
        ):
            headers = {"traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01"}
            httpx.post(
                f"{server.url}/api/events/log/batch", json=a_batch(99), headers=headers
            ).raise_for_status()
            asyncio.run(send_together(server.url))
            httpx.get(f"{server.url}/api/events/", params={"user_email": "planted@example.com"})
            httpx.get(f"{server.url}/api/events/session/planted-session")
            httpx.get(f"{server.url}/planted/path", headers={"X-Request-ID": "r-12345678"})
            bad = f"{server.url}/api/events/?user_email=planted@example.com&days=0"
            assert httpx.get(bad).status_code == 422
        yield received


def children(received: Received, span: Span) -> list[str]:
    return sorted(each.name for each in received.spans if each.parent_span_id == span.span_id)


def of_the_caller(received: Received) -> Span:
    (span,) = [each for each in received.named(BATCH) if each.trace_id.hex() == TRACE_ID]
    return span


def test_a_request_goes_on_the_caller_s_trace(traced: Received) -> None:
    span = of_the_caller(traced)
    assert span.parent_span_id.hex() == PARENT_ID
    assert span.kind == Span.SPAN_KIND_SERVER
    found = attributes_of(span)
    assert len(str(found.pop("activity.request_id"))) == 16
    assert found == {
        "http.request.method": "POST",
        "http.route": "/api/events/log/batch",
        "http.response.status_code": 200,
    }


def test_its_wait_and_its_transaction_are_parts_of_it(traced: Received) -> None:
    span = of_the_caller(traced)
    assert set(children(traced, span)) - {"SELECT"} == {"flush", "queue"}  # it reads the keys
    (flush,) = [each for each in traced.named("flush") if each.parent_span_id == span.span_id]
    assert attributes_of(flush) == {"activity.requests": 1, "activity.events": 2}
    statements = children(traced, flush)
    assert {"BEGIN", "COPY", "COMMIT", "INSERT", "SELECT"} <= set(statements)
    (queue,) = [each for each in traced.named("queue") if each.parent_span_id == span.span_id]
    assert span.start_time_unix_nano <= queue.start_time_unix_nano <= queue.end_time_unix_nano
    assert abs(queue.end_time_unix_nano - flush.start_time_unix_nano) < 50_000_000


def test_a_group_s_transaction_is_linked_to_all_its_requests(traced: Received) -> None:
    requests = {span.span_id for span in traced.named(BATCH)}
    assert len(requests) == 13
    flushes = traced.named("flush")
    led = {span.parent_span_id for span in flushes}
    linked = [link.span_id for span in flushes for link in span.links]
    assert led | set(linked) == requests
    assert len(led) + len(linked) == 13
    counts = [attributes_of(span)["activity.requests"] for span in flushes]
    assert sum(int(count) for count in counts) == 13
    assert len(traced.named("queue")) == 13


def test_a_question_s_statements_are_told_by_kind(traced: Received) -> None:
    ok, refused = traced.named("GET /api/events/")
    if attributes_of(ok)["http.response.status_code"] == 422:
        ok, refused = refused, ok
    assert "SELECT" in children(traced, ok) + children(traced, ok)
    for span in traced.named("SELECT"):
        assert attributes_of(span) == {
            "db.system.name": "postgresql",
            "db.operation.name": "SELECT",
        }
    assert attributes_of(refused)["http.response.status_code"] == 422
    assert refused.status.code == Status.STATUS_CODE_UNSET


def test_a_path_that_is_no_route_has_no_name_of_its_own(traced: Received) -> None:
    (span,) = traced.named("GET none")
    assert attributes_of(span)["activity.request_id"] == "r-12345678"
    assert len(traced.named("GET /api/events/session/{session_id}")) == 1


def test_nothing_of_a_user_is_sent(traced: Received) -> None:
    assert len(traced.raw) > 1000
    assert traced.services == {"activity-events"}
    assert PLANTED.encode() not in traced.raw
    assert b"@example.com" not in traced.raw
