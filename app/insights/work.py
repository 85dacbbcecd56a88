"""Threads of work in a user's events: what was begun, and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.read.past import PastEvent

# Of one thing (an entity, or a session where there is none): what begins, and what ends it.
BEGINNINGS: dict[str, frozenset[str]] = {
    "project_created": frozenset({"project_archived", "project_deleted", "project_goal_completed"}),
    "project_subtask_created": frozenset({"project_subtask_completed"}),
    "standup_started": frozenset({"standup_completed", "standup_skipped"}),
    "ai_wizard_started": frozenset({"ai_wizard_completed", "ai_wizard_cancelled"}),
    "email_opened": frozenset({"email_replied", "email_archived"}),
}
# The same, from the end.
BEGUN_BY = {
    end: tuple(begun for begun, ends in BEGINNINGS.items() if end in ends)
    for end in frozenset[str]().union(*BEGINNINGS.values())
}
# Of types that are not known: `x_started` and `x_created` begin what `x_completed` ends.
BEGINNING_WORDS = ("started", "created")


@dataclass(frozen=True, slots=True)
class Thread:
    """Something that was begun, and the event that ended it, if there is one."""

    begun: PastEvent
    ended: PastEvent | None


def completed(events: Sequence[PastEvent]) -> list[PastEvent]:
    """What was brought to an end: completed, or goals and sub-tasks done."""
    return [event for event in events if event.event_action == "completed"]


def open_threads(events: Sequence[PastEvent]) -> list[Thread]:
    """What was begun and not ended, the first beginning of each."""
    return [thread for thread in threads(events) if thread.ended is None]


def threads(events: Sequence[PastEvent]) -> Iterator[Thread]:
    """Every thread, in the order in which they began: from a beginning to the next end of the same
    thing; beginnings in between belong to it."""
    running: dict[tuple[str, object], int] = {}
    found: list[Thread] = []
    for event in events:
        place = event.entity or event.session_id
        if place is None:
            continue
        for begun_type in ended_by(event.event_type):
            number = running.pop((begun_type, place), None)
            if number is not None:
                found[number] = Thread(found[number].begun, event)
        if ends_of(event.event_type) and (event.event_type, place) not in running:
            running[event.event_type, place] = len(found)
            found.append(Thread(event, None))
    yield from found


def ends_of(event_type: str) -> frozenset[str]:
    """The types that end what this one begins; none where it begins nothing."""
    known = BEGINNINGS.get(event_type)
    if known is not None:
        return known
    stem, _, word = event_type.rpartition("_")
    return frozenset({f"{stem}_completed"}) if stem and word in BEGINNING_WORDS else frozenset()


def ended_by(event_type: str) -> tuple[str, ...]:
    """The types that begin what this one ends."""
    known = BEGUN_BY.get(event_type, ())
    stem = event_type.removesuffix("_completed")
    if not stem or stem == event_type:
        return known
    others = (f"{stem}_{begun}" for begun in BEGINNING_WORDS)
    return (*known, *(each for each in others if each not in BEGINNINGS))
