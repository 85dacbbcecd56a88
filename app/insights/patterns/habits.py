"""Habits in what a user does with things: candidates, with all that speaks for and against them."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from app.insights.generation.escaping import quoted, type_name
from app.insights.generation.work_items import WorkItem, ends_of
from app.insights.patterns.evidence import Candidate, Hit, Threshold, largest
from app.read.user_history import PastEvent

# An email's end belongs to its opening within this time.
AT_ONCE = timedelta(minutes=30)
EMAIL_ENDS = {
    "email_archived": ("You archive emails", "a rule could do that"),
    "email_replied": ("You reply to emails", "a template could begin the reply"),
}
A_STEP = timedelta(minutes=1)
# People are not that quick: the app triggers the second event.
BY_THE_APP_WITHIN_S = 1
BY_THE_APP = {("ai_wizard_completed", "project_created")}
# What is done with others says nothing of how much is left lying; instead, `ENDED_MIN`.
LEFT = Threshold(lift=None)
RESTS = timedelta(days=14)
# With this many ends, ends are recorded, and items without one are unfinished.
ENDED_MIN = 3
THINGS = {"project_created": "projects", "project_subtask_created": "sub-tasks"}


def email_rules(threads: Sequence[WorkItem], now: datetime) -> Iterator[Candidate]:
    """Emails of a label, and what is done with them soon after they are opened; against emails of
    all other labels. Each email counts once; one that has only just been opened, not yet."""
    emails: dict[tuple[str, str], tuple[str, PastEvent | None]] = {}
    for thread in threads:
        begun, end = thread.begun, thread.ended
        if begun.event_type != "email_opened" or begun.entity is None:
            continue
        if end is None and now - begun.event_timestamp < AT_ONCE:
            continue
        label = begun.label or (end.label if end else None) or ""
        if end is not None and end.event_timestamp - begun.event_timestamp > AT_ONCE:
            end = None
        emails[begun.entity] = label, end
    opened = Counter(label for label, _ in emails.values())
    ends: defaultdict[tuple[str, str], list[Hit]] = defaultdict(list)
    totals: Counter[str] = Counter()
    for label, end in emails.values():
        if end is not None:
            ends[end.event_type, label].append(Hit(end.event_timestamp, end))
            totals[end.event_type] += 1
    for name, label in largest({(name, label): opened[label] for name, label in ends if label}):
        hits = ends[name, label]
        opening, advice = EMAIL_ENDS[name]
        yield Candidate(
            kind="email_rule",
            opening=f"{opening} labelled {quoted(label)} soon after opening them",
            advice=advice,
            hits=hits,
            out_of=opened[label],
            otherwise=(totals[name] - len(hits), len(emails) - opened[label]),
        )


def sequences(acts: Sequence[PastEvent]) -> Iterator[Candidate]:
    """One thing done within a minute after another; against how often it follows others."""
    firsts = Counter(event.event_type for event in acts)
    seconds: Counter[str] = Counter()
    pairs: defaultdict[tuple[str, str], list[Hit]] = defaultdict(list)
    gaps_s: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for before, after in pairwise(acts):
        gap = after.event_timestamp - before.event_timestamp
        if gap <= A_STEP and before.session_id == after.session_id:
            pair = before.event_type, after.event_type
            seconds[after.event_type] += 1
            pairs[pair].append(Hit(after.event_timestamp, after))
            gaps_s[pair].append(gap.total_seconds())
    for pair in largest({pair: len(hits) for pair, hits in pairs.items() if not _is_one(*pair)}):
        if statistics.median(gaps_s[pair]) < BY_THE_APP_WITHIN_S:
            continue
        first, second = pair
        yield Candidate(
            kind="sequence",
            opening=f"Within a minute after {type_name(first)} you continue with "
            f"{type_name(second)}",
            advice="one step could do both",
            hits=pairs[pair],
            out_of=firsts[first],
            otherwise=(seconds[second] - len(pairs[pair]), len(acts) - firsts[first]),
        )


def _is_one(first: str, second: str) -> bool:
    """Whether two events are one action: repeated, begun and completed, or triggered by the app."""
    is_end = second in ends_of(first) and first != "email_opened"
    return first == second or is_end or (first, second) in BY_THE_APP


def things_left(
    threads: Sequence[WorkItem], events: Sequence[PastEvent], now: datetime
) -> Iterator[Candidate]:
    """Things begun two weeks ago or before, not ended, and untouched for two weeks; `at` is when
    those were over."""
    touched = {event.entity: event.event_timestamp for event in events if event.entity is not None}
    rested_at = now - RESTS
    begun: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    left: defaultdict[str, list[Hit]] = defaultdict(list)
    for thread in threads:
        first = thread.begun
        # An email that was read needs no end.
        if first.entity is None or first.event_category == "email":
            continue
        if first.event_timestamp > rested_at:
            continue
        begun[first.event_type] += 1
        if thread.ended is not None:
            ended[first.event_type] += 1
        elif touched[first.entity] <= rested_at:
            left[first.event_type].append(Hit(touched[first.entity] + RESTS, first))
    for name in largest({name: begun[name] for name in left if ended[name] >= ENDED_MIN}):
        things = THINGS.get(name) or f"items started with {type_name(name)}"
        yield Candidate(
            kind="dropped",
            opening=f"You leave {things} unfinished and untouched for two weeks",
            advice="finish or close some before you begin more",
            hits=left[name],
            out_of=begun[name],
            otherwise=None,
            threshold=LEFT,
        )
