"""Parts of a text that is not valid JSON as a whole: their values and ends.

The total effort is linear: failed reads are counted, and reading stops at a bound.
"""

import json
import re

from app.schemas.strict_json import DECODER

# Bounds of failed reads, in characters: for each character of the text, and for any text.
EFFORT = 20
EFFORT_MAX = 12_000_000
# Costs in characters: a failure of the parser; the characters before it, in which it counts the
# lines; excessive depth; and a character that is scanned for brackets.
ERROR_COST = 32
COUNTED_CHARS = 512
DEPTH_COST = 30_000
BRACKET_COST = 2
REPAIRED_MAX_CHARS = 512 * 1024  # a larger part would be too large for an event anyway

_SCALAR = re.compile(r"[^,{}\[\]\"]+")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}:,]', re.DOTALL)
# Everything except commas that separate nothing.
_NEEDED = re.compile(r'(?:[^",]+|"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\[{]),(?!\s*[,}\]])|")+', re.DOTALL)
_OPENING = {"}": "{", "]": "["}


class Parts:
    """The parts of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._effort = min(EFFORT * len(text) + 2 * DEPTH_COST, EFFORT_MAX)

    @property
    def is_spent(self) -> bool:
        """Whether the bound is reached."""
        return self._effort <= 0

    def without_needless_commas(self, start: int, end: int) -> str | None:
        """Return a part without superfluous commas; None if it is too large."""
        if end - start > REPAIRED_MAX_CHARS:
            return None
        return "".join(_NEEDED.findall(self._text, start, end))

    def value_at(self, position: int) -> tuple[object, int] | None:
        """Return the value that begins here and its end; None if it is not valid JSON."""
        if self.is_spent:
            return None
        try:
            value, end = DECODER.raw_decode(self._text, position)
        except json.JSONDecodeError as error:
            self._effort -= error.pos - position + error.pos // COUNTED_CHARS + ERROR_COST
            return None
        except RecursionError:
            self._effort -= DEPTH_COST
            return None
        return value, end

    def end_of(self, start: int) -> int | None:
        """Return the end of the value that begins here, by its brackets alone; None if they do not
        match.

        Only space may separate a string from the next bracket, comma or colon. Anything else means
        that a quotation mark is missing, and inside and outside would be confused.
        """
        if self.is_spent:
            return None
        text = self._text
        if text[start : start + 1] not in ("{", "["):
            scalar = _STRING.match(text, start) or _SCALAR.match(text, start)
            return None if scalar is None else scalar.end()
        stack: list[str] = []
        previous, position = "", start
        for match in _TOKEN.finditer(text, start):
            begin = match.start()
            sign = text[begin]
            gap = text[position:begin]
            if '"' in (sign, previous) and (sign == previous or (gap and not gap.isspace())):
                break
            if sign in "{[":
                if stack and stack[-1] == "{" and previous != ":":
                    break
                stack.append(sign)
            elif sign in "}]":
                if stack.pop() != _OPENING[sign]:
                    break
                if not stack:
                    self._effort -= BRACKET_COST * (match.end() - start)
                    return match.end()
            elif sign == ":" and stack[-1] != "{":
                break
            previous, position = sign, match.end()
        self._effort -= BRACKET_COST * (position - start)
        return None
