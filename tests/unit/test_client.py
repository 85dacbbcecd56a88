"""What the clients do, step by step, without doing it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import pytest

from activity_events.calls import Calls
from activity_events.errors import (
    AccessDenied,
    ActivityError,
    InvalidRequest,
    NoAnswer,
    RateLimited,
    TooExpensive,
    TooLarge,
    Unavailable,
)
from activity_events.events import Encoded, batches, encode, make_event, single_body
from activity_events.outbox import Counts, Limits, Outbox
from activity_events.queries import params_of
from activity_events.results import EventResult
from activity_events.retry import (
    Answer,
    Backoff,
    NoResponse,
    Pause,
    Reply,
    Request,
    Steps,
    Tools,
    error_of,
    pause_ends_at,
)
from tests.conftest import NOW
from tests.unit.conftest import ADA, EVENT_ID

T = TypeVar("T")
BACKOFF = Backoff(attempts=5, base_seconds=1, cap_seconds=3, asked_max_seconds=60)
FULL = b'{"error": {"code": "overloaded", "message": "full", "details": {"n": 1}}}'


def calls(retried: list[tuple[str, float]] | None = None, chance: float = 1.0) -> Calls:
    heard = [] if retried is None else retried
    tools = Tools(lambda: NOW, lambda: chance, lambda e, seconds: heard.append((e.code, seconds)))
    return Calls(tools, BACKOFF)


def play(steps: Steps[T], replies: list[Reply]) -> tuple[T, list[Request], list[Pause]]:
    """What comes of it, where each request is replied to by the next of `replies`."""
    requests: list[Request] = []
    pauses: list[Pause] = []
    reply: Reply = None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration as stop:
            assert replies == []
            return stop.value, requests, pauses
        if isinstance(step, Pause):
            pauses.append(step)
            reply = None
        else:
            requests.append(step)
            reply = replies.pop(0)


def answer(status: int, body: Mapping[str, Any], retry_after: str | None = None) -> Answer:
    return Answer(status, json.dumps(body).encode(), retry_after)


def kept(count: int) -> Answer:
    return answer(200, {"received": count, "results": []})


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (301, b"", ActivityError, "unexpected_answer"),
        (400, b'{"error": {"code": "invalid_json"}}', InvalidRequest, "invalid_json"),
        (401, b'{"error": {"code": "unauthorized"}}', AccessDenied, "unauthorized"),
        (403, b'{"error": {"code": "wrong_scope"}}', AccessDenied, "wrong_scope"),
        (404, b"<html>", InvalidRequest, "unexpected_answer"),
        (408, b'{"error": {"code": "body_timeout"}}', Unavailable, "body_timeout"),
        (408, b'{"error": {"code": "incomplete_body"}}', Unavailable, "incomplete_body"),
        (413, b'{"error": {"code": "too_large"}}', TooLarge, "too_large"),
        (415, b"{}", InvalidRequest, "unexpected_answer"),
        (422, b'{"error": []}', InvalidRequest, "unexpected_answer"),
        (429, b'{"error": {"code": "rate_limited"}}', RateLimited, "rate_limited"),
        (500, b"\xff", Unavailable, "unexpected_answer"),
        (502, b"[]", Unavailable, "unexpected_answer"),
        (503, FULL, Unavailable, "overloaded"),
        (503, b'{"error": {"code": "too_expensive"}}', TooExpensive, "too_expensive"),
        (504, b"", Unavailable, "unexpected_answer"),
    ],
)
def test_what_each_status_means(
    status: int, body: bytes, kind: type[ActivityError], code: str
) -> None:
    error = error_of(Answer(status, body), NOW)
    assert (type(error), error.code, error.status) == (kind, code, status)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("-1", None),
        ("\u0667", None),
        ("", None),
    ],
)
def test_retry_after(retry_after: str | None, seconds: float | None) -> None:
    error = error_of(Answer(503, FULL, retry_after), NOW)
    assert (error.retry_after, error.message, error.details) == (seconds, "full", {"n": 1})


@pytest.mark.parametrize(
    ("attempt", "asked", "chance", "pause"),
    [
        (1, None, 1.0, Pause(1.0, asked=False)),
        (1, None, 0.0, Pause(0.0, asked=False)),
        (2, None, 0.5, Pause(1.0, asked=False)),
        (3, None, 1.0, Pause(3.0, asked=False)),
        (4, None, 1.0, Pause(3.0, asked=False)),
        (5, None, 1.0, None),
        (1, 7.0, 0.5, Pause(7.5, asked=True)),
        (1, 0.0, 0.5, Pause(0.5, asked=True)),
        (1, 61.0, 0.5, None),
    ],
)
def test_how_long_is_waited(
    attempt: int, asked: float | None, chance: float, pause: Pause | None
) -> None:
    assert BACKOFF.pause(attempt, asked, chance) == pause


@pytest.mark.parametrize(
    ("pause", "closing_at", "ends_at"),
    [
        (Pause(9, asked=False), None, 109.0),
        (Pause(9, asked=False), 104.0, 104.5),
        (Pause(9, asked=False), 90.0, 100.5),
        (Pause(0.2, asked=False), 90.0, 100.2),
        (Pause(9, asked=True), 104.0, 109.0),
    ],
)
def test_when_a_pause_ends(pause: Pause, closing_at: float | None, ends_at: float) -> None:
    assert pause_ends_at(100.0, pause, closing_at) == pytest.approx(ends_at)


def test_the_same_is_sent_until_there_is_an_answer() -> None:
    retried: list[tuple[str, float]] = []
    event = make_event("page_viewed", user_email=ADA)
    accepted = {"event_id": EVENT_ID, "status": "accepted", "warnings": []}
    replies: list[Reply] = [
        NoResponse("ConnectError: refused"),
        Answer(503, FULL, "7"),
        Answer(200, b"<html>"),
        Answer(502, b""),
        answer(201, accepted),
    ]
    verdict, requests, pauses = play(calls(retried).log(event), replies)
    assert verdict == EventResult(EVENT_ID, "accepted")
    assert set(requests) == {requests[0]}
    assert (requests[0].method, requests[0].path) == ("POST", "/api/events/log")
    sent = json.loads(requests[0].body or b"")
    assert UUID(sent.pop("event_id")).version == 7
    assert sent == {
        "sent_at": "2026-11-20T12:00:00+00:00",
        "event_timestamp": "2026-11-20T12:00:00+00:00",
        "event_type": "page_viewed",
        "user_email": ADA,
    }
    assert pauses == [Pause(1, False), Pause(9, True), Pause(3, False), Pause(3, False)]
    assert retried == [
        ("no_answer", 1),
        ("overloaded", 9),
        ("unreadable_answer", 3),
        ("unexpected_answer", 3),
    ]


def test_in_the_end_it_fails_and_hands_the_event_back() -> None:
    event = make_event("page_viewed", user_email=ADA, event_id=UUID(EVENT_ID), event_timestamp=NOW)
    with pytest.raises(NoAnswer, match="refused") as failed:
        play(calls().log(event), [NoResponse("refused")] * 5)
    assert failed.value.events == [
        {
            "event_type": "page_viewed",
            "user_email": ADA,
            "event_id": EVENT_ID,
            "event_timestamp": "2026-11-20T12:00:00+00:00",
        }
    ]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 415, 422])
def test_what_can_not_be_mended_is_not_tried_again(status: int) -> None:
    with pytest.raises(ActivityError):
        play(calls().log({"event_type": "a"}), [Answer(status, b"{}")])


def numbered(requests: list[Request]) -> list[list[int]]:
    bodies = [json.loads(each.body or b"") for each in requests]
    return [[event["metadata"]["n"] for event in body["events"]] for body in bodies]


def three() -> list[dict[str, Any]]:
    return [make_event("a", user_email=ADA, metadata={"n": number}) for number in range(3)]


def test_what_is_too_large_is_halved() -> None:
    large = answer(413, {"error": {"code": "too_large", "message": "larger than 1"}})
    verdicts, requests, _ = play(
        calls().log_batch(three(), own_clock=True), [large, kept(1), large, large, kept(1)]
    )
    assert numbered(requests) == [[0, 1, 2], [0], [1, 2], [1], [2]]
    assert [(each.status, each.code) for each in verdicts] == [
        ("accepted", None),
        ("rejected", "too_large"),
        ("accepted", None),
    ]


@pytest.mark.fault("A3")
def test_half_a_character_goes_out_escaped() -> None:
    event = make_event("a", user_email=ADA, metadata={"t\udc00": "Plan \ud83d", "é": "\0"})
    body = encode(event, NOW).body
    assert b'"t\\udc00":"Plan \\ud83d"' in body
    assert '"é":"\\u0000"'.encode() in body
    whole = make_event("a", user_email=ADA, metadata={"t": "\ud83d\udc4d"})
    assert json.loads(encode(whole, NOW).body)["metadata"] == {"t": "\U0001f44d"}


def test_one_by_one_where_not_one_of_a_batch_is_valid() -> None:
    def rejection(index: int) -> dict[str, Any]:
        fault = {"code": "empty", "field": "event_type", "message": "is empty"}
        return {"index": index, "event_id": None, "status": "rejected", "warnings": [], **fault}

    refused = answer(422, {"received": 3, "results": [rejection(n) for n in range(3)]})
    verdicts, _, _ = play(calls().log_batch(three(), own_clock=True), [refused])
    assert verdicts == [EventResult(None, "rejected", "empty", "event_type", "is empty")] * 3


def test_times_of_other_clocks_are_not_to_be_corrected() -> None:
    _, (own,), _ = play(calls().log_batch(three(), own_clock=True), [kept(3)])
    _, (other,), _ = play(calls().log_batch(three(), own_clock=False), [kept(3)])
    assert json.loads(own.body or b"")["sent_at"] == "2026-11-20T12:00:00+00:00"
    assert "sent_at" not in json.loads(other.body or b"")


@pytest.mark.parametrize(
    "body",
    [
        {"received": 2, "results": []},
        {"received": 3},
        {"results": []},
        {"received": 3, "results": [{"index": 3}]},
        {"received": 3, "results": [{"index": 0}]},
        {"received": 3, "results": None},
        {"received": 3, "results": ["a"]},
    ],
)
def test_an_answer_to_something_else_acknowledges_nothing(body: dict[str, Any]) -> None:
    with pytest.raises(NoAnswer) as failed:
        play(calls().log_batch(three(), own_clock=True), [answer(200, body)] * 5)
    assert failed.value.code == "unreadable_answer"
    assert [event["metadata"]["n"] for event in failed.value.events] == [0, 1, 2]


def test_no_events_are_no_request() -> None:
    assert play(calls().log_batch([], own_clock=True), []) == ([], [], [])


def test_a_standup_is_not_written_twice() -> None:
    with pytest.raises(NoAnswer):
        play(calls().standup(ADA, None, None), [NoResponse("timed out")])
    replies: list[Reply] = [Answer(503, FULL, "1"), answer(200, {"yesterday": []})]
    found, requests, _ = play(calls().standup(ADA, None, None), replies)
    assert found == {"yesterday": []}
    assert {each.timeout_seconds for each in requests} == {90.0}


def encoded(size: int) -> Encoded:
    return Encoded("id", b"x" * size)


@pytest.mark.parametrize(
    ("sizes", "batched"),
    [
        ([], []),
        ([10], [[10]]),
        ([10, 10, 10, 10], [[10, 10, 10], [10]]),
        ([50, 49, 1], [[50, 49], [1]]),
        ([101, 1], [[101], [1]]),
        ([1, 101, 1], [[1], [101], [1]]),
    ],
)
def test_batches(sizes: list[int], batched: list[list[int]]) -> None:
    found = batches([encoded(size) for size in sizes], events_max=3, bytes_max=100)
    assert [[len(event.body) for event in batch] for batch in found] == batched


def test_an_event_is_what_it_was_when_it_was_tracked() -> None:
    metadata = {"tags": {"a"}, "at": datetime(2026, 11, 20, tzinfo=UTC), "é": "ü"}
    event = encode(make_event("a", user_email=ADA, event_id=EVENT_ID, metadata=metadata), NOW)
    metadata["tags"] = set()
    assert event.event["metadata"] == {
        "tags": ["a"],
        "at": "2026-11-20T00:00:00+00:00",
        "é": "ü",
    }
    assert json.loads(single_body(event, NOW)) == {"sent_at": NOW.isoformat(), **event.event}


def test_query_parameters() -> None:
    assert params_of(
        {
            "user_email": "a+b@example.com",
            "event_type": ["a", "b"],
            "entity_id": 4,
            "metadata": {"n": 1},
            "start": datetime(2026, 11, 20, tzinfo=UTC),
            "end": datetime(2026, 11, 21, tzinfo=UTC).date(),
            "days": None,
        }
    ) == (
        ("user_email", "a+b@example.com"),
        ("event_type", "a"),
        ("event_type", "b"),
        ("entity_id", "4"),
        ("metadata", '{"n":1}'),
        ("start", "2026-11-20T00:00:00+00:00"),
        ("end", "2026-11-21"),
    )


def outbox(flush_at: int = 3, events_max: int = 5, bytes_max: int = 1000) -> Outbox:
    return Outbox(Limits(flush_at, 1.0, events_max, bytes_max))


def test_a_batch_is_due_by_number_by_age_and_by_a_flush() -> None:
    box = outbox()
    assert box.due_in(0) is None
    assert box.add(encoded(1), 10.0) is True
    assert box.rouses(10.0) is True
    assert box.due_in(10.25) == 0.75
    assert box.add(encoded(1), 10.5) is True
    assert box.rouses(10.5) is False
    assert box.due_in(12.0) == 0
    box.flush()
    assert box.due_in(10.5) == 0
    batch = box.take()
    assert (len(batch), box.due_in(10.5)) == (2, None)
    assert box.settle(batch, [EventResult("id", "accepted")] * 2) == []
    box.leave(batch)
    assert (box.left, box.entered) == (2, 2)
    for _ in range(3):
        box.add(encoded(1), 20.0)
    assert box.rouses(20.0) is True
    assert box.due_in(20.0) == 0


def test_what_is_on_its_way_takes_room_until_it_is_settled() -> None:
    box = outbox(events_max=2, bytes_max=10)
    assert [box.add(encoded(4), 0), box.add(encoded(7), 0), box.add(encoded(6), 0)] == [
        True,
        False,
        True,
    ]
    batch = box.take()
    assert box.add(encoded(0), 0) is False
    assert box.counts() == Counts(tracked=4, delivered=0, dropped=2, waiting=2)
    (drop,) = box.give_up(batch, "no_answer")
    assert (len(drop.events), drop.reason) == (2, "no_answer")
    assert box.add(encoded(10), 0) is True
    assert box.counts() == Counts(tracked=5, delivered=0, dropped=4, waiting=1)


def test_what_was_rejected_is_dropped_by_reason() -> None:
    box = outbox()
    for number in range(5):
        box.add(Encoded(f"id-{number}", b""), 0)
    statuses = ["empty", None, "too_long", "empty", None]
    batch = box.take()
    drops = box.settle(
        batch,
        [
            EventResult(each.event_id, "rejected" if code else "duplicate", code)
            for each, code in zip(batch, statuses, strict=True)
        ],
    )
    found = {drop.reason: [each.event_id for each in drop.events] for drop in drops}
    assert found == {"empty": ["id-0", "id-3"], "too_long": ["id-2"]}
    assert box.counts() == Counts(tracked=5, delivered=2, dropped=3, waiting=0)


def test_what_was_abandoned_is_not_counted_again() -> None:
    box = outbox()
    for _ in range(3):
        box.add(encoded(1), 0)
    batch = box.take()
    box.add(encoded(1), 0)
    (drop,) = box.abandon("close_timed_out")
    assert len(drop.events) == 4
    assert box.settle(batch, [EventResult("id", "accepted")] * 3) == []
    box.leave(batch)
    assert box.counts() == Counts(tracked=4, delivered=0, dropped=4, waiting=0)
    assert (box.left, box.entered) == (4, 4)
    assert box.abandon("close_timed_out") == []


def test_of_what_waits_as_much_is_taken_as_the_service_takes() -> None:
    box = outbox(events_max=5000, bytes_max=10_000_000)
    for _ in range(1500):
        box.add(encoded(1), 0)
    assert [len(box.take()), len(box.take()), len(box.take())] == [1000, 500, 0]
    for _ in range(3):
        box.add(encoded(400_000), 0)
    assert [len(box.take()), len(box.take())] == [2, 1]
