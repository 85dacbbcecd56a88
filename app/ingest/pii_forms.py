"""Other spellings of a text, decoded, with the way back to where each character came from.

An address may be percent-encoded, once or twice, written with HTML entities, as quoted-printable,
in fullwidth letters, with invisible characters in it, or as `ada (at) example (dot) com`. What is
found in a decoded form is taken out of the text as it was given.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.ingest.pii_finders import Budget

PLAIN_MAX_CHARS = 4096
LIGATURE_MAX_CHARS = 4  # some signs are a whole sentence, and no address
TIMES_MAX = 3  # percent-encoded twice, and whatever was encoded before

_WORD_IN_BRACKETS = r"\s{0,2}[(\[{<]\s?(?:at|dot)\s?[)\]}>]\s{0,2}"
# Invisible characters, dashes and spaces of other kinds, digits of other scripts.
_UNSEEN = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0001-\U000e007f"
)
_ODD = re.compile(rf"[{_UNSEEN}\u2010-\u2015\u2212\u2043\u3002]|(?![0-9])\d")
_ENCODED = re.compile(
    r"%u[0-9A-Fa-f]{4}|%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])+"
    r"|&(?:#\d{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z]{2,31};)"
    r"|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[\"'/\\]"
    rf"|{_WORD_IN_BRACKETS}",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?!)")
_QUOTED_PRINTABLE = re.compile(r"=[2-7][0-9A-Fa-f]|=\r?\n")
IS_ENCODED = re.compile(
    rf"%u?[0-9A-Fa-f]{{2}}|&#|&[A-Za-z]{{2,31}};|\\|=[2-7][0-9A-Fa-f]|=\r?\n|{_WORD_IN_BRACKETS}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Form:
    """A text, and of each of its characters where that began and ended in the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the range in the original text for `start` to `end` in this text."""
        return self.starts[start], self.ends[end - 1]


def is_odd(text: str) -> bool:
    """Whether the text has a look-alike or invisible character."""
    return not text.isascii() and (
        _ODD.search(text) is not None or not unicodedata.is_normalized("NFKC", text)
    )


def forms(text: str, budget: Budget) -> Iterator[Form]:
    """Yield the text as it is, then decoded once, twice, and so on; each step is linear in its
    length, and stops once the budget is spent."""
    form = Form(text, range(len(text)), range(1, len(text) + 1))
    yield form
    odd = is_odd(text)
    if not odd and IS_ENCODED.search(text) is None:
        return
    if _QUOTED_PRINTABLE.search(text) is not None:
        quoted = _replaced(form, _QUOTED_PRINTABLE, _from_quoted_printable, budget)
        if quoted is not None:
            yield quoted
            if further := _decoded(quoted, budget):
                yield further
    for _ in range(TIMES_MAX):
        further = _decoded(form, budget)
        if further is None:
            return
        form = further
        yield form


def plain_form(text: str) -> str:
    """The text, decoded as often as it can be; a long one as it is."""
    if len(text) > PLAIN_MAX_CHARS or (text.isascii() and IS_ENCODED.search(text) is None):
        return text
    budget = Budget()
    form = Form(text, range(len(text)), range(1, len(text) + 1))
    for _ in range(TIMES_MAX):
        further = _decoded(form, budget)
        if further is None:
            break
        form = further
    return form.text


def _decoded(form: Form, budget: Budget) -> Form | None:
    found = _replaced(form, _ENCODED, _from_encoded, budget)
    if is_odd((found or form).text):
        return _replaced(found or form, _odd_of((found or form).text), _from_odd, budget) or found
    return found


def _odd_of(text: str) -> "re.Pattern[str]":
    """Matches those of its characters that read as others."""
    odd = {each for each in set(text) if not each.isascii() and _plain_character(each) != each}
    return re.compile("[" + "".join(map(re.escape, sorted(odd))) + "]") if odd else _NOTHING


def _replaced(
    form: Form,
    pattern: "re.Pattern[str]",
    replace: Callable[["re.Match[str]"], str],
    budget: Budget,
) -> Form | None:
    """Return the text with the matches replaced; None if nothing changes."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in pattern.finditer(form.text):
        new = replace(match)
        if new == match.group():
            continue
        budget.decodings -= 1
        if budget.decodings < 0:
            return None
        start, end = match.span()
        pieces += form.text[done:start], new
        starts += form.starts[done:start]
        ends += form.ends[done:start]
        first, last = form.span(start, end)
        starts += [first] * len(new)
        ends += [last] * len(new)
        done = end
    if not done:
        return None
    pieces.append(form.text[done:])
    starts += form.starts[done:]
    ends += form.ends[done:]
    return Form("".join(pieces), starts, ends)


def _from_encoded(match: "re.Match[str]") -> str:
    given = match.group()
    if given[:2] in {"%u", "%U"}:
        return chr(int(given[2:], 16))
    if given[0] == "%":
        return bytes.fromhex(given.replace("%", "")).decode("utf-8", "replace")
    if given[0] == "&":
        return html.unescape(given)
    if given[0] == "\\":
        return chr(int(given[2:], 16)) if len(given) > 2 else given[1]
    return "." if "o" in given.lower() else "@"


def _from_quoted_printable(match: "re.Match[str]") -> str:
    given = match.group()
    return chr(int(given[1:], 16)) if given[1] not in "\r\n" else ""


def _from_odd(match: "re.Match[str]") -> str:
    return _plain_character(match.group())


@lru_cache(maxsize=4096)
def _plain_character(character: str) -> str:
    if re.match(f"[{_UNSEEN}]", character):
        return ""
    match unicodedata.category(character):
        case "Cf":
            return ""
        case "Nd":
            return str(unicodedata.digit(character))
        case "Pd":
            return "-"
        case "Zs":
            return " "
    if character in "\u2212\u2043":
        return "-"
    if character in "\u3002\uff61":
        return "."
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) <= LIGATURE_MAX_CHARS else character
