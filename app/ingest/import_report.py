"""The rejected entries of a file: a bounded summary by code, and all of them in a file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from app.ingest.import_events import ImportCounts
from app.ingest.import_files import Entry
from app.ingest.import_mapping import FieldMapping
from app.ingest.results import Rejected
from app.schemas.strict_json import Fault

LINES_SHOWN = 3
NAMES_SHOWN = 20
CODES_MAX = 100
MESSAGE_MAX_CHARS = 300


@dataclass(slots=True)
class _Code:
    times: int = 0
    first: list[str] = field(default_factory=list)


class RejectionReport:
    """Counts rejected entries by code, and keeps the first of each.

    With a `file`, all of them are written to it: each entry as it is, with the reason as its field
    `rejected`. That file can be corrected and imported.
    """

    def __init__(self, file: IO[bytes] | None) -> None:
        self.unit = "line"
        self._codes: dict[str, _Code] = {}
        self._file = file

    def add(self, entry: Entry, fault: Fault) -> None:
        code = self._codes.get(fault.code)
        if code is None:
            key = fault.code if len(self._codes) < CODES_MAX else "others"
            code = self._codes.setdefault(key, _Code())
        code.times += 1
        if len(code.first) < LINES_SHOWN:
            text = f"{self.unit} {entry.number}: {fault.field}: {fault.message}"
            code.first.append(text[:MESSAGE_MAX_CHARS])
        if self._file is not None:
            self._file.write(_line(entry, fault))

    def lines(self) -> Iterator[str]:
        """The summary, the most frequent code first."""
        for name, code in sorted(self._codes.items(), key=lambda item: (-item[1].times, item[0])):
            plural = "" if code.times == 1 else {"entry": "entries"}.get(self.unit, self.unit + "s")
            yield f"{name}: {code.times:,} {plural or self.unit}"
            yield from (f"  {text}" for text in code.first)
            if code.times > len(code.first):
                yield f"  ... and {code.times - len(code.first):,} more"


def described(mapping: FieldMapping) -> Iterator[str]:
    """Yield a line per mapped field; none for a file of this service."""
    if mapping.known is not None:
        yield f"The file is an export of {mapping.known.name}."
    if mapping.users:
        yield f"{', else '.join(user.source for user in mapping.users)} -> user_email"
    for move in mapping.moves:
        if move.source != move.target:
            yield f"{move.source} -> {move.target}"
    for name in sorted(mapping.unseen):
        yield f"{name} is missing in the first entries"
    for name in sorted(mapping.left_out):
        yield _ignored(name, mapping)


def summary(counts: ImportCounts, report: RejectionReport) -> Iterator[str]:
    """Yield the lines about entries and fields that were not simply imported."""
    if counts.rejected:
        yield f"{counts.rejected:,} rejected:"
        yield from (f"  {line}" for line in report.lines())
    for code, (times, number, warning) in sorted(counts.warnings.items()):
        first = f"{report.unit} {number}: {warning.field} {warning.message}"
        yield f"{code}: {times:,} times, first in {first}"
    if counts.suppressed:
        yield f"{counts.suppressed:,} suppressed: their users opted out or were erased"
    if counts.mismatched:
        yield (f"{counts.mismatched:,} duplicates differ from the stored events, which were kept")
    names = sorted(counts.ignored, key=lambda name: (-counts.ignored[name], name))
    if names:
        shown = ", ".join(f"{name} ({counts.ignored[name]:,})" for name in names[:NAMES_SHOWN])
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        yield (
            f"Ignored, because they are not fields of an event: {shown}{more}. --rest-to-metadata "
            "stores all of them, --map NAME=metadata.NAME one of them."
        )


def _ignored(name: str, mapping: FieldMapping) -> str:
    """Why a field that has the name of an event's is not taken for it."""
    known = mapping.known
    if known is not None and name in known.ignored:
        return f"{known.name}'s `{name}` is ignored: {known.ignored[name]}."
    sources = {move.target: move.source for move in mapping.moves}
    if mapping.users:
        sources["user_email"] = mapping.users[0].source
    if name in sources:
        return f"`{name}` of the file is ignored: {sources[name]} is used instead."
    return f"`{name}` of the file is ignored: it has another meaning than an event's {name}."


def _line(entry: Entry, fault: Fault) -> bytes:
    reason = {
        "at": entry.number,
        "code": fault.code,
        "field": fault.field[:MESSAGE_MAX_CHARS],
        "message": fault.message,
    }
    value = entry.value
    if isinstance(value, dict):
        # Also what no event may hold: it is as it was, and can be corrected.
        line = {**value, "rejected": reason}
    elif entry.text is not None:
        line = {"rejected": {**reason, "text": entry.text}}
    elif isinstance(value, Rejected):
        line = {"rejected": reason}  # too long to be kept
    else:
        line = {"rejected": {**reason, "text": json.dumps(value, default=_spelled)}}
    return json.dumps(line, default=_spelled).encode() + b"\n"


def _spelled(mark: object) -> str:
    """Return how `parse_json` spells a value that is not a valid number."""
    return str(getattr(mark, "text", mark))
