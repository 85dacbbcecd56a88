"""What a line of the log says, and what it does not."""

import json
import logging
import sys

import pytest

from app.observability.logs import REQUEST_ID, JsonFormatter, TextFormatter, scrubbed

SECRETS = [
    ("of ada@example.com failed", "of [removed] failed"),
    ("user_email=ada%40example.com", "user_email=[removed]"),
    ("key (email)=(ada@example.com) exists", "key (email)=([removed]) exists"),
    ("Bearer ae_read_ab12cd34_" + "x" * 43, "Bearer [removed]"),
    ("token eyJhbGciOi.eyJlbWFp.c2lnbmF0", "token [removed]"),
    ("postgresql://user:pass@host/db", "postgresql://[removed]/db"),
    ("GET https://api.example.com/a?key=abc&b=c now", "GET https://api.example.com/a[removed] now"),
    ("partitions made: activity_event_2026_12", "partitions made: activity_event_2026_12"),
    ("/api/events/session/{session_id}", "/api/events/session/{session_id}"),
]


@pytest.mark.parametrize(("text", "left"), SECRETS)
def test_what_looks_like_somebody_s_is_taken_out(text: str, left: str) -> None:
    assert scrubbed(text) == left


def record_of(name: str, message: str, *args: object, **fields: object) -> logging.LogRecord:
    """One that is logged while an exception is handled whose message is somebody's."""
    try:
        try:
            raise KeyError("planted-secret")
        except KeyError as error:
            raise ValueError("ada@example.com and planted-secret") from error
    except ValueError:
        found = logging.LogRecord(name, 40, __file__, 1, message, args, sys.exc_info())
    found.fields = fields
    return found


def test_a_line_of_json() -> None:
    token = REQUEST_ID.set("r-12345678")
    try:
        found = record_of("activity_events", "duty %s failed", "retention", status=503)
        line = json.loads(JsonFormatter().format(found))
    finally:
        REQUEST_ID.reset(token)
    assert line.pop("time").endswith("Z")
    assert line.pop("frames")[-1].endswith(" record_of")
    assert line == {
        "level": "error",
        "logger": "activity_events",
        "event": "duty retention failed",
        "status": 503,
        "request_id": "r-12345678",
        "error": ["builtins.ValueError", "builtins.KeyError"],
    }


def test_a_line_for_people() -> None:
    text = TextFormatter().format(record_of("activity_events", "failed", status=503))
    first, second, *frames = text.splitlines()
    assert first.endswith("Z error failed status=503")
    assert second == "  builtins.ValueError <- builtins.KeyError"
    assert len(frames) == 1
    assert "planted" not in text
    assert "ada" not in text


def test_of_others_messages_the_first_line_is_kept() -> None:
    found = record_of("asyncio", "Task exception was never retrieved\nfuture: planted-secret")
    text = JsonFormatter().format(found)
    assert json.loads(text)["event"] == "Task exception was never retrieved"
    assert "planted" not in text
