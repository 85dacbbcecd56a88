"""A tool's answer within a number of tokens, with nothing invisible in it.

Hosts show a model either part of an answer, the text or the structured one: both are made from what
is left here.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from app.insights.generation.token_estimate import tokens_at_most

RESULT_MAX_TOKENS = 7_000
# For the note about what was left out.
NOTE_TOKENS = 120
# Of a long list, an item has this share at least: some are shown as they are, rather than all of
# them by halves.
SHARES_MAX = 25
# A text of an answer may be cut where it is longer.
WHOLE_STRING_CHARS = 600
# Fields that are copied into another call or compared: half of one is none.
_COPIED = re.compile(r".*(_id|_email|cursor|_hash)")
# Of a text that is not free: half of one is no time, no id, none of the values.
_BOUND_TEXT = frozenset({"format", "pattern", "enum", "const"})
SMALL_CHARS = 40
CHARS_PER_TOKEN_MAX = 4

# Printable by Python, and drawn as nothing (Default_Ignorable_Code_Point): selectors, fillers.
_BLANK = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800),
        (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0000, 0xE0FFF),
    )
    for code in range(first, last + 1)
)  # fmt: skip


def visible(value: Any) -> Any:
    """Return JSON in which each invisible character of a text, or of a key, is written out as its
    escape: controls, line breaks, bidi controls, zero-width characters, tags, selectors."""
    if isinstance(value, str):
        if value.isascii() and value.isprintable():
            return value
        return "".join(each if _shows(each) else json.dumps(each)[1:-1] for each in value)
    if isinstance(value, dict):
        return {visible(key): visible(each) for key, each in value.items()}
    return [visible(each) for each in value] if isinstance(value, list) else value


def _shows(char: str) -> bool:
    if char in _BLANK:
        return False
    return char.isprintable() or unicodedata.category(char) == "Zs"


class Shape:
    """The parts of a result that can be omitted: whole items of lists and entries of maps, except
    in lists of a fixed length. Only free text is shortened, so that the rest still matches its
    schema."""

    def __init__(self, models: Iterable[type[BaseModel]]) -> None:
        self._free: set[str] = set()
        self._fixed: set[str] = set()
        for model in models:
            self._look(model.model_json_schema())

    def _look(self, schema: Any) -> None:
        if isinstance(schema, list):
            for each in schema:
                self._look(each)
        if not isinstance(schema, dict):
            return
        for name, field in schema.get("properties", {}).items():
            arms = [field, *field.get("anyOf", ())]
            if any("additionalProperties" in arm for arm in arms) or not (
                field.keys() & {"type", "anyOf", "$ref", "const", "enum"}
            ):
                self._free.add(name)
            if "minItems" in field or any(arm.keys() & _BOUND_TEXT for arm in arms):
                self._fixed.add(name)
        for each in schema.values():
            self._look(each)

    def fit(self, value: Any, tokens: int, *, free: bool = False) -> Any:
        """Return as much of some JSON as `tokens` allow.

        Args:
            free: it is JSON of users, or a map: any key may be left out.
        """
        if _fits(value, tokens):
            return value
        if isinstance(value, str):
            return _cut(value, tokens)
        if isinstance(value, list):
            return self._fit_list(value, tokens, free=free)
        if not isinstance(value, dict):
            return value
        return self._fit_map(value, tokens) if free else self._fit_record(value, tokens)

    def _fit_list(self, items: list[Any], tokens: int, *, free: bool) -> list[Any]:
        """The first items. Texts are whole unless they are users' JSON: they may be ids."""
        share = max(tokens // len(items), tokens // SHARES_MAX)
        kept: list[Any] = []
        for item in items:
            if free or not isinstance(item, str):
                item = self.fit(item, min(tokens, share), free=free)
            tokens -= tokens_of(item) + 2
            if tokens < 0:
                break
            kept.append(item)
        return kept

    def _fit_map(self, entries: dict[str, Any], tokens: int) -> dict[str, Any]:
        """The small entries first, in their order; the others share what is left."""
        sizes = {key: len(json.dumps(each)) for key, each in entries.items()}
        keys = sorted(entries, key=lambda key: max(sizes[key], SMALL_CHARS))
        kept: dict[str, Any] = {}
        for place, key in enumerate(keys):
            used = tokens_of(key) + 3
            share = tokens - used
            if sizes[key] > SMALL_CHARS:
                share = tokens // (len(keys) - place) - used
            if share <= 0:
                continue
            each = self.fit(entries[key], share, free=True)
            used += tokens_of(each)
            if used <= tokens:
                kept[key] = each
                tokens -= used
        return {key: kept[key] for key in entries if key in kept}

    def _fit_record(self, record: dict[str, Any], tokens: int) -> dict[str, Any]:
        """All fields stay. What can be cut shares what the others leave, the small ones first."""
        parts = [name for name, each in record.items() if self._can_be_cut(name, each)]
        rest = {name: None if name in parts else each for name, each in record.items()}
        tokens = max(0, tokens - tokens_of(rest))
        parts.sort(key=lambda name: len(json.dumps(record[name])))
        for place, name in enumerate(parts):
            share = tokens // (len(parts) - place)
            part = self.fit(record[name], share, free=name in self._free)
            rest[name] = part
            tokens = max(0, tokens - tokens_of(part))
        return rest

    def _can_be_cut(self, name: str, value: Any) -> bool:
        if name in self._fixed:
            return False
        if isinstance(value, str):
            return len(value) > WHOLE_STRING_CHARS and not _COPIED.fullmatch(name)
        return isinstance(value, list | dict)


def tokens_of(value: Any) -> int:
    """Return a bound on the tokens of a value, as text (`render.py`) or as JSON."""
    return tokens_at_most(json.dumps(value))


def left_out(whole: Any, shown: Any, path: str = "") -> dict[str, int]:
    """Return how many items or entries are missing of each list or map, by its path. Items of lists
    are not looked into."""
    if isinstance(whole, list):
        missing = len(whole) - len(shown)
        return {path: missing} if missing else {}
    if not isinstance(whole, dict):
        return {}
    missing = len(whole) - len(shown)
    found = {path: missing} if missing else {}
    for name, each in shown.items():
        found |= left_out(whole[name], each, f"{path}.{name}" if path else name)
    return found


def _fits(value: Any, tokens: int) -> bool:
    text = json.dumps(value)
    return len(text) <= CHARS_PER_TOKEN_MAX * max(tokens, 1) and tokens_at_most(text) <= tokens


def _cut(text: str, tokens: int) -> str:
    length = tokens * CHARS_PER_TOKEN_MAX
    while length > 0 and not _fits(f"{text[:length]}...", tokens):
        length = length * 2 // 3
    return f"{text[:length]}..." if length else "..."
