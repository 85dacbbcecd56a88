"""Parts of a text that is no JSON as a whole: their values, and where they end.

Every step is linear: what is read in vain is counted, and at its bound nothing more is read.
"""

import json
import re

from app.schemas.strict_json import DECODER

# What may be read in vain, in characters: for each one of the text, and of any text.
EFFORT = 20
EFFORT_MAX = 12_000_000
# What it costs, in characters: a failure of the parser; so many characters before it, of which it
# counts the lines; a great depth; and a character that is looked at for brackets.
ERROR_COST = 32
COUNTED_CHARS = 512
DEPTH_COST = 30_000
BRACKET_COST = 2
REPAIRED_MAX_CHARS = 512 * 1024  # a larger part would be too large for an event anyway

_SCALAR = re.compile(r"[^,{}\[\]\"]+")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}:,]', re.DOTALL)
# All but commas that separate nothing.
_NEEDED = re.compile(r'(?:[^",]+|"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\[{]),(?!\s*[,}\]])|")+', re.DOTALL)
_OPENING = {"}": "{", "]": "["}


class Parts:
    """The parts of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._effort = min(EFFORT * len(text) + 2 * DEPTH_COST, EFFORT_MAX)

    @property
    def is_spent(self) -> bool:
        """Whether nothing more is read."""
        return self._effort <= 0

    def without_needless_commas(self, start: int, end: int) -> str | None:
        """A part, as JSON has its commas; None where it is too large."""
        if end - start > REPAIRED_MAX_CHARS:
            return None
        return "".join(_NEEDED.findall(self._text, start, end))

    def value_at(self, position: int) -> tuple[object, int] | None:
        """The value that begins here, and where it ends; None where it is not JSON."""
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
        """Where the value ends that begins here, by its brackets alone; None where they don't fit.

        Strings have only space between themselves and the next bracket, comma or colon: else a
        quotation mark is missing, and inside and outside are mistaken for each other.
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
