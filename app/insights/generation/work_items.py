"""Threads of work in a user's events: what was begun, and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.read.user_history import PastEvent
from app.schemas.event_types import KNOWN_TYPES

# Of one thing (an entity, or a session where there is none): what begins, and what ends it.
BEGINNINGS: dict[str, frozenset[str]] = {
    "project_created": frozenset({"project_archived", "project_deleted", "project_goal_completed"}),
    "project_subtask_created": frozenset({"project_subtask_completed"}),
    "standup_started": frozenset({"standup_completed", "standup_skipped"}),
    "ai_wizard_started": frozenset({"ai_wizard_completed", "ai_wizard_cancelled"}),
    "email_opened": frozenset({"email_replied", "email_archived"}),
}
# Of types that are not known: `x_started` and `x_created` begin what `x_completed` ends.
BEGINNING_WORDS = ("started", "created")


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Something that was begun, and the event that ended it, if there is one."""

    begun: PastEvent
    ended: PastEvent | None


def completed(events: Sequence[PastEvent]) -> list[PastEvent]:
    """Return the events that complete something: completed items, goals and sub-tasks."""
    return [event for event in events if event.event_action == "completed"]


def open_threads(events: Sequence[PastEvent]) -> list[WorkItem]:
    """Return items that were begun and not completed, with the first beginning of each."""
    return [thread for thread in threads(events) if thread.ended is None]


def threads(events: Sequence[PastEvent]) -> Iterator[WorkItem]:
    """Every thread, in the order in which they began: from a beginning to the next end of the same
    thing; beginnings in between belong to it."""
    running: dict[tuple[str, object], int] = {}
    found: list[WorkItem] = []
    for event in events:
        place = event.entity or event.session_id
        if place is None:
            continue
        for begun_type in ended_by(event.event_type):
            number = running.pop((begun_type, place), None)
            if number is not None:
                found[number] = WorkItem(found[number].begun, event)
        if ends_of(event.event_type) and (event.event_type, place) not in running:
            running[event.event_type, place] = len(found)
            found.append(WorkItem(event, None))
    yield from found


@lru_cache(maxsize=1_000)
def ends_of(event_type: str) -> frozenset[str]:
    """The types that end what this one begins; none where it begins nothing."""
    known = BEGINNINGS.get(event_type)
    if known is not None or event_type in KNOWN_TYPES:
        return known or frozenset()
    stem, _, word = event_type.rpartition("_")
    return frozenset({f"{stem}_completed"}) if stem and word in BEGINNING_WORDS else frozenset()


@lru_cache(maxsize=1_000)
def ended_by(event_type: str) -> tuple[str, ...]:
    """The types that begin what this one ends."""
    found = [begun for begun, ends in BEGINNINGS.items() if event_type in ends]
    stem, _, word = event_type.rpartition("_")
    if stem and word == "completed":
        found += [
            each
            for each in (f"{stem}_{begun}" for begun in BEGINNING_WORDS)
            if each not in BEGINNINGS
        ]
    return tuple(found)
