"""Phrases for activity in some events, for sentences that are composed without a model."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.insights.generation.context import ASIDE
from app.insights.generation.grounding import harmless, in_quotes
from app.read.user_history import PastEvent
from app.schemas.event_types import KNOWN_TYPES

K = TypeVar("K")

NAMED_MAX = 3
URGENCY = {"critical": 0, "urgent": 0, "highest": 0, "high": 1, "medium": 2, "normal": 2, "low": 3}
USUAL_URGENCY = 2
HIGH_URGENCY = 1
# Actions of all users on every day.
UNSAID = frozenset({"standup_started", "standup_completed", "standup_skipped", "search_performed"})


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done, beginning with a verb in small letters, and its events."""

    text: str
    events: tuple[PastEvent, ...]


@dataclass(frozen=True, slots=True)
class Projects:
    """Names and priorities of projects by id, as far as the events show them."""

    titles: dict[str, str]
    priorities: dict[str, str]

    def name(self, project: str) -> str:
        """`"Office move"`, or, where no title is known, its id, in quotes as well."""
        title = self.titles.get(project)
        if title is None:
            return in_quotes(project)
        shared = sum(each == title for each in self.titles.values()) > 1
        return f"{title} ({in_quotes(project, 40)})" if shared else title

    def named(self, project: str | None) -> str:
        """`project "Office move"`; `no project` where it is of none."""
        return "no project" if project is None else f"project {self.name(project)}"

    def rank(self, project: str) -> str:
        """` (high priority)`; nothing where it isn't known."""
        priority = self.priorities.get(project, "")
        return f" ({ranked(priority)} priority)" if harmless(priority) else ""

    def urgency(self, project: str | None) -> int:
        """The most urgent is 0."""
        priority = self.priorities.get(project or "", "")
        return URGENCY.get(priority.lower(), USUAL_URGENCY)


def projects_of(events: Iterable[PastEvent]) -> Projects:
    """Titles in quotes, and priorities, as the events say them; the latest wins."""
    titles, priorities = {}, {}
    for event in events:
        project = project_of(event)
        if project is not None and event.priority:
            priorities[project] = event.priority
        if event.entity_type == "project" and event.entity_id and event.title:
            titles[event.entity_id] = in_quotes(event.title)
    return Projects(titles, priorities)


def ranked(priority: str) -> str:
    """A priority in a sentence: a known word is bare, as it is ours, too."""
    return priority if priority.lower() in URGENCY else in_quotes(priority, 20)


def project_of(event: PastEvent) -> str | None:
    """The project that an event is about, itself or through a sub-task."""
    return event.entity_id if event.entity_type == "project" else event.project


def deeds(events: Sequence[PastEvent], projects: Projects) -> list[Deed]:
    """Return phrases for the activity, the most important first."""
    return [*_brought_to_an_end(events, projects), *_begun(events, projects), *_others(events)]


def _brought_to_an_end(events: Sequence[PastEvent], projects: Projects) -> Iterator[Deed]:
    subtasks = _of(events, "project_subtask_completed")
    for project, found in grouped(subtasks, project_of)[:NAMED_MAX]:
        number = len({each.entity_id or each.event_id for each in found})
        what = _titled(found, "a sub-task") if number == 1 else f"{number} sub-tasks"
        of = "" if project is None else f" of {projects.named(project)}"
        yield Deed(f"completed {what}{of}", tuple(found))
    for project, found in grouped(_of(events, "project_goal_completed"), project_of)[:NAMED_MAX]:
        yield Deed(f"reached {many(len(found), 'goal')} of {projects.named(project)}", tuple(found))
    for kind, verb in (("project_archived", "archived"), ("project_deleted", "deleted")):
        yield from _over(_of(events, kind), verb, projects)


def _begun(events: Sequence[PastEvent], projects: Projects) -> Iterator[Deed]:
    yield from _over(_of(events, "project_created"), "set up", projects, ranked=True)
    told = {
        project_of(each)
        for each in events
        if each.event_action in {"completed", "archived", "deleted"}
        or each.event_type == "project_created"
    }
    work = [
        each
        for each in events
        if each.event_category == "project" and project_of(each) not in {None, *told}
    ]
    yield from _over(work, "worked on", projects)
    added = _of(events, "project_subtask_created")
    if added:
        yield Deed(f"added {many(len(added), 'sub-task')}", tuple(added))


def _over(
    events: Sequence[PastEvent], verb: str, projects: Projects, *, ranked: bool = False
) -> Iterator[Deed]:
    """One sentence over some projects, of which the first are named."""
    found = [(each, acts) for each, acts in grouped(events, project_of) if each is not None]
    if not found:
        return
    names = [
        projects.name(project) + (projects.rank(project) if ranked else "")
        for project, _ in found[:NAMED_MAX]
    ]
    if len(found) > NAMED_MAX:
        names.append(f"{len(found) - NAMED_MAX} more")
    what = "project" if len(found) == 1 else "projects"
    acts = tuple(each for _, group in found for each in group)
    yield Deed(f"{verb} {what} {listed(names)}", acts)


def _others(events: Sequence[PastEvent]) -> Iterator[Deed]:
    for kind, verb in (("email_replied", "answered"), ("email_archived", "archived")):
        found = _of(events, kind)
        if found:
            yield Deed(f"{verb} {emails(found)}", tuple(found))
    read = _of(events, "email_opened")
    if read and not _of(events, "email_replied"):
        yield Deed(f"read {emails(read)}", tuple(read))
    created = _of(events, "calendar_event_created")
    if created:
        yield Deed(f"put {many(len(created), 'event')} into the calendar", tuple(created))
    own = [each for each in events if each.event_type not in KNOWN_TYPES]
    own = [each for each in own if each.event_category not in ASIDE]
    for kind, found in grouped(own, lambda each: each.event_type)[:NAMED_MAX]:
        times = "" if len(found) == 1 else f" {len(found)} times"
        yield Deed(f"did {in_quotes(kind.replace('_', ' '))}{times}", tuple(found))


def emails(events: Sequence[PastEvent]) -> str:
    """`a "customer" email`, `5 emails (3 "customer", 2 "team")`, `2 emails` where no label is
    known."""
    counts = Counter(in_quotes(each.label, 30) if each.label else "" for each in events)
    if len(counts) == 1:
        (label,) = counts
        return many(len(events), f"{label} email".strip())
    named = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    said = [f"{times} {name or 'without a label'}" for name, times in named[:NAMED_MAX]]
    return f"{len(events)} emails ({', '.join(said)})"


def grouped(
    events: Iterable[PastEvent], key: Callable[[PastEvent], K]
) -> list[tuple[K, list[PastEvent]]]:
    """The largest group first; of two of the same size, that which began earlier."""
    found: dict[K, list[PastEvent]] = {}
    for event in events:
        found.setdefault(key(event), []).append(event)
    return sorted(found.items(), key=lambda each: -len(each[1]))


def many(number: int, what: str) -> str:
    """`a goal`, `2 goals`."""
    if number == 1:
        first = what.lstrip('"')[:1].lower()
        return f"an {what}" if first in tuple("aeiou") else f"a {what}"
    return f"{number} {what}s"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _titled(events: Sequence[PastEvent], otherwise: str) -> str:
    title = next((each.title for each in events if each.title), None)
    return f"the sub-task {in_quotes(title)}" if title else otherwise


def _of(events: Iterable[PastEvent], event_type: str) -> list[PastEvent]:
    return [each for each in events if each.event_type == event_type]
