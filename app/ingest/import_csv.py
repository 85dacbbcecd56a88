"""CSV of any dialect -> records by the names of their columns."""

import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from app.errors import InvalidRequest
from app.ingest.results import Rejected
from app.schemas.export_fields import EXPORT_FIELDS
from app.schemas.strict_json import Fault

DELIMITERS = ",;\t|"
# How other tools write a cell without a value. Not in exports of this service, where only an empty
# cell is null and these are texts.
NULLS = frozenset({r"\N", "NaN", "nan", "NaT", "None", "null", "NULL", "<NA>"})
# A record of several lines that is longer than this has an unclosed quote.
RECORD_MAX_CHARS = 1024 * 1024
SHOWN_CHARS = 64 * 1024  # of a record that can't be read
NAMES_SHOWN_MAX = 20  # of columns, in a message
SHOWN_NAME_CHARS = 64
# Its line, its cells or why it can't be read, its size, and the text of one that can't.
Record = tuple[int, object | Rejected, int, str | None]


def csv_records(
    stream: io.BufferedReader, field_max_bytes: int
) -> tuple[tuple[str, ...], Iterator[Record]]:
    """Return the names of the columns, from the first record, and an iterator over the others.

    Cells without a value are left out of a record.

    Raises:
        InvalidRequest: the first record can't be read, or names one column twice.
    """
    csv.field_size_limit(field_max_bytes)
    # What is not UTF-8 becomes half characters: the record is rejected, and it alone.
    text = io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="")
    first_line = text.readline(field_max_bytes)
    delimiter = _delimiter_of(first_line)
    if first_line.lower().startswith("sep="):  # spreadsheets say it in a line of its own
        lines = _Lines(text, [], field_max_bytes, number=1)
        delimiter = first_line[4:5]
    else:
        lines = _Lines(text, [first_line], field_max_bytes)
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    names = _header(reader)
    return names, _records(reader, lines, names, delimiter)


class _Lines:
    """The lines of a text, one record after the other.

    The lines of the record that is being read are kept, so that those after its first one can be
    read again: a quote that is never closed would make one record of all that follows it.
    """

    def __init__(
        self, text: io.TextIOWrapper, lines: list[str], line_max_chars: int, number: int = 0
    ) -> None:
        self._text = text
        self._again = deque(lines)
        self._line_max_chars = line_max_chars
        self._number = number  # of the last line that was returned
        self._size = 0
        self.of_record: list[str] = []
        self.has_invalid = False

    def begin_record(self) -> int:
        """Forget the record before. Returns the number of the next line."""
        self.of_record = []
        self._size = 0
        self.has_invalid = False
        return self._number + 1

    def read_again_after_first(self) -> None:
        """Return the lines of this record but its first one again."""
        lines = self.of_record[1:]
        self._again.extendleft(reversed(lines))
        self._number -= len(lines)
        del self.of_record[1:]

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self._number += 1
        self._size += len(line)
        self.of_record.append(line)
        if self._is_cut(line):
            raise csv.Error(f"the line has more than {self._line_max_chars} characters")
        if self._size > RECORD_MAX_CHARS and len(self.of_record) > 1:
            raise csv.Error(f"a quoted cell is not closed within {RECORD_MAX_CHARS} characters")
        if not line.isascii():
            try:
                line.encode()
            except UnicodeEncodeError:
                self.has_invalid = True
        return line

    def _read(self) -> str:
        """The next line. What of it is too long is left out."""
        line = self._text.readline(self._line_max_chars)
        more = line
        while self._is_cut(more):
            more = self._text.readline(self._line_max_chars)
        return line

    def _is_cut(self, line: str) -> bool:
        return len(line) >= self._line_max_chars and not line.endswith(("\n", "\r"))


def _delimiter_of(line: str) -> str:
    """Return the most frequent delimiter outside of quotes; a comma if there is none."""
    unquoted = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _header(reader: Any) -> tuple[str, ...]:
    try:
        names = tuple(name.strip() for name in next(reader, []))
    except csv.Error as error:
        raise InvalidRequest(f"The first line is not a valid CSV header: {error}.") from error
    if not names:
        raise InvalidRequest("The file is empty: its first line must name the columns.")
    twice = sorted(name for name, times in Counter(names).items() if name and times > 1)
    if twice:
        shown = ", ".join(name[:SHOWN_NAME_CHARS] for name in twice[:NAMES_SHOWN_MAX])
        raise InvalidRequest(f"The header repeats a column: {shown}.")
    return names


def _records(
    reader: Any, lines: _Lines, names: tuple[str, ...], delimiter: str
) -> Iterator[Record]:
    nulls = frozenset[str]() if names == tuple(EXPORT_FIELDS) else NULLS
    while True:
        first = lines.begin_record()
        try:
            record = next(reader, None)
        except csv.Error as error:
            fault = Fault("invalid_csv", "line", f"can't be read: {error}")
            lines.read_again_after_first()
            yield _rejected(first, fault, lines)
            continue
        if record is None:
            return
        if not record:
            continue
        if len(record) != len(names):
            message = f"has {len(record)} cells, but the header has {len(names)}"
            if _holds_records(lines, len(names), delimiter):
                message += "; a quote in it is not closed, and the next lines are read separately"
                lines.read_again_after_first()
            yield _rejected(first, Fault("invalid_csv", "line", message), lines)
        elif lines.has_invalid:
            message = "is not UTF-8; set the file's --encoding"
            yield _rejected(first, Fault("invalid_utf8", "line", message), lines)
        else:
            # A column without a name is the row's number, as pandas writes it.
            value = {
                name: cell
                for name, cell in zip(names, record, strict=True)
                if cell and name and cell not in nulls
            }
            yield first, value, sum(map(len, record)), None


def _holds_records(lines: _Lines, cells: int, delimiter: str) -> bool:
    """Whether one of a record's lines after its first one is a whole record by itself."""
    for line in lines.of_record[1:]:
        with suppress(csv.Error):
            if len(next(csv.reader([line], strict=True, delimiter=delimiter), [])) == cells:
                return True
    return False


def _rejected(number: int, fault: Fault, lines: _Lines) -> Record:
    """A record that can't be read, with its text: bytes that are not UTF-8 are replaced in it."""
    text = "".join(lines.of_record)[:SHOWN_CHARS].strip("\r\n")
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return number, Rejected(fault), len(text), text
