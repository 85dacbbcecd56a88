"""What the unit tests share: settings that no environment reaches, a batch in few words, and the
demo's people."""

import gc
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime

import hypothesis
import pytest

from app.demo.fill import Demo, demo_events
from app.demo.habits import character
from app.demo.visits import DemoEvent
from app.ingest.prepare import prepare_batch
from app.ingest.results import EventResult
from app.ingest.rows import EventRow, Prepared
from app.read.user_history import PastEvent
from app.schemas.event_types import category_and_action
from app.schemas.strict_json import dump_json
from app.settings import Settings
from tests.conftest import NOW

ADA = "ada@example.com"
EVENT_ID = "01a1f8b8-73ba-7abc-8def-0123456789ab"
AT = "2026-11-20T11:30:00Z"

DEMO = Demo(users=30, days=90, seed=7, timezone="Europe/Berlin", now=NOW)

PastOf = Callable[[str], tuple[PastEvent, ...]]

# A busy machine is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ACTIVITY_") or name in {"DATABASE_URL", "PORT"}:
            monkeypatch.delenv(name)


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """It would look at all that earlier tests left, in the middle of what is timed."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def settings() -> Settings:
    return Settings()


def event(**fields: object) -> dict[str, object]:
    """An event that is kept as it is; `fields` are put over its own."""
    return {
        "user_email": ADA,
        "event_type": "project_created",
        "event_id": EVENT_ID,
        "event_timestamp": AT,
        **fields,
    }


def prepared(body: dict[str, object] | bytes, **limits: object) -> Prepared:
    """A batch's body, as a request brings it at NOW."""
    raw = body if isinstance(body, bytes) else dump_json(body)
    return prepare_batch(raw, NOW, Settings(**limits))  # type: ignore[arg-type]


def kept(*, sent_at: object = None, **fields: object) -> EventRow:
    """The row of a single event that is not rejected."""
    found = prepared({"sent_at": sent_at, "events": [event(**fields)]})
    assert found.rejections == []
    return found.rows[0]


def rejected(*, sent_at: object = None, **fields: object) -> EventResult:
    """The rejection of a single event."""
    found = prepared({"sent_at": sent_at, "events": [event(**fields)]})
    assert found.rows == []
    return found.rejections[0]


def as_read(event: DemoEvent) -> PastEvent:
    """As `read_past` has it."""
    metadata = event.get("metadata", {})
    return PastEvent(
        event["event_id"],
        datetime.fromisoformat(event["event_timestamp"]),
        event["event_type"],
        *category_and_action(event["event_type"]),
        event.get("entity_type"),
        event.get("entity_id"),
        event.get("session_id"),
        event.get("duration_ms"),
        *(metadata.get(key) for key in ("title", "label", "priority", "page", "project")),
    )


@pytest.fixture(scope="session")
def demo_log() -> list[DemoEvent]:
    """All of the demo's events, as they are sent."""
    return [event for _, event in demo_events(DEMO)]


@pytest.fixture(scope="session")
def by_user(demo_log: list[DemoEvent]) -> dict[str, tuple[PastEvent, ...]]:
    found: defaultdict[str, list[PastEvent]] = defaultdict(list)
    for event in demo_log:
        found[event["user_email"]].append(as_read(event))
    return {
        email: tuple(sorted(events, key=lambda each: (each.event_timestamp, each.event_id)))
        for email, events in found.items()
    }


@pytest.fixture(scope="session")
def past_of(by_user: dict[str, tuple[PastEvent, ...]]) -> PastOf:
    """The events of who has a habit."""
    return lambda key: by_user[character(key).email]
