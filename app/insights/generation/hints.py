"""Hints for a project that is being set up, and for an email that is to be labelled: their shape,
what of a model's is believed, and how they are composed without one."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low

from app.insights.generation.context import Context
from app.insights.generation.grounding import Claim, Examination, GroundedClaim, in_quotes
from app.insights.generation.phrases import Deed, grouped, many, project_of, projects_of, ranked
from app.insights.generation.rule_based import claim_of, lines_by_event
from app.read.user_history import Past, PastEvent

HINTS_MAX = 5
LABELS_MAX = 4
VALUES_MAX = 20
VALUE_MAX_CHARS = 80
# From this share of a label's emails on, something is what is done with them.
MOSTLY = 0.5
SAMPLES_MIN = 3
WORD_MIN_CHARS = 3

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class SuggestedValue:
    """A value that a model suggests, why, and the numbers of the lines that this rests on."""

    value: str
    text: str
    cites: list[int]


@dataclass(frozen=True, slots=True)
class HintsSaid:
    """Hints as a model gives them."""

    hints: list[Claim]
    suggestion: SuggestedValue | None


@dataclass(frozen=True, slots=True)
class SuggestedHint:
    """A value that the user has used before, and the claim that says why."""

    value: str
    because: GroundedClaim


@dataclass(frozen=True, slots=True)
class Hints:
    """Claims, each with its citations."""

    hints: tuple[GroundedClaim, ...] = ()
    suggestion: SuggestedHint | None = None

    def claims(self) -> tuple[GroundedClaim, ...]:
        """All of them."""
        last = () if self.suggestion is None else (self.suggestion.because,)
        return (*self.hints, *last)


def values_of(texts: Iterable[str | None]) -> tuple[str, ...]:
    """Return the values that can be suggested: those that the user has used, most frequent
    first."""
    short = (each for each in texts if each and len(each) <= VALUE_MAX_CHARS)
    return tuple(value for value, _ in Counter(short).most_common(VALUES_MAX))


def examine_hints(
    said: HintsSaid, context: Context, values: Sequence[str]
) -> tuple[Hints, Examination]:
    """Return the accepted part of a model's hints; a suggestion must be one of `values`."""
    found = Examination(context)
    hints = found.claims("hints", said.hints)
    suggestion = None
    if said.suggestion is not None:
        wanted = said.suggestion.value.strip().lower()
        value = next((each for each in values if each.lower() == wanted), None)
        because = found.claim("suggestion", Claim(said.suggestion.text, said.suggestion.cites))
        if because is not None and value is None:
            found.reject("suggestion", "its value is not one that the user has used")
        elif because is not None and value is not None:
            suggestion = SuggestedHint(value, because)
    return Hints(hints, suggestion), found


def compose_project_hints(past: Past, context: Context, about: str) -> Hints:
    """Compose hints for a new project: how the user's projects are, and which is similar.

    Args:
        about: its title and description, as far as they are known.
    """
    line_of = lines_by_event(context)
    created = [each for each in past.events if each.event_type == "project_created"]
    found = [*_alike(past.events, created, about), *_scale(past.events), *_running(past.events)]
    return _hints(context, line_of, found, _usual_priority(created, line_of, context))


def compose_email_hints(past: Past, context: Context, subject: str) -> Hints:
    """Compose hints for an email: how the user handles emails of each label, and which label fits
    its subject."""
    line_of = lines_by_event(context)
    emails = [each for each in past.events if each.event_category == "email" and each.label]
    groups = grouped(emails, lambda each: each.label or "")
    found = [deed for label, acts in groups[:LABELS_MAX] for deed in _treatment(label, acts)]
    return _hints(context, line_of, found, _label_for(groups, subject, line_of, context))


def _hints(
    context: Context,
    line_of: dict[str, int],
    found: Sequence[Deed],
    suggestion: SuggestedHint | None,
) -> Hints:
    if not context.lines:
        return Hints()
    claims = [claim_of(each.text, each.events, line_of) for each in found[:HINTS_MAX]]
    return Hints(tuple(claims), suggestion)


def _alike(events: Sequence[PastEvent], created: Sequence[PastEvent], about: str) -> Iterator[Deed]:
    """The project whose title shares most words with the new one's, the latest of several."""
    words = _words(about)
    shared = [(len(words & _words(each.title or "")), each) for each in created]
    best = max((number for number, _ in shared), default=0)
    if not best:
        return
    first = next(each for number, each in reversed(shared) if number == best)
    subtasks = [
        each
        for each in events
        if project_of(each) == first.entity_id and each.event_type == "project_subtask_created"
    ]
    had = f", which has had {many(len(subtasks), 'sub-task')} since" if subtasks else ""
    said = f"it sounds like your project {in_quotes(first.title)}{had}"
    yield Deed(said, (first, *subtasks))


def _scale(events: Sequence[PastEvent]) -> Iterator[Deed]:
    subtasks = [each for each in events if each.event_type == "project_subtask_created"]
    sizes = [len(found) for project, found in grouped(subtasks, project_of) if project is not None]
    if len(sizes) >= SAMPLES_MIN:
        said = f"your {len(sizes)} projects with sub-tasks have a median of"
        yield Deed(f"{said} {many(median_low(sizes), 'sub-task')}", tuple(subtasks))


def _running(events: Sequence[PastEvent]) -> Iterator[Deed]:
    work = [each for each in events if each.event_category == "project"]
    running = [
        (project, found)
        for project, found in grouped(work, project_of)
        if project is not None
        and not any(each.event_action in {"archived", "deleted"} for each in found)
    ]
    if running:
        project, found = running[0]
        name = projects_of(events).name(project)
        number = many(len(running), "project")
        are = "is" if len(running) == 1 else "are"
        said = f"{number} {are} in progress; you have done most for {name}"
        yield Deed(said, tuple(found))


def _usual_priority(
    created: Sequence[PastEvent], line_of: dict[str, int], context: Context
) -> SuggestedHint | None:
    with_one = [each for each in created if len(each.priority or "") in range(1, VALUE_MAX_CHARS)]
    if len(with_one) < SAMPLES_MIN or not context.lines:
        return None
    priority, found = grouped(with_one, lambda each: each.priority or "")[0]
    said = f"{len(found)} of your {len(with_one)} new projects had {ranked(priority)} priority"
    return SuggestedHint(priority, claim_of(said, found, line_of))


def _treatment(label: str, acts: Sequence[PastEvent]) -> Iterator[Deed]:
    """Return how the user mostly handles emails of a label."""
    read = len({each.entity for each in acts if each.event_type == "email_opened"})
    if read < SAMPLES_MIN:
        return
    name = in_quotes(label, 30)
    for kind, done in (("email_replied", "answered"), ("email_archived", "archived")):
        found = [each for each in acts if each.event_type == kind]
        number = len({each.entity for each in found})
        if number / read >= MOSTLY:
            yield Deed(
                f"you mostly {done} {name} emails: {min(number, read)} of {read} that you read",
                tuple(found),
            )
            return
    yield Deed(f"you took no action on most of the {read} {name} emails that you read", tuple(acts))


def _label_for(
    groups: Sequence[tuple[str, Sequence[PastEvent]]],
    subject: str,
    line_of: dict[str, int],
    context: Context,
) -> SuggestedHint | None:
    """Choose a label by its own words, and by the titles of its emails."""
    words = _words(subject)
    scores = [
        (
            2 * len(words & _words(label))
            + len(words & {word for each in acts for word in _words(each.title or "")}),
            label,
            acts,
        )
        for label, acts in groups
        if len(label) <= VALUE_MAX_CHARS
    ]
    best = max((score for score, _, _ in scores), default=0)
    if not best or not context.lines:
        return None
    label, acts = next((label, acts) for score, label, acts in scores if score == best)
    said = f"the subject sounds like your {in_quotes(label, 30)} emails"
    return SuggestedHint(label, claim_of(said, acts, line_of))


def _words(text: str) -> set[str]:
    """Return the words in lower case, without a plural s, so that `Invoices` is `invoice`."""
    found = (each.lower() for each in _WORD.findall(text))
    return {each.removesuffix("s") for each in found if len(each) >= WORD_MIN_CHARS}
