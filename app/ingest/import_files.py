"""Files of events -> their entries, one by one: NDJSON, JSON, CSV and Parquet."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from math import isnan
from pathlib import PurePath
from shutil import copyfileobj
from typing import Any, Literal

from app.errors import InvalidRequest, UnreadableBody
from app.ingest.import_csv import csv_records
from app.ingest.import_json import json_values
from app.ingest.import_source import PARQUET_MAGIC, Source, open_source
from app.ingest.results import Rejected
from app.schemas.strict_json import Fault, parse_json

# `ndjson` is also an array of JSON, or values over several lines: the first bytes tell them apart.
FileFormat = Literal["ndjson", "csv", "parquet"]
FORMATS: dict[str, FileFormat] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}

# Past this, a line is none of events but another file; it must not fill the memory.
LINE_MAX_BYTES = 16 * 1024 * 1024
SHOWN_BYTES = 64 * 1024  # of such a line, in the file of rejected entries
PARQUET_ROWS = 1000
SAMPLE_ENTRIES = 1000
SAMPLE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a file, element of an array or row of Parquet: counted from 1.

    `value` is its JSON value, or why it can't be read; `text` is the start of a line that can't.
    `size` is about how much memory it takes.
    """

    number: int
    value: object | Rejected
    size: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file to import. `columns` are those that its header names; NDJSON has none.

    `unit` is what its entries are called.
    """

    source: Source
    format: FileFormat
    unit: str
    columns: tuple[str, ...] | None
    entries: Iterator[Entry] = field(repr=False)


@contextmanager
def open_events(
    file: str, format_: FileFormat | None = None, encoding: str | None = None
) -> Iterator[EventFile]:
    """Open a file by its path, or the standard input as `-`.

    Raises:
        InvalidRequest: it can't be read, or is not of that format.
    """
    with open_source(file, encoding) as source:
        kind = format_ or _format_of(source)
        if kind == "csv":
            columns, records = csv_records(source.stream, LINE_MAX_BYTES)
            entries = (Entry(*record) for record in records)
            yield EventFile(source, kind, "line", columns, entries)
        elif kind == "parquet":
            with tempfile.TemporaryFile() as spooled:
                parquet = _parquet(source, spooled)
                names = tuple(parquet.schema_arrow.names)
                yield EventFile(source, kind, "row", names, _rows(parquet))
        elif _is_by_lines(source.head()):
            yield EventFile(source, kind, "line", None, _lines(source.stream))
        else:
            yield EventFile(source, kind, "entry", None, _values(source.stream))


def sample_of(entries: Iterator[Entry]) -> tuple[list[Entry], Iterator[Entry]]:
    """The first entries, and the others. Where the file breaks off, the others raise that."""
    sample: list[Entry] = []
    size = 0
    try:
        for entry in islice(entries, SAMPLE_ENTRIES):
            sample.append(entry)
            size += entry.size
            if size > SAMPLE_BYTES:
                break
    except InvalidRequest as error:
        return sample, _raising(error)
    return sample, entries


def _raising(error: InvalidRequest) -> Iterator[Entry]:
    yield from ()
    raise error


def _format_of(source: Source) -> FileFormat:
    """Detect the format from the file's first bytes, else from its name."""
    head = source.head()
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    if head.lstrip()[:1] in (b"{", b"["):
        return "ndjson"
    suffixes = [suffix.lower() for suffix in PurePath(source.name).suffixes]
    named = FORMATS.get(next((each for each in reversed(suffixes) if each != ".gz"), ""))
    if named is not None:
        return named
    if not head.strip():
        return "ndjson"  # an export of nothing
    first_line = head.split(b"\n", 1)[0]
    if b"\0" in head or not any(mark in first_line for mark in (b",", b";", b"\t", b"|")):
        raise InvalidRequest(
            "The file's name and first line don't show its format. Set --format ndjson, csv or "
            "parquet."
        )
    return "csv"


def _is_by_lines(head: bytes) -> bool:
    """Whether each line is a JSON value of its own; else one goes over several lines."""
    head = head.lstrip()
    return not head.startswith(b"[") and head.split(b"\n", 1)[0].strip() != b"{"


def _lines(stream: io.BufferedReader) -> Iterator[Entry]:
    number = 0
    while line := stream.readline(LINE_MAX_BYTES):
        number += 1
        if len(line) == LINE_MAX_BYTES and not line.endswith(b"\n"):
            while (more := stream.readline(LINE_MAX_BYTES)) and not more.endswith(b"\n"):
                pass
            yield Entry(number, too_long(), 0, shown_text(line[:SHOWN_BYTES]))
        elif line.strip():
            yield _entry(number, line)


def _values(stream: io.BufferedReader) -> Iterator[Entry]:
    for number, value in enumerate(json_values(stream, LINE_MAX_BYTES), 1):
        yield Entry(number, too_long(), 0) if value is None else _entry(number, value)


def _entry(number: int, text: bytes) -> Entry:
    value = parse_text(text)
    shown = shown_text(text) if isinstance(value, Rejected) else None
    return Entry(number, value, len(text), shown)


def shown_text(text: bytes) -> str:
    """The text of an entry that can't be read, for the file of rejected entries."""
    return text.decode("utf-8", "replace").strip()


def parse_text(text: bytes) -> object | Rejected:
    """One JSON value. A file can be read again with its right encoding: nothing is replaced."""
    try:
        text.decode()
        return parse_json(text)
    except UnicodeDecodeError as error:
        message = f"is not UTF-8: byte {error.start} can't be decoded; set the file's --encoding"
        return Rejected(Fault("invalid_utf8", "line", message))
    except UnreadableBody as error:
        message = error.message.replace("The body is", "is", 1).rstrip(".")
        return Rejected(Fault(error.code, "line", message))


def too_long() -> Rejected:
    return Rejected(Fault("too_long", "line", f"has more than {LINE_MAX_BYTES} bytes"))


def _parquet(source: Source, spooled: Any) -> Any:
    """Parquet is read from its end: what can't be sought in is copied into a temporary file."""
    import pyarrow as pa
    from pyarrow import parquet

    copyfileobj(source.stream, spooled)
    try:
        return parquet.ParquetFile(spooled)
    except pa.ArrowInvalid as error:
        raise InvalidRequest(f"The file is not a complete Parquet file: {error}.") from error


def _rows(parquet: Any) -> Iterator[Entry]:
    import pyarrow as pa

    number = 0
    try:
        for batch in parquet.iter_batches(batch_size=PARQUET_ROWS):
            size = batch.nbytes // batch.num_rows if batch.num_rows else 0
            for row in _python_rows(batch):
                number += 1
                if isinstance(row, Rejected):
                    yield Entry(number, row, size)
                    continue
                present = {name: _plain(row[name]) for name in row if not _is_null(row[name])}
                yield Entry(number, present, size)
    except pa.ArrowException as error:
        raise InvalidRequest(f"The file is damaged after row {number}: {error}.") from error


def _python_rows(batch: Any) -> Iterator[dict[str, Any] | Rejected]:
    """The rows of a batch. Times are cut to microseconds; a row with one that Python can't hold is
    rejected, and it alone."""
    import pyarrow as pa

    for place, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            micros = batch.column(place).cast(pa.timestamp("us", column.type.tz), safe=False)
            batch = batch.set_column(place, column.name, micros)
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError):
        for number in range(batch.num_rows):
            try:
                (row,) = batch.slice(number, 1).to_pylist()
            except (ValueError, OverflowError) as error:
                row = Rejected(Fault("invalid_value", "row", f"can't be read: {error}"))
            yield row


def _is_null(value: object) -> bool:
    """pandas writes NaN for a number that is not there."""
    return value is None or (isinstance(value, float) and isnan(value))


def _plain(value: Any) -> Any:
    """Convert to JSON types: times, and everything else that JSON lacks, become text."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(each, tuple) and len(each) == 2 for each in value):
            return {str(name): _plain(each) for name, each in value}  # a map
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
