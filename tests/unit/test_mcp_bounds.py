"""An answer that was made shorter has its schema still: nothing but free text is cut."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid5

import pytest
from pydantic import BaseModel

from app.mcp.results import SHAPE
from app.schemas.analytics import SummaryResponse
from app.schemas.insights import ContextResponse, PatternsResponse
from app.schemas.next_actions import NextActionsResponse
from app.schemas.responses import EventPageResponse, SessionResponse

Json = dict[str, Any]

NAMESPACE = UUID("0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11")
ID_CHARS = 128


def ids(count: int, of: object = "") -> list[str]:
    return [str(uuid5(NAMESPACE, f"{of} {number}")) for number in range(count)]


def example_of(model: type[BaseModel]) -> Json:
    extra = cast("Json", model.model_config["json_schema_extra"])
    found: Json = json.loads(json.dumps(extra["examples"][0], default=str))
    return found


def events(count: int) -> list[Json]:
    (one,) = example_of(EventPageResponse)["events"]
    metadata = {"text": "lorem ipsum " * 200, "ids": ids(30), "at": ["2026-11-20T11:00:00Z"] * 50}
    return [
        {**one, "event_id": each, "entity_id": each[:1] * ID_CHARS, "metadata": metadata}
        for each in ids(count)
    ]


def page() -> Json:
    return {"events": events(200), "next_cursor": "c" * 512}


def session() -> Json:
    long = example_of(SessionResponse)
    long["summary"]["events_by_type"] = {f"type_{number}": number for number in range(900)}
    long["summary"]["first_page"] = "/" + "page" * 5_000
    return {**long, "session_id": "s" * 1_000, "events": events(100), "next_cursor": "c" * 512}


def summary() -> Json:
    days = {str(date(2020, 1, 1) + timedelta(days=n)): n for n in range(3_660)}
    types = {f"event_type_{number}": number for number in range(2_000)}
    return example_of(SummaryResponse) | {"events_by_day": days, "events_by_type": types}


def context() -> Json:
    lines = [
        {"section": "completed", "text": f"{n} finished " + "w" * 900, "event_ids": ids(20, n),
         "events": 20}
        for n in range(120)
    ]  # fmt: skip
    return example_of(ContextResponse) | {"lines": lines, "context_hash": "0123456789abcdef" * 50}


def next_actions() -> Json:
    long = example_of(NextActionsResponse)
    (one,) = long["suggestions"]
    suggestions = [
        {**one, "text": "You archive " + "w" * 900, "event_ids": ids(20, n)} for n in range(60)
    ]
    actions = [{**long["actions"][0], "entity_id": "m" * ID_CHARS}] * 200
    return {**long, "suggestions": suggestions, "actions": actions, "after": ["opened"] * 500}


def patterns() -> Json:
    long = example_of(PatternsResponse)
    value = [{"event_type": "x" * 90, "at": datetime.now(UTC).isoformat()}] * 400
    long["feature_usage"] = {
        "value": value, "samples": 9, "confidence": "not enough data", "spread": {"a": ids(300)},
    }  # fmt: skip
    return long


ANSWERS: dict[str, tuple[type[BaseModel], Any]] = {
    "recent_activity": (EventPageResponse, page),
    "session": (SessionResponse, session),
    "analytics": (SummaryResponse, summary),
    "standup_context": (ContextResponse, context),
    "next_actions": (NextActionsResponse, next_actions),
    "work_patterns": (PatternsResponse, patterns),
}
FREE = ("metadata", "context_snapshot", "value", "spread")
TEXTS = ("text", "first_page", "last_page")


def shortened(whole: Any, shown: Any, path: tuple[str, ...] = ()) -> list[str]:
    """The names of the fields whose texts were cut; lists are looked at item by item."""
    if isinstance(whole, dict):
        return [
            name
            for key, each in shown.items()
            for name in shortened(whole[key], each, (*path, key))
        ]
    if isinstance(whole, list):
        return [
            name
            for before, after in zip(whole, shown, strict=False)
            for name in shortened(before, after, path)
        ]
    if whole == shown:
        return []
    free = [name for name in path if name in FREE]
    return free[:1] or [path[-1]]


@pytest.mark.fault("H1")
@pytest.mark.parametrize("tool", ANSWERS)
def test_what_is_left_has_its_schema_within_any_room(tool: str) -> None:
    model, make = ANSWERS[tool]
    whole = make()
    model.model_validate(whole)
    cut: set[str] = set()
    for tokens in [0, 1, *range(20, 1_000, 90), *range(1_000, 9_000, 700)]:
        shown = SHAPE.fit(whole, tokens)
        model.model_validate(shown)
        cut |= set(shortened(whole, shown))
    assert cut <= {*FREE, *TEXTS}
