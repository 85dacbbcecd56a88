"""A standup without a model: sentences composed of a user's threads, from the same context.

Each sentence cites the lines of the context that its events stand in, so that it is checked in the
same way as a model's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from app.insights.generation.context import IDS_PER_LINE, Context, Section
from app.insights.generation.grounding import CITES_MAX, TEXT_MAX_CHARS, GroundedClaim, in_quotes
from app.insights.generation.phrases import (
    HIGH_URGENCY,
    UNSAID,
    Deed,
    Projects,
    deeds,
    emails,
    grouped,
    many,
    project_of,
    projects_of,
)
from app.insights.generation.standup import Days, Standup, day_of, days_of
from app.insights.generation.work_items import open_threads
from app.read.user_history import Past, PastEvent
from app.read.window import Window

YESTERDAY_MAX = 6
SO_FAR_MAX = 3
CONTINUE_MAX = 3
BLOCKERS_MAX = 4
OPEN_LONG_DAYS = 3
# From this share of a label's emails on that are answered, one that isn't is waiting.
ANSWERED_MIN_SHARE = 0.5
# Which lines say most of an event.
SPECIFIC: dict[Section, int] = {
    "completed": 0,
    "open": 1,
    "days": 2,
    "projects": 3,
    "emails": 4,
    "runs": 5,
    "patterns": 6,
    "summary": 7,
}
ENDED = frozenset({"project_archived", "project_deleted"})


@dataclass(frozen=True, slots=True)
class Material:
    """Input of a standup. `line_of` has the most informative line about an event."""

    events: Sequence[PastEvent]
    window: Window
    days: Days
    projects: Projects
    line_of: dict[str, int]
    has_lines: bool

    def on(self, day: date | None) -> list[PastEvent]:
        return [each for each in self.events if day_of(each, self.window) == day]

    def since(self, event: PastEvent) -> str:
        return f"{day_of(event, self.window):%a %d %b}"

    def age_days(self, event: PastEvent) -> int:
        return (self.days.today - day_of(event, self.window)).days


def compose_standup(past: Past, window: Window, context: Context) -> Standup:
    """The standup that the events themselves give."""
    made = Material(
        past.events,
        window,
        days_of(past, window),
        projects_of(past.events),
        lines_by_event(context),
        bool(context.lines),
    )
    subtasks, waiting = _open_subtasks(made), _waiting_emails(made)
    return Standup(
        yesterday=_claims(made, _yesterday(made), YESTERDAY_MAX),
        today=_claims(made, [*_so_far(made), *_next(made, subtasks, waiting)], 2 + CONTINUE_MAX),
        blockers=_claims(made, _blockers(made, subtasks, waiting), BLOCKERS_MAX),
        one_thing=next(iter(_claims(made, _one_thing(made, subtasks, waiting), 1)), None),
    )


def lines_by_event(context: Context) -> dict[str, int]:
    """Return, by event id, the number of the most informative line about it."""
    numbered = sorted(
        enumerate(context.lines, 1), key=lambda each: SPECIFIC[each[1].section], reverse=True
    )
    return {event_id: number for number, line in numbered for event_id in line.event_ids}


def claim_of(
    text: str, events: Sequence[PastEvent], line_of: dict[str, int], *, otherwise: int = 1
) -> GroundedClaim:
    """A sentence about events, which cites their lines; an event that no line lists is in the
    first one, which sums up all of them."""
    latest = sorted(events, key=lambda each: each.order, reverse=True)
    cites = list(dict.fromkeys(line_of.get(each.event_id, otherwise) for each in latest))
    said = text if len(text) < TEXT_MAX_CHARS else f"{text[: TEXT_MAX_CHARS - 4]}..."
    return GroundedClaim(
        f"{said[0].upper()}{said[1:]}.",
        tuple(sorted(cites[:CITES_MAX])),
        tuple(each.event_id for each in latest[:IDS_PER_LINE]),
    )


def _claims(made: Material, found: Iterable[Deed], at_most: int) -> tuple[GroundedClaim, ...]:
    # Where a context had no room for a single line, there is nothing to cite.
    if not made.has_lines:
        return ()
    return tuple(claim_of(each.text, each.events, made.line_of) for each in list(found)[:at_most])


def _yesterday(made: Material) -> list[Deed]:
    events = made.on(made.days.yesterday) if made.days.yesterday else []
    found = deeds(events, made.projects)
    if events and not found:
        said = [each for each in events if each.event_type not in UNSAID] or events
        return [Deed(f"was active: {many(len(said), 'action')}, none of them finished", (*said,))]
    return found


def _so_far(made: Material) -> Iterator[Deed]:
    found = deeds(made.on(made.days.today), made.projects)[:SO_FAR_MAX]
    if found:
        events = tuple(each for deed in found for each in deed.events)
        yield Deed(f"so far: {'; '.join(deed.text for deed in found)}", events)


def _next(
    made: Material, subtasks: Sequence[PastEvent], waiting: Sequence[PastEvent]
) -> Iterator[Deed]:
    groups = sorted(
        grouped(subtasks, project_of),
        key=lambda each: (made.projects.urgency(each[0]), -each[1][-1].event_timestamp.timestamp()),
    )
    for project, found in groups[:CONTINUE_MAX]:
        open_ones = many(len(found), "open sub-task")
        if project is None:
            yield Deed(f"continue with {open_ones}", tuple(found))
        else:
            rank = made.projects.rank(project)
            said = f"continue {made.projects.named(project)}{rank}: {open_ones}"
            yield Deed(said, tuple(found))
    if not groups:
        for project, found in _running(made)[:1]:
            rank = made.projects.rank(project)
            yield Deed(f"continue {made.projects.named(project)}{rank}", (found[-1],))
    recent = [each for each in waiting if made.age_days(each) < OPEN_LONG_DAYS]
    if recent:
        yield Deed(f"answer {emails(recent)} that you have read", tuple(recent))


def _blockers(
    made: Material, subtasks: Sequence[PastEvent], waiting: Sequence[PastEvent]
) -> Iterator[Deed]:
    long_open = [each for each in subtasks if made.age_days(each) >= OPEN_LONG_DAYS]
    groups = grouped(long_open, project_of)
    for project, found in sorted(groups, key=lambda each: each[1][0].event_timestamp)[:2]:
        of = "" if project is None else f" of {made.projects.named(project)}"
        days = made.age_days(found[0])
        if len(found) == 1:
            said = f"a sub-task{of} has been open since {made.since(found[0])} ({days} days)"
        else:
            said = (
                f"{len(found)} sub-tasks{of} have been open for long, the oldest since"
                f" {made.since(found[0])} ({days} days)"
            )
        yield Deed(said, tuple(found))
    for project, found in _running(made):
        if made.projects.urgency(project) <= HIGH_URGENCY and (
            made.age_days(found[-1]) >= OPEN_LONG_DAYS
        ):
            rank = made.projects.rank(project)
            said = f"{made.projects.named(project)}{rank} has not moved since"
            yield Deed(f"{said} {made.since(found[-1])}", (found[-1],))
            break
    late = [each for each in waiting if made.age_days(each) >= OPEN_LONG_DAYS]
    if late:
        have = "has" if len(late) == 1 else "have"
        said = f"{emails(late)} {have} no answer yet, the oldest read on {made.since(late[0])}"
        yield Deed(said, tuple(late))


def _one_thing(
    made: Material, subtasks: Sequence[PastEvent], waiting: Sequence[PastEvent]
) -> Iterator[Deed]:
    """The most urgent, and of those, the oldest."""
    for first in sorted(subtasks, key=lambda each: made.projects.urgency(project_of(each)))[:1]:
        project = project_of(first)
        title = f"sub-task {in_quotes(first.title)}" if first.title else "sub-task"
        of = (
            ""
            if project is None
            else f" of {made.projects.named(project)}{made.projects.rank(project)}"
        )
        yield Deed(f"finish the {title}{of} that is open since {made.since(first)}", (first,))
    for first in waiting[:1]:
        label = f"{in_quotes(first.label, 30)} " if first.label else ""
        yield Deed(f"answer the {label}email that was read on {made.since(first)}", (first,))
    for project, found in _running(made)[:1]:
        rank = made.projects.rank(project)
        yield Deed(f"take {made.projects.named(project)}{rank} further", (found[-1],))


def _open_subtasks(made: Material) -> list[PastEvent]:
    """The beginnings of those that aren't completed, the oldest first; of projects that are."""
    ended = {project_of(each) for each in made.events if each.event_type in ENDED}
    return [
        thread.begun
        for thread in open_threads(made.events)
        if thread.begun.event_type == "project_subtask_created"
        and (project_of(thread.begun) is None or project_of(thread.begun) not in ended)
    ]


def _running(made: Material) -> list[tuple[str, list[PastEvent]]]:
    """Projects that haven't ended, the most urgent first, and then the latest worked on."""
    work = [each for each in made.events if each.event_category == "project"]
    found = [
        (project, acts)
        for project, acts in grouped(work, project_of)
        if project is not None and not any(each.event_type in ENDED for each in acts)
    ]
    return sorted(
        found,
        key=lambda each: (
            made.projects.urgency(each[0]),
            -each[1][-1].event_timestamp.timestamp(),
        ),
    )


def _waiting_emails(made: Material) -> list[PastEvent]:
    """Read and neither answered nor archived, of labels that the user mostly answers; the oldest
    first."""
    read: dict[str | None, set[object]] = {}
    answered: dict[str | None, set[object]] = {}
    for event in made.events:
        found = {"email_opened": read, "email_replied": answered}.get(event.event_type)
        if found is not None:
            found.setdefault(event.label, set()).add(event.entity)
    share = {label: len(answered.get(label, ())) / len(each) for label, each in read.items()}
    return [
        thread.begun
        for thread in open_threads(made.events)
        if thread.begun.event_type == "email_opened"
        and thread.begun.entity is not None
        and share[thread.begun.label] >= ANSWERED_MIN_SHARE
    ]
