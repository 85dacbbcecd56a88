"""Personal data in a text: where it is, in any spelling, and the text without it."""

from app.ingest.pacing import rest
from app.ingest.pii_finders import WORK_OF_A_TEXT, Finder, Place, SpentError
from app.ingest.pii_forms import forms
from app.ingest.pii_keys import KeyRules
from app.ingest.pii_shapes import SHAPES
from app.ingest.pii_signs import is_worth_a_look
from app.ingest.pii_urls import parameters, userinfos
from app.ingest.pii_values import MARK

KEY_KIND = "key"

Shapes = tuple[tuple[str, Finder], ...]


def clean_text(
    text: str, rules: KeyRules, place: Place, shapes: Shapes = SHAPES
) -> tuple[str, list[str]]:
    """A text without what is personal in it, and the kinds of that, each once.

    Raises:
        SpentError: there was more to look at than the budget has.
    """
    if not is_worth_a_look(text):
        return text, []
    found = find(text, rules, place, shapes)
    if place.budget.is_spent:
        raise SpentError
    if not found:
        return text, []
    pieces: list[str] = []
    done = 0
    for start, end, kind in found:
        pieces += text[done:start], f"[redacted:{kind}]"
        done = end
    pieces.append(text[done:])
    kinds = dict.fromkeys(kind for _, _, kind in found)
    return "".join(pieces), list(kinds)


def find(text: str, rules: KeyRules, place: Place, shapes: Shapes) -> list[tuple[int, int, str]]:
    """Find personal data in any spelling, in order and without overlaps."""
    spans: list[tuple[int, int, str]] = []
    taken: list[tuple[int, int]] = [match.span() for match in MARK.finditer(text)]
    for form in forms(text, place.budget):
        rest()
        place.budget.batch.work -= WORK_OF_A_TEXT + len(form.text)
        if place.budget.is_spent:
            break
        new: list[tuple[int, int, str]] = [
            (*form.span(*span), "token")
            for span in userinfos(form.text)
            if not _touches(taken, form.span(*span))
        ]
        blocked = sorted({*taken, *(span[:2] for span in new)})
        for kind, find in shapes:
            rest()
            new += (
                (*form.span(*span), kind)
                for span in find(form.text, place)
                if not _touches(blocked, form.span(*span))
            )
        new += (
            (*form.span(*span), KEY_KIND)
            for span in parameters(form.text, rules)
            if not _touches(blocked, form.span(*span))
        )
        taken = blocked
        spans += new
    return _union(spans)


def _union(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Merge overlapping findings; the first kind wins, and a shape's before a key's."""

    def rank(index: int) -> tuple[bool, int]:
        return spans[index][2] == KEY_KIND, index

    order = sorted(range(len(spans)), key=lambda index: spans[index][0])
    found: list[tuple[int, int, int]] = []
    for index in order:
        start, end, _ = spans[index]
        if found and start < found[-1][1]:
            first, last, by = found[-1]
            found[-1] = (first, max(last, end), min(by, index, key=rank))
        else:
            found.append((start, end, index))
    return [(start, end, spans[by][2]) for start, end, by in found]


def _touches(spans: list[tuple[int, int]], span: tuple[int, int]) -> bool:
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] <= span[0]:
            low = middle + 1
        else:
            high = middle
    return low < len(spans) and spans[low][0] < span[1]
