"""Recent activity, distilled for a prompt: the most useful first, within a budget of tokens.

Each line is about events, and has their ids: what a model says can be checked. The text hangs on
the events alone, so that the same events are the same text, and hash.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from app.insights.generation.escaping import PREFACE, entity_name, quoted, type_name
from app.insights.generation.token_estimate import tokens_at_most
from app.insights.generation.work_items import WorkItem, completed, open_threads
from app.read.user_history import Past, PastEvent
from app.read.window import Window

ContextPurpose = Literal["standup", "project_wizard", "email_categorization"]
Section = Literal["summary", "days", "completed", "open", "projects", "emails", "runs", "patterns"]

IDS_PER_LINE = 20
LINES_PER_SECTION = 12
OLDEST_OPEN = 4
RUN_MIN = 3
PATTERN_MIN = 3
DAYS_MAX = 7
TYPES_PER_DAY = 6
# Categories of what is done on the way to something else.
ASIDE = frozenset({"navigation", "tracker"})

# What matters first for whom.
SECTIONS: dict[ContextPurpose, tuple[Section, ...]] = {
    "standup": ("summary", "days", "completed", "open", "projects", "emails", "runs", "patterns"),
    "project_wizard": ("summary", "projects", "open", "completed", "patterns", "runs"),
    "email_categorization": ("summary", "emails", "open", "patterns", "runs"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A statement, and the events that it is about: the first ones, and how many they are."""

    section: Section
    text: str
    event_ids: tuple[str, ...]
    events: int


@dataclass(frozen=True, slots=True)
class Context:
    """`text` holds the lines with their numbers, `[1]` being the first of `lines`. `omitted` counts
    the lines that the budget had no room for; `tokens_at_most` is a bound on `text`."""

    text: str
    lines: tuple[Line, ...]
    omitted: int
    tokens_at_most: int
    context_hash: str
    events_read: int
    truncated: bool
    opted_out: bool


def distil(past: Past, window: Window, purpose: ContextPurpose, max_tokens: int) -> Context:
    """The context of a user's past for a purpose, of at most so many tokens."""
    zone = window.zone
    kept: list[Line] = []
    omitted = 0
    text, tokens = PREFACE, tokens_at_most(PREFACE)
    for line in _lines(past.events, zone, purpose) if past.events else ():
        # No piece that is counted as one reaches over the end of a line.
        more = f"\n[{len(kept) + 1}] {line.text.rstrip()}"
        more_tokens = tokens_at_most(more)
        if tokens + more_tokens > max_tokens:
            omitted += 1
            continue
        kept.append(line)
        text, tokens = text + more, tokens + more_tokens
    if not kept:
        text = ""
    cited = "\n".join(",".join(line.event_ids) for line in kept)
    return Context(
        text=text,
        lines=tuple(kept),
        omitted=omitted,
        tokens_at_most=tokens_at_most(text),
        context_hash=hashlib.sha256(f"{text}\n{cited}".encode()).hexdigest(),
        events_read=len(past.events),
        truncated=past.truncated,
        opted_out=past.opted_out,
    )


def _lines(events: Sequence[PastEvent], zone: ZoneInfo, purpose: ContextPurpose) -> Iterator[Line]:
    for section in SECTIONS[purpose]:
        found = MAKERS[section](events, zone)
        yield from found[:LINES_PER_SECTION]


def _summary(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Line]:
    days = Counter(_local(event, zone).date() for event in events)
    busiest = max(days, key=lambda day: (days[day], day))
    sessions = len({event.session_id for event in events if event.session_id})
    visits = f" in {_many(sessions, 'session')}" if sessions else ""
    said = (
        f"{_many(len(events), 'action')} on {_many(len(days), 'day')}{visits};"
        f" most active on {busiest:%a %d %b} ({days[busiest]})"
    )
    return [_line("summary", said, events)]


def _days(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Line]:
    """Yield the activity of each day, latest first, without navigation."""
    by_day: dict[date, list[PastEvent]] = {}
    for event in events:
        if event.event_category not in ASIDE:
            by_day.setdefault(_local(event, zone).date(), []).append(event)
    lines = []
    for day, found in sorted(by_day.items(), reverse=True)[:DAYS_MAX]:
        often = Counter(event.event_type for event in found).most_common(TYPES_PER_DAY)
        lines.append(_line("days", f"{day:%a %d %b}: {_counted(often)}", found))
    return lines


def _completed(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Line]:
    found = sorted(completed(events), key=lambda each: each.order, reverse=True)
    return [_line("completed", f"{_when(each, zone)} {_said(each)}", [each]) for each in found]


def _open(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Line]:
    """Emails come last. Of many, the newest ones and the oldest: what is new, and what is stuck."""

    def said(thread: WorkItem) -> str:
        return f"not finished: {_said(thread.begun)} since {_when(thread.begun, zone)}"

    newest = sorted(open_threads(events), key=lambda each: each.begun.order, reverse=True)
    threads = sorted(newest, key=lambda each: each.begun.event_category == "email")
    work = [each for each in threads if each.begun.event_category != "email"]
    if len(work) > LINES_PER_SECTION:
        threads = work[: LINES_PER_SECTION - OLDEST_OPEN] + work[-OLDEST_OPEN:]
    return [_line("open", said(thread), [thread.begun]) for thread in threads]


def _projects(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Line]:
    by_entity: dict[tuple[str, str], list[PastEvent]] = {}
    for event in events:
        if event.entity is not None and event.entity_type == "project":
            by_entity.setdefault(event.entity, []).append(event)
    lines = []
    for entity, found in sorted(
        by_entity.items(), key=lambda each: (-len(each[1]), each[1][-1].order, each[0])
    ):
        title = next((event.title for event in reversed(found) if event.title), None)
        priority = next((event.priority for event in reversed(found) if event.priority), None)
        about = f" {quoted(title)}" if title else ""
        rank = f" (priority {quoted(priority)})" if priority else ""
        counts = _counted(Counter(event.event_type for event in found))
        said = f"{entity_name(entity)}{about}{rank}: {counts}, last {_when(found[-1], zone)}"
        lines.append(_line("projects", said, found))
    return lines


def _emails(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Line]:
    """Yield the treatment of emails by label."""
    by_label: dict[str, list[PastEvent]] = {}
    for event in events:
        if event.event_category == "email":
            by_label.setdefault(event.label or "", []).append(event)
    lines = []
    for label, found in sorted(by_label.items(), key=lambda each: (-len(each[1]), each[0])):
        counts = Counter(event.event_type for event in found)
        of = f"emails labelled {quoted(label)}" if label else "emails without a label"
        lines.append(_line("emails", f"{of}: {_counted(counts)}", found))
    return lines


def _runs(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Line]:
    """Yield repeated actions on the same entity as one."""
    runs = []
    for (event_type, entity), group in groupby(
        events, key=lambda event: (event.event_type, event.entity)
    ):
        run = list(group)
        if len(run) >= RUN_MIN:
            first, last = _local(run[0], zone), _local(run[-1], zone)
            until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%a %d %b %H:%M}"
            of = f" {entity_name(entity)}" if entity else ""
            said = f"{type_name(event_type)}{of} x{len(run)}, {first:%a %d %b %H:%M}-{until}"
            runs.append((len(run), _line("runs", said, run)))
    return [line for _, line in sorted(runs, key=lambda each: (-each[0], each[1].text))]


def _patterns(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Line]:
    """Yield the most frequent actions, and the most frequent successors within a session."""
    lines = [
        _line(
            "patterns",
            f"most often: {_counted(Counter(event.event_type for event in events).most_common(5))}",
            events,
        )
    ]
    pairs: dict[tuple[str, str], list[PastEvent]] = {}
    firsts: Counter[str] = Counter()
    for before, after in pairwise(events):
        if before.session_id is not None and before.session_id == after.session_id:
            pairs.setdefault((before.event_type, after.event_type), []).append(after)
            firsts[before.event_type] += 1
    often = [(pair, found) for pair, found in pairs.items() if len(found) >= PATTERN_MIN]
    for (before_type, after_type), found in sorted(
        often, key=lambda each: (-len(each[1]), each[0])
    ):
        share = round(100 * len(found) / firsts[before_type])
        said = (
            f"after {type_name(before_type)}: {type_name(after_type)},"
            f" {share}% of {firsts[before_type]}"
        )
        lines.append(_line("patterns", said, found))
    return lines


MAKERS: dict[Section, Callable[[Sequence[PastEvent], ZoneInfo], list[Line]]] = {
    "summary": _summary,
    "days": _days,
    "completed": _completed,
    "open": _open,
    "projects": _projects,
    "emails": _emails,
    "runs": _runs,
    "patterns": _patterns,
}


def _line(section: Section, text: str, events: Sequence[PastEvent]) -> Line:
    latest = [event.event_id for event in reversed(events[-IDS_PER_LINE:])]
    return Line(section, text, tuple(latest), len(events))


def _said(event: PastEvent) -> str:
    parts = [type_name(event.event_type)]
    if event.entity:
        parts.append(entity_name(event.entity))
    if event.title:
        parts.append(quoted(event.title))
    if event.project:
        parts.append(f"of {entity_name(('project', event.project))}")
    if event.duration_ms is not None:
        parts.append(f"({_span(event.duration_ms)})")
    return " ".join(parts)


def _counted(counts: Counter[str] | list[tuple[str, int]]) -> str:
    pairs = counts.items() if isinstance(counts, Counter) else counts
    ordered = sorted(pairs, key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{type_name(name)} x{times}" for name, times in ordered)


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _local(event: PastEvent, zone: ZoneInfo) -> datetime:
    return event.event_timestamp.astimezone(zone)


def _when(event: PastEvent, zone: ZoneInfo) -> str:
    return f"{_local(event, zone):%a %d %b %H:%M}"


def _span(ms: int) -> str:
    minutes = ms / 60_000
    if minutes < 1:
        return f"{ms / 1000:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
