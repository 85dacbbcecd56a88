"""A user's past, made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.read.user_history import PastEvent
from app.schemas.event_types import category_and_action

# In Berlin ten in the morning.
MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


def event(number: int, event_type: str, minutes: float = 0, **fields: Any) -> PastEvent:
    category, action = category_and_action(event_type)
    given: dict[str, Any] = {
        "entity_type": None,
        "entity_id": None,
        "session_id": "s",
        "duration_ms": None,
        "title": None,
        "label": None,
        "priority": None,
        "page": None,
        **fields,
    }
    at = MONDAY + timedelta(minutes=minutes)
    return PastEvent(str(UUID(int=number)), at, event_type, category, action, **given)


def on(kind: str, identifier: str) -> dict[str, str]:
    return {"entity_type": kind, "entity_id": identifier}
