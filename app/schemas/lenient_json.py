"""Recover the valid parts of a body that is not valid JSON.

Used only after the parser has rejected the body as a whole. The parser still reads the parts that
are JSON; only where it fails is the text scanned for the end of that part. An event that is cut off
or has a superfluous comma therefore affects at most itself.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from app.errors import UnreadableBody
from app.schemas.json_parts import Parts
from app.schemas.strict_json import Fault, Mark, object_of, parse_text

REPAIRED_LEVELS = 3  # the fields of the body, of an event and of its metadata
EVENTS_READ = 1000  # a batch with more is rejected
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
# A body cut right after an object in an event also ends with a bracket, but not the list's.
_END_OF_BODY = re.compile(r"\]\s*\}$")
_PUNCTUATION = ' \t\r\n\0"{}[]:,'

UNREADABLE = Mark("invalid_json", "is not valid JSON")
CUT_OFF = Mark("invalid_json", "is not valid JSON: the body ends inside it")
ENVELOPE_PART = Fault("invalid_json", "body", "contains a part that is not valid JSON; ignored")
TRUNCATED = Fault(
    "truncated_body", "body", "is truncated: anything after its last event was not received"
)


@dataclass(slots=True)
class ReadBody:
    """The value of a body, and the faults found outside its events."""

    value: object
    faults: list[Fault] = field(default_factory=list)


def read_batch_json(body: bytes) -> ReadBody:
    """Read the body of a batch; unreadable events become marks (see `app.schemas.strict_json`).

    Raises:
        UnreadableBody: the body contains no list of events.
    """
    return _read(body, is_batch=True)


def read_event_json(body: bytes) -> ReadBody:
    """Read the body of a single event; unreadable fields become marks.

    Raises:
        UnreadableBody: the body is not a complete JSON object.
    """
    return _read(body, is_batch=False)


def decoded(body: bytes) -> str:
    """Decode a body. Invalid UTF-8 becomes lone surrogates (`surrogateescape`), which are replaced
    later; UTF-16 is recognised by its byte order mark."""
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
    """The structure of the text cannot be followed from this position."""


class _Reader:
    """Reads a text from start to end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = len(text)
        self._parts = Parts(text)
        self._faults: list[Fault] = []
        self._pairs: list[tuple[str, Any]] = []
        self._events_read: list[object] | None = None
        self._is_cut = True  # until the end turns out to belong to an unreadable event

    def body(self, is_batch: bool) -> ReadBody | None:
        """Return the body; None if it is no object, has no list of events, or is incomplete."""
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
        """Read the fields of the body into `_pairs`. If one is unreadable, or the body has already
        ended, search the rest for events."""
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
        """Read the events of a list; return the position after it, or the end of the text."""
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
        """Return the position of the next event, or of the end of the list. The text before it,
        unless it is mere punctuation, counts as an unreadable event."""
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
        """Return the position of the next complete object that has an `event_type` and is not the
        value of a field."""
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
        """Return the value between two positions, which is not valid JSON: without superfluous
        commas, cut in depth, or with marks in place of its unreadable fields."""
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
