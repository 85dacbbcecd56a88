"""A body that is no JSON -> what of it is.

Used only after the parser has refused a body as a whole. The parts of it that are JSON are still
read by the parser; only where it fails, the text is scanned for where that part ends. So one event
that was cut, or has a comma too many, costs at most itself.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from app.errors import UnreadableBody
from app.schemas.json_parts import Parts
from app.schemas.strict_json import Fault, Mark, object_of, parse_text

REPAIRED_LEVELS = 3  # a body's, an event's and its metadata's own fields are told apart
EVENTS_READ = 1000  # one more, and the batch is refused
UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

_HALF_READ = re.compile(r"[^\s,{}\[\]\":]")  # 01, 1.2.3, 12px
_SPACE = re.compile(r"\s*")
_COMMAS = re.compile(r"[\s,]*")
_EVENT_START = re.compile(r'\{(?=\s*")')
_EVENTS_START = re.compile(r'"events"\s*:\s*\[')
_AFTER_EVENTS = re.compile(
    r'\]\s*,\s*"(?:user_email|session_id|device_type|context_snapshot|sent_at|batch_id|key)"\s*:'
)
# A cut right behind an object of an event ends with a bracket, too, but not with that of the list.
_END_OF_BODY = re.compile(r"\]\s*\}$")
_PUNCTUATION = ' \t\r\n\0"{}[]:,'

UNREADABLE = Mark("invalid_json", "is not JSON")
CUT_OFF = Mark("invalid_json", "is not JSON: the body ends within it")
ENVELOPE_PART = Fault("invalid_json", "body", "holds a part that is not JSON; left out")
TRUNCATED = Fault(
    "truncated_body", "body", "ends too early: what came after its last event was not received"
)


@dataclass(slots=True)
class ReadBody:
    """A body's value, and what of it could not be read beside its events."""

    value: object
    faults: list[Fault] = field(default_factory=list)


def read_batch_json(body: bytes) -> ReadBody:
    """A batch's body; events that can't be read are marks (see `app.schemas.strict_json`).

    Raises:
        UnreadableBody: no list of events can be found in it.
    """
    return _read(body, is_batch=True)


def read_event_json(body: bytes) -> ReadBody:
    """One event's body; fields that can't be read are marks.

    Raises:
        UnreadableBody: it is no JSON object, or not a whole one.
    """
    return _read(body, is_batch=False)


def decoded(body: bytes) -> str:
    """The text of a body. Bytes that are not UTF-8 become half characters (`surrogateescape`),
    which are replaced where they stand; UTF-16 is known by its first bytes."""
    if body.startswith(UTF16_BOMS):
        return body.decode("utf-16", "replace")
    return body.removeprefix(UTF8_BOM).decode("utf-8", "surrogateescape")


def _read(body: bytes, *, is_batch: bool) -> ReadBody:
    text = decoded(body)
    try:
        return ReadBody(parse_text(text))
    except UnreadableBody:
        found = _Reader(text).body(is_batch)
        if found is None:
            raise
        return found


class _Lost(Exception):
    """The structure of the text is lost at this position."""


class _Reader:
    """Reads one text, from its begin to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = len(text)
        self._parts = Parts(text)
        self._faults: list[Fault] = []
        self._pairs: list[tuple[str, Any]] = []
        self._events_read: list[object] | None = None
        self._is_cut = True  # until its end was found to belong to an event that can't be read

    def body(self, is_batch: bool) -> ReadBody | None:
        """None where there is no object, in a batch one with events, or of an event not all."""
        start = self._skip(_SPACE, 0)
        if not self._text.startswith("{", start):
            return None
        if not is_batch:
            end = self._parts.end_of(start)
            if end is None or self._text[end:].strip(_PUNCTUATION):
                return None
            value = self._repaired(start, end)
            return ReadBody(value) if isinstance(value, dict) else None
        self._envelope(start + 1)
        value = object_of(self._pairs)
        if not isinstance(value.get("events"), list):
            return None
        return ReadBody(value, list(dict.fromkeys(self._faults)))

    def _envelope(self, position: int) -> None:
        """The fields of the body, into `_pairs`. Where one can't be read, or more follows its end,
        what is left is looked through for events."""
        while not self._parts.is_spent:
            try:
                position = self._member(position, 0, self._pairs)
            except _Lost:
                pass
            else:
                if position >= self._end:
                    if self._is_cut:
                        self._faults.append(TRUNCATED)
                    return
                if self._text[position] != "}":
                    continue
                if not self._text[position:].strip(_PUNCTUATION):
                    return
            self._faults.append(ENVELOPE_PART)
            resumed = self._resumed(position)
            if resumed is None:
                return
            position = resumed

    def _resumed(self, position: int) -> int | None:
        """The next list of events; or the position after events that follow by themselves, as their
        list was closed too early."""
        found = _EVENTS_START.search(self._text, position)
        if found is not None:
            return found.start()
        start = None if self._events_read is None else self._next_event(position)
        if start is None or self._events_read is None:
            return None
        return self._events(start, self._events_read)

    def _member(self, position: int, level: int, pairs: list[tuple[str, Any]]) -> int:
        """Reads one key and value; the position after it, or that of the closing bracket."""
        text = self._text
        position = self._skip(_COMMAS, position)
        if position >= self._end or text[position] == "}":
            return position
        if text[position] != '"':
            raise _Lost
        key_and_end = self._parts.value_at(position)
        if key_and_end is None:
            raise _Lost
        key = str(key_and_end[0])
        position = self._skip(_SPACE, key_and_end[1])
        if not text.startswith(":", position):
            raise _Lost
        position = self._skip(_SPACE, position + 1)
        if level == 0 and key == "events" and text.startswith("[", position):
            events: list[object] = []
            self._events_read = events
            position = self._events(position + 1, events)
            pairs.append((key, events))
            return position
        value, position = self._value(position, level)
        pairs.append((key, value))
        position = self._skip(_SPACE, position)
        if position < self._end and text[position] not in ",}":
            raise _Lost
        return position

    def _value(self, position: int, level: int) -> tuple[object, int]:
        decoded = self._parts.value_at(position)
        if decoded is not None and not _HALF_READ.match(self._text, decoded[1]):
            return decoded
        end = self._parts.end_of(position)
        if end is None:
            raise _Lost
        return self._repaired(position, end, level + 1), end

    def _events(self, position: int, events: list[object]) -> int:
        """Reads the events of a list; the position after the list, or the end of the text."""
        text = self._text
        while True:
            if len(events) > EVENTS_READ:
                return self._end
            position = self._skip(_COMMAS, position)
            if position >= self._end:
                return position
            if text[position] == "]":
                after = self._skip(_SPACE, position + 1)
                if after >= self._end or text[after] == "}":
                    return after
                comma = self._skip(_COMMAS, after)
                if comma > after and text.startswith('"', comma):
                    return after
                position = self._after_junk(after, events)
                continue
            position = self._event(position, events)

    def _event(self, position: int, events: list[object]) -> int:
        found = self._parts.value_at(position)
        if found is None:
            end = self._parts.end_of(position)
            if end is None or self._text[position] != "{":
                return self._after_junk(position, events)
            found = self._repaired(position, end), end
        value, end = found
        after = self._skip(_SPACE, end)
        is_followed = after >= self._end or self._text[after] in ",]{"
        if not is_followed and not isinstance(value, dict):
            return self._after_junk(position, events)
        events.append(value)
        return after if is_followed else self._after_junk(after, events)

    def _after_junk(self, position: int, events: list[object]) -> int:
        """The position of the next event, or of the end of the list. What is before it is an event
        that can't be read, but for mere punctuation."""
        end = self._next_event(position)
        mark = UNREADABLE
        if end is None:
            for match in _AFTER_EVENTS.finditer(self._text, position):
                end = match.start()
        if end is None:
            end = self._end
            self._is_cut = _END_OF_BODY.search(self._text.rstrip()) is None
            mark = CUT_OFF if self._is_cut else UNREADABLE
        if self._text[position:end].strip(_PUNCTUATION):
            events.append(mark)
        return end

    def _next_event(self, position: int) -> int | None:
        """The next object that is whole and has an `event_type`, and is no field's value."""
        for match in _EVENT_START.finditer(self._text, position):
            start = match.start()
            if start < position or self._parts.is_spent:
                continue
            if self._text[max(0, start - 20) : start].rstrip().endswith(":"):
                continue
            found = self._parts.value_at(start)
            if found is None:
                continue
            value, end = found
            if isinstance(value, dict) and isinstance(value.get("event_type"), str):
                return start
            position = end
        return None

    def _repaired(self, start: int, end: int, level: int = 1) -> object:
        """The value between the two positions, which is not JSON: without commas too many, cut in
        its depth, or with marks for those of its fields that can't be read."""
        part = self._parts.without_needless_commas(start, end)
        if part is None:
            return UNREADABLE
        try:
            return parse_text(part)
        except UnreadableBody:
            if level >= REPAIRED_LEVELS or not part.startswith("{"):
                return UNREADABLE
        pairs: list[tuple[str, Any]] = []
        position = start + 1
        try:
            while position < end and self._text[position] != "}":
                position = self._member(position, level, pairs)
        except _Lost:
            return UNREADABLE
        return object_of(pairs) if position == end - 1 else UNREADABLE

    def _skip(self, pattern: re.Pattern[str], position: int) -> int:
        match = pattern.match(self._text, position)
        return position if match is None else match.end()
