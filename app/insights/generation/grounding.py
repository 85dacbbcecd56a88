"""Grounding of generated text: which claims of a generator are accepted.

A claim cites lines of the context, and through them a user's events. A model's claim is rejected if
it cites nothing, or lines that do not exist; if its text could harm its reader (markup, links,
hidden characters); or if it names things that its lines don't name.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from app.insights.generation.context import IDS_PER_LINE, Context, Line

TEXT_MAX_CHARS = 300
# Of what is longer nothing is looked at: looking takes time.
SAID_MAX_CHARS = 4_000
CITES_MAX = 20
CLAIMS_MAX = 8

# `Cc`, `Cf` and so on: what isn't seen, or turns the text around.
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
# Markup, and whatever could end a quotation.
_UNQUOTED = frozenset('<>[]{}`|"*_\\&\u201c\u201d\u201e\u201f\u00ab\u00bb')
_MARKUP = re.compile(r"[<>\[\]{}`|]|\*\*|__|&#?\w+;")
# Some models repeat their citations in the text.
_NUMBERS = re.compile(r"(?:(?<!\s)\s++)?\[\d{1,4}(?:\s*,\s*\d{1,4})*\]")
_WORD = re.compile(r"[^\s\"'“”‘’«»()]+")  # noqa: RUF001 (quotes as people write them)
_LINK = re.compile(r"//|\b(?:data|file|javascript|mailto|sms|tel|vbscript):|\bwww\.", re.IGNORECASE)
# As JSON writes what isn't ASCII; a context is full of it.
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_DOMAIN = re.compile(r"(?<=[\w-])\.[^\W\d_]{2,}")  # the end of one's first two labels
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[a-z]{1,12}[-_]\d+(?![0-9a-z])"
    r"|[a-z]{1,4}[-_][0-9a-f]{6,}|[0-9a-f]{16,}",
    re.IGNORECASE,
)
_ENDS = ".,;:!?…"


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence, and the numbers of the lines of the context that it rests on."""

    text: str
    cites: list[int]


@dataclass(frozen=True, slots=True)
class GroundedClaim:
    """A sentence to be believed: it cites lines of the context, by their numbers, and the events
    that it is about, the latest first."""

    text: str
    cites: tuple[int, ...]
    event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """A line of the context that a claim cites."""

    number: int
    text: str
    event_ids: tuple[str, ...]
    events: int


@dataclass(slots=True)
class Examination:
    """Goes through what a model said; `faults` has a reason for each claim that was rejected."""

    context: Context
    kept: int = 0
    faults: list[str] = field(default_factory=list)

    def claims(self, place: str, said: Sequence[Claim]) -> tuple[GroundedClaim, ...]:
        """Return the accepted claims, at most `CLAIMS_MAX`."""
        held = [
            claim
            for number, each in enumerate(said[:CLAIMS_MAX], 1)
            if (claim := self.claim(f"{place} {number}", each)) is not None
        ]
        self.faults += [f"{place}: too many" for _ in said[CLAIMS_MAX:]]
        return tuple(held)

    def claim(self, place: str, said: Claim | None) -> GroundedClaim | None:
        """The claim, if it holds."""
        if said is None:
            return None
        text = tidy(said.text[:SAID_MAX_CHARS])
        cites = tuple(sorted(set(said.cites)))
        fault = fault_of(text, cites, self.context)
        if len(said.text) > SAID_MAX_CHARS:
            fault = f"more than {SAID_MAX_CHARS} characters"
        if fault is not None:
            self.faults.append(f"{place}: {fault}")
            return None
        self.kept += 1
        return GroundedClaim(text, cites, ids_of(self.context, cites))

    def reject(self, place: str, fault: str) -> None:
        """A claim that held is not wanted after all."""
        self.kept -= 1
        self.faults.append(f"{place}: {fault}")


def tidy(text: str) -> str:
    """Return the text on one line, in plain letters (NFKC), without citations that a model put into
    it."""
    return " ".join(unicodedata.normalize("NFKC", _unescaped(_NUMBERS.sub("", text))).split())


def _unescaped(text: str) -> str:
    return _ESCAPES.sub(lambda found: str(json.loads(f'"{found.group()}"')), text)


def fault_of(text: str, cites: Sequence[int], context: Context) -> str | None:
    """Why a claim can't be believed; None if it can."""
    if not text:
        return "it is empty"
    if len(text) > TEXT_MAX_CHARS:
        return f"more than {TEXT_MAX_CHARS} characters"
    if not cites:
        return "it cites no line"
    if len(cites) > CITES_MAX:
        return f"it cites more than {CITES_MAX} lines"
    if not all(1 <= number <= len(context.lines) for number in cites):
        return "it cites a line that does not exist"
    return _fault_of_text(text, [context.lines[number - 1] for number in cites])


def _fault_of_text(text: str, lines: Sequence[Line]) -> str | None:
    if any(unicodedata.category(each) in _HIDDEN for each in text):
        return "it has hidden characters"
    if _MARKUP.search(text):
        return "it has markup"
    known = {word for line in lines for word in _words(line.text)}
    known |= {event_id for line in lines for event_id in line.event_ids}
    for word in _words(text):
        if _is_link(word):
            return "it has a link"
        if word not in known and (_DOMAIN.search(word) or _ADDRESS.search(word)):
            return "it names an address that its lines don't have"
        if word not in known and any(
            each not in known for each in map(str.lower, _ID.findall(word))
        ):
            return "it names a thing that its lines don't have"
    return None


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(unicodedata.normalize("NFKC", _unescaped(text))):
        yield word.strip(_ENDS).lower()


def _is_link(word: str) -> bool:
    """Also a domain with more behind it: that is where something could be carried out."""
    if _LINK.search(word) is not None:
        return True
    domain = _DOMAIN.search(word)
    return domain is not None and any(sign in word[domain.end() :] for sign in "/?#:")


def harmless(text: str, at_most: int = 80) -> str:
    """Return user-written text for a sentence of ours: readable, and never a fault of its claim."""
    seen = "".join(
        " " if unicodedata.category(each) in _HIDDEN or each in _UNQUOTED else each
        for each in unicodedata.normalize("NFKC", text[: 4 * at_most])
    )
    words = [
        "..." if _is_link(word) or _DOMAIN.search(word) or _ADDRESS.search(word) else word
        for word in seen.split()
    ]
    said = " ".join(words)
    return said if len(said) <= at_most else f"{said[: at_most - 3]}..."


def in_quotes(text: str | None, at_most: int = 80) -> str:
    """Quote user-written text for a sentence of ours, so that it can't be mistaken for our
    words."""
    return f'"{harmless(text or "", at_most) or "..."}"'


def ids_of(context: Context, cites: Iterable[int]) -> tuple[str, ...]:
    """The events of the lines, each once."""
    found = [event_id for number in cites for event_id in context.lines[number - 1].event_ids]
    return tuple(dict.fromkeys(found))[:IDS_PER_LINE]


def citations(context: Context, claims: Iterable[GroundedClaim]) -> tuple[Citation, ...]:
    """Every line that is cited, in order."""
    cited = sorted({number for claim in claims for number in claim.cites})
    lines = [(number, context.lines[number - 1]) for number in cited]
    return tuple(Citation(n, line.text, line.event_ids, line.events) for n, line in lines)
