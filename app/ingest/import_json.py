"""JSON of several values in one file -> the text of each: an array, or values after each other."""

import io
import re
from collections.abc import Iterator

from app.errors import InvalidRequest

CHUNK_BYTES = 256 * 1024
# A string, whose last quote is missing where the buffer ends before it, or a mark of structure.
_TOKEN = re.compile(rb'"(?:[^"\\]+|\\.)*("?)|[\[\]{},]', re.DOTALL)


def json_values(stream: io.BufferedReader, value_max_bytes: int) -> Iterator[bytes | None]:
    """Return the text of each element of an array, or of each value outside of one.

    It is parsed by the caller, so that a broken value costs itself alone. None stands for a value
    of more than `value_max_bytes`, which is never held in memory.

    Raises:
        InvalidRequest: the array is not closed, or something follows it.
    """
    buffer = stream.read1(CHUNK_BYTES).lstrip()
    is_array = buffer.startswith(b"[")
    base = 1 if is_array else 0
    start = position = base
    depth, values, is_oversized = base, 0, False
    while True:
        needs_more = True
        for token in _TOKEN.finditer(buffer, position):
            mark = buffer[token.start()]
            if mark == 0x22:  # a string
                if not token[1]:
                    position = token.start()
                    break
            elif mark in b"[{":
                depth += 1
            elif mark == 0x2C:  # a comma
                if depth == base and is_array:
                    values += 1
                    yield None if is_oversized else buffer[start : token.start()].strip()
                    start, is_oversized = token.end(), False
            else:
                depth -= 1
                if depth == base and not is_array:
                    values += 1
                    yield None if is_oversized else buffer[start : token.end()].strip()
                    start, is_oversized = token.end(), False
                elif depth < base:
                    needs_more = False
                    position = token.end()
                    break
            position = token.end()
        else:
            position = len(buffer)
        if not needs_more:
            break
        if position - start > value_max_bytes:
            start, is_oversized = position, True
        if len(buffer) - position > value_max_bytes:
            raise InvalidRequest(
                f"After entry {values}: a text has more than {value_max_bytes} bytes."
            )
        more = stream.read1(CHUNK_BYTES)
        if not more:
            rest = buffer[start:].strip()
            if rest and (depth == base or not is_array):
                values += 1
                yield rest
            if is_array:
                raise InvalidRequest(
                    f"The file is incomplete: its JSON array does not end after entry {values}."
                )
            return
        buffer = buffer[start:] + more
        position -= start
        start = 0
    if is_array:
        last = buffer[start : position - 1].strip()
        if last or is_oversized:
            yield None if is_oversized else last
        if (buffer[position:] + stream.read(CHUNK_BYTES)).strip():
            raise InvalidRequest("The file has content after the end of its JSON array.")
    else:
        raise InvalidRequest(f"After entry {values}: a closing bracket has no opening bracket.")
