"""A few things that a user could do with less effort, each with the evidence for it.

What is shown has passed its threshold: a lower bound of its share, a sample, the last week, and how
many times as often it is so as otherwise. So "you archive everything" is not said of each label.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.insights.generation.work_items import threads
from app.insights.patterns.evidence import (
    Candidate,
    Evidence,
    SuggestionKind,
    Threshold,
    reaches,
    weigh,
)
from app.insights.patterns.habits import email_rules, sequences, things_left
from app.insights.patterns.routines import SLOT_MINUTES, by_the_clock, email_hours, schedules
from app.read.user_history import Past

SUGGESTIONS_MAX = 5
OF_A_KIND_MAX = 2
IDS_MAX = 20
# Categories in which nothing is done that could be done otherwise.
NO_WORK = frozenset({"navigation", "tracker"})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One sentence; what users wrote stands in it in double quotes. `event_ids` are those of the
    latest times that it was so, the latest first."""

    kind: SuggestionKind
    text: str
    evidence: Evidence
    threshold: Threshold
    event_ids: tuple[str, ...]


def suggest(past: Past, now: datetime, zone: ZoneInfo) -> tuple[Suggestion, ...]:
    """Return suggestions from a user's history, best evidence first: at most `SUGGESTIONS_MAX`, and
    per kind `OF_A_KIND_MAX`. Hours are local to the zone. Users who opted out get none."""
    if past.opted_out:
        return ()
    found = [(each, weigh(each, now)) for each in _candidates(past, now, zone)]
    enough = [(each, evidence) for each, evidence in found if reaches(evidence, each.threshold)]
    enough.sort(key=_best_first)
    kept: list[Candidate] = []
    suggestions = []
    kinds: Counter[SuggestionKind] = Counter()
    for candidate, evidence in enough:
        if kinds[candidate.kind] < OF_A_KIND_MAX and not _is_said(candidate, kept):
            kinds[candidate.kind] += 1
            kept.append(candidate)
            suggestions.append(_suggestion(candidate, evidence))
    return tuple(suggestions[:SUGGESTIONS_MAX])


def _candidates(past: Past, now: datetime, zone: ZoneInfo) -> Iterator[Candidate]:
    acts = [event for event in past.events if event.event_category not in NO_WORK]
    found = list(threads(acts))
    yield from email_rules(found, now)
    yield from sequences(acts)
    yield from things_left(found, past.events, now)
    moments = by_the_clock(acts, zone)
    yield from email_hours(moments)
    yield from schedules(moments, now.astimezone(zone))


def _best_first(found: tuple[Candidate, Evidence]) -> tuple[float, int, int, str]:
    """Sort by evidence; equal ones by beginning of a routine, then by name."""
    candidate, evidence = found
    return -evidence.lower_bound, -evidence.last_week, candidate.minute or 0, candidate.opening


def _is_said(candidate: Candidate, kept: list[Candidate]) -> bool:
    """Whether there is one about the same time already: things done together are one routine."""
    return candidate.minute is not None and any(
        each.minute is not None and abs(each.minute - candidate.minute) <= SLOT_MINUTES
        for each in kept
    )


def _suggestion(candidate: Candidate, evidence: Evidence) -> Suggestion:
    week = "once" if evidence.last_week == 1 else f"{evidence.last_week} times"
    share = 100 * evidence.times // evidence.out_of
    often = f"{share}% of the time, {week} in the last 7 days"
    latest = sorted(candidate.hits, key=lambda hit: (hit.at, hit.event.place), reverse=True)
    return Suggestion(
        kind=candidate.kind,
        text=f"{candidate.opening}, {often}: {candidate.advice}.",
        evidence=evidence,
        threshold=candidate.threshold,
        event_ids=tuple(hit.event.event_id for hit in latest[:IDS_MAX]),
    )
