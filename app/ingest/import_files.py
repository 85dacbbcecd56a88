"""Files of events -> their entries, one by one: NDJSON, CSV and Parquet, as exports have them."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal

from app.errors import InvalidRequest, UnreadableBody
from app.ingest.verdict import Rejected
from app.schemas.event import EVENT_FIELDS
from app.schemas.strict_json import Fault, parse_json

FileFormat = Literal["ndjson", "csv", "parquet"]
FORMATS: dict[str, FileFormat] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".parquet": "parquet",
}

# Past this, a line is none of events but another file; it must not fill the memory.
LINE_MAX_BYTES = 16 * 1024 * 1024
PARQUET_ROWS = 1000
JSON_FIELDS = ("metadata", "event_metadata", "context_snapshot")
NUMBER_FIELDS = ("session_seq", "duration_ms")
FIELDS = EVENT_FIELDS | {"received_at"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a file, or row of Parquet: counted from 1.

    `value` is what `parse_json` made of it, or why it can't be read. `size` is its share of
    `file_size`.
    """

    number: int
    value: object | Rejected
    size: int


def format_of(path: Path) -> FileFormat:
    """By the name of the file.

    Raises:
        InvalidRequest: it says nothing.
    """
    if path.suffix.lower() not in FORMATS:
        raise InvalidRequest.of("format", "can't be told from the name of the file: give --format")
    return FORMATS[path.suffix.lower()]


def file_size(path: Path, format_: FileFormat) -> int:
    """Rows of Parquet, or bytes: what the sizes of all entries sum up to."""
    if format_ != "parquet":
        return path.stat().st_size
    return int(_parquet(path).metadata.num_rows)


def entries(path: Path, format_: FileFormat) -> Iterator[Entry]:
    """All of a file's entries, in order; lines that hold nothing are left out.

    Raises:
        InvalidRequest: the file as a whole is not of that format.
    """
    return {"ndjson": _lines, "csv": _records, "parquet": _rows}[format_](path)


def _lines(path: Path) -> Iterator[Entry]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LINE_MAX_BYTES):
            number += 1
            size = len(line)
            if size == LINE_MAX_BYTES and not line.endswith(b"\n"):
                while (more := file.readline(LINE_MAX_BYTES)) and not more.endswith(b"\n"):
                    size += len(more)
                yield Entry(number, _too_long(), size + len(more))
            elif line.strip():
                yield Entry(number, _parsed(line), size)


def _records(path: Path) -> Iterator[Entry]:
    """Empty cells are fields that are not there. The first record names the columns."""
    csv.field_size_limit(LINE_MAX_BYTES)
    # What is not UTF-8 becomes half characters, which an event is refused for, and it alone.
    with (
        path.open("rb") as raw,
        TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="") as file,
    ):
        records = csv.reader(file, strict=True)
        names = _header(records)
        before = 0
        while True:
            first = records.line_num + 1
            try:
                record = next(records, None)
            except csv.Error as error:
                fault = Fault("invalid_csv", "line", f"can't be read: {error}")
                yield Entry(first, Rejected(fault), 0)
                continue
            if record is None:
                return
            at = raw.tell()
            if record:
                yield Entry(first, _of_record(names, record), at - before)
            before = at


def _header(records: Any) -> list[str]:
    try:
        names: list[str] = next(records, [])
    except csv.Error as error:
        raise InvalidRequest(f"The file is no CSV: {error}.") from error
    if not {"user_email", "event_type"} <= set(names) or len(set(names)) < len(names):
        raise InvalidRequest(
            "The first line of the CSV must name its columns, each once: user_email, event_type, "
            "event_timestamp, event_id, ..."
        )
    return names


def _of_record(names: list[str], record: list[str]) -> object | Rejected:
    if len(record) != len(names):
        return Rejected(
            Fault("invalid_csv", "line", f"has {len(record)} cells, the header {len(names)}")
        )
    return _from_cells({name: cell for name, cell in zip(names, record, strict=True) if cell})


def _rows(path: Path) -> Iterator[Entry]:
    import pyarrow as pa

    number = 0
    try:
        for batch in _parquet(path).iter_batches(batch_size=PARQUET_ROWS):
            for row in batch.to_pylist():
                number += 1
                given = {name: _plain(row[name]) for name in row if row[name] is not None}
                yield Entry(number, _from_cells(given), 1)
    except pa.ArrowException as error:
        raise InvalidRequest(f"The file is broken after row {number}: {error}.") from error


def _plain(value: Any) -> Any:
    """As JSON has it: times as text, and so all that it has no form for."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise InvalidRequest(f"The file is no Parquet, or not a whole one: {error}.") from error


def _from_cells(given: dict[str, Any]) -> object | Rejected:
    """JSON and numbers that are there as text, as what they mean."""
    found: dict[str, Any] = dict(given)
    for name in (*JSON_FIELDS, *NUMBER_FIELDS):
        text = given.get(name)
        if isinstance(text, str):
            value = _parsed(text.encode("utf-8", "surrogateescape"))
            if isinstance(value, Rejected):
                return Rejected(Fault(value.fault.code, name, value.fault.message))
            found[name] = value
    return found


def _parsed(text: bytes) -> object | Rejected:
    try:
        return parse_json(text)
    except UnreadableBody as error:
        message = error.message.replace("The body is", "is", 1).rstrip(".")
        return Rejected(Fault(error.code, "line", message))


def _too_long() -> Rejected:
    return Rejected(Fault("too_long", "line", f"has more than {LINE_MAX_BYTES} bytes"))
