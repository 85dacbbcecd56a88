"""A file or the standard input as a stream of UTF-8, decompressed and decoded."""

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from app.errors import InvalidRequest

STANDARD_INPUT = "-"
CHUNK_BYTES = 256 * 1024
GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
# What other compressed files begin with, and the command that unpacks each.
FOREIGN_MAGIC = {
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -dc"),
    b"\xfd7zXZ\x00": ("xz", "xz -dc"),
    b"BZh": ("bzip2", "bzip2 -dc"),
    b"PK\x03\x04": ("ZIP (or a spreadsheet; save it as CSV)", "unzip -p"),
}
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Source:
    """An open file.

    `stream` is its text in UTF-8, without a byte order mark, or Parquet as it is. `size` is the
    number of bytes on disk, None of a pipe; `position` returns how many of them are read.
    """

    name: str
    stream: io.BufferedReader
    size: int | None
    position: Callable[[], int]

    def head(self) -> bytes:
        """The first bytes that are still to be read."""
        return self.stream.peek(CHUNK_BYTES)[:CHUNK_BYTES]


class Readable(Protocol):
    """A stream that can be read once."""

    def read1(self, size: int, /) -> bytes: ...


@contextmanager
def open_source(file: str, encoding: str | None) -> Iterator[Source]:
    """Open a file by its path, or the standard input as `-`.

    Args:
        encoding: of its text; by default UTF-8, or what its byte order mark says.

    Raises:
        InvalidRequest: there is no such file or encoding, or it is compressed by another tool.
    """
    if encoding is not None:
        _require_encoding(encoding)
    with ExitStack() as stack:
        raw = _open(file, stack)
        size = None if file == STANDARD_INPUT else Path(file).stat().st_size
        stream = _with_head(cast("Readable", raw))
        head = stream.peek(CHUNK_BYTES)
        for magic, (tool, command) in FOREIGN_MAGIC.items():
            if head.startswith(magic):
                raise InvalidRequest(
                    f"The file is compressed with {tool}. Decompress it: `{command} FILE | "
                    "activity-events import -`."
                )
        if head.startswith(GZIP_MAGIC):
            unzipped = stack.enter_context(gzip.GzipFile(fileobj=stream))
            stream = _with_head(_Unzipped(unzipped))
        name = encoding or _encoding_of(stream.peek(4))
        if name is not None:
            stream = io.BufferedReader(_Recoded(stream, name), CHUNK_BYTES)
        if stream.peek(3).startswith(codecs.BOM_UTF8):
            stream.read(len(codecs.BOM_UTF8))
        yield Source(file, stream, size, (lambda: 0) if size is None else raw.tell)


def _open(file: str, stack: ExitStack) -> BinaryIO:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(file).open("rb"))
    except OSError as error:
        raise InvalidRequest(f"{file} can't be read: {error.strerror}.") from error


def _with_head(raw: Readable) -> io.BufferedReader:
    """A stream whose first line can be peeked at."""
    return io.BufferedReader(_FromFirstLine(raw), CHUNK_BYTES)


def _require_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)
    except LookupError:
        raise InvalidRequest(
            f"--encoding: {encoding} is not a known encoding. Common ones are utf-8, utf-16, "
            "latin-1, cp1252."
        ) from None


def _encoding_of(head: bytes) -> str | None:
    """The encoding that the first four bytes show; None is UTF-8."""
    for mark, name in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return name
    # Without a mark: every event begins with ASCII, whose other byte is 0.
    if len(head) >= 4 and head[1] == head[3] == 0 != head[0]:
        return "utf-16-le"
    if len(head) >= 4 and head[0] == head[2] == 0 != head[1]:
        return "utf-16-be"
    return None


class _FromFirstLine(io.RawIOBase):
    """Hands over the first line as a whole, as a pipe may bring it byte by byte, and then the rest
    as it comes."""

    def __init__(self, raw: Readable) -> None:
        self._raw = raw
        self._is_first = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        part = self._raw.read1(len(buffer))
        if self._is_first:
            self._is_first = False
            while b"\n" not in part and (more := self._raw.read1(len(buffer) - len(part))):
                part += more
        buffer[: len(part)] = part
        return len(part)


class _Unzipped:
    """Names the file's fault where gzip is broken, once all before it is read."""

    def __init__(self, unzipped: gzip.GzipFile) -> None:
        self._unzipped = unzipped
        self._read = 0

    def read1(self, size: int) -> bytes:
        try:
            part = self._unzipped.read1(size)
        except (EOFError, OSError, zlib.error) as error:
            raise InvalidRequest(
                f"The gzip file is damaged or incomplete, after {self._read} bytes of its "
                f"content: {error}."
            ) from error
        self._read += len(part)
        return part


class _Recoded(io.RawIOBase):
    """Text of another encoding as UTF-8."""

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        self._stream, self._encoding = stream, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""
        self._read = 0
        self._is_last = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready and not self._is_last:
            part = self._stream.read1(CHUNK_BYTES)
            self._is_last = not part
            try:
                text = self._decoder.decode(part, final=self._is_last)
            except UnicodeError as error:  # of UTF-16 without a mark it is no UnicodeDecodeError
                reason = getattr(error, "reason", str(error))
                at = self._read + getattr(error, "start", 0)
                raise InvalidRequest(
                    f"The file is not encoded in {self._encoding}: {reason}, near byte {at}. Set "
                    "its encoding with --encoding."
                ) from error
            self._read += len(part)
            self._ready = text.encode("utf-8", "surrogatepass")
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size
