"""Events -> the bytes of a file, page by page: NDJSON, CSV or Parquet.

What is in a file can be imported again unchanged, so that nothing is altered on its way out
(`docs/decisions/0008-export.md`).
"""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson
from sqlalchemy import Row

from app.read.events import as_sent
from app.schemas.export_fields import EXPORT_FIELDS
from app.schemas.queries import ExportFormat

MEDIA_TYPES: dict[ExportFormat, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
ROW_GROUP_EVENTS = 10_000
ROW_GROUP_BYTES = 4 * 1024 * 1024

_JSON_LINE = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE

Rows = Sequence[Row[Any]]


class Writer(Protocol):
    """Makes one file, in order: `head`, any number of `events`, `tail`. Each returns bytes, or none
    as yet. Without its `tail` the file is a broken one."""

    def head(self, user: dict[str, Any] | None) -> bytes: ...

    def events(self, rows: Rows) -> bytes: ...

    def tail(self) -> bytes: ...


def writer_of(format_: ExportFormat, *, continued: bool, with_kind: bool) -> Writer:
    """A writer of one file.

    Args:
        continued: The output is appended to an existing file.
        with_kind: each line of NDJSON says what `kind` it is, as not all are events.
    """
    if format_ == "csv":
        return _Csv(header=not continued)
    return _Ndjson(with_kind=with_kind) if format_ == "ndjson" else _Parquet()


class _Ndjson:
    """An event a line, as the query route has it."""

    def __init__(self, *, with_kind: bool) -> None:
        self._kind = {"kind": "event"} if with_kind else {}

    def head(self, user: dict[str, Any] | None) -> bytes:
        return b"" if user is None else orjson.dumps({"kind": "user", **user}, option=_JSON_LINE)

    def events(self, rows: Rows) -> bytes:
        kind = self._kind
        return b"".join(orjson.dumps({**kind, **as_sent(row)}, option=_JSON_LINE) for row in rows)

    def tail(self) -> bytes:
        return b""


class _Csv:
    """RFC 4180, UTF-8. No stored text of a name is empty, so that an empty cell is null alone."""

    def __init__(self, *, header: bool) -> None:
        self._header = header

    def head(self, user: dict[str, Any] | None) -> bytes:
        return self._lines([tuple(EXPORT_FIELDS)]) if self._header else b""

    def events(self, rows: Rows) -> bytes:
        return self._lines(
            [_cell(getattr(row, column)) for column in EXPORT_FIELDS.values()] for row in rows
        )

    def tail(self) -> bytes:
        return b""

    def _lines(self, rows: Any) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        return text.getvalue().encode()


def _cell(value: object) -> object:
    # With Z, as a plus in a URL would be a space, and as NDJSON has it.
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


class _Parquet:
    """Row groups of bounded size, each sent as soon as it is full; the table of contents last."""

    def __init__(self) -> None:
        # Imported here, as it takes more memory than all of the service at rest.
        import pyarrow as pa
        from pyarrow import parquet

        text, instant = pa.string(), pa.timestamp("us", tz="UTC")
        types = dict.fromkeys(EXPORT_FIELDS, text)
        types |= {"event_timestamp": instant, "received_at": instant}
        types |= {"session_seq": pa.int32(), "duration_ms": pa.int64()}
        self._pa = pa
        self._schema = pa.schema([pa.field(name, type_) for name, type_ in types.items()])
        self._sink = _Sink()
        self._batches: list[Any] = []
        # Memory that malloc gives back: pools of pyarrow's own keep what they once had.
        self._pool = pa.system_memory_pool()
        self._file = parquet.ParquetWriter(
            self._sink, self._schema, compression="zstd", memory_pool=self._pool
        )

    def head(self, user: dict[str, Any] | None) -> bytes:
        return self._sink.take()

    def events(self, rows: Rows) -> bytes:
        columns = []
        for field, column in zip(self._schema, EXPORT_FIELDS.values(), strict=True):
            values = [getattr(row, column) for row in rows]
            if column == "event_id":
                values = [str(value) for value in values]
            columns.append(self._pa.array(values, field.type, memory_pool=self._pool))
        self._batches.append(self._pa.record_batch(columns, schema=self._schema))
        events = sum(batch.num_rows for batch in self._batches)
        size = sum(batch.nbytes for batch in self._batches)
        if events >= ROW_GROUP_EVENTS or size >= ROW_GROUP_BYTES:
            self._write_group()
        return self._sink.take()

    def tail(self) -> bytes:
        if self._batches:
            self._write_group()
        self._file.close()
        return self._sink.take()

    def _write_group(self) -> None:
        batches, self._batches = self._batches, []
        table = self._pa.Table.from_batches(batches, self._schema)
        self._file.write_table(table, row_group_size=table.num_rows)


class _Sink(io.RawIOBase):
    """A sink that pyarrow writes to; written bytes can be taken out, and are then forgotten."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
