"""A request body, read with every limit held while it arrives: size, inflated size, time."""

import asyncio
import zlib
from collections.abc import AsyncIterable

from app.errors import BodyTimeout, TooLarge, UnreadableBody, UnsupportedMediaType
from app.settings import Settings

JSON_TYPES = frozenset({"application/json", "text/plain"})
GZIP_WINDOW = 16 + zlib.MAX_WBITS


def check_media_type(content_type: str | None) -> None:
    """JSON, or a beacon's text/plain, in UTF-8.

    Raises:
        UnsupportedMediaType: anything else, also no type at all.
    """
    media_type, _, parameters = (content_type or "").partition(";")
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if media_type.strip().lower() not in JSON_TYPES or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType(
            "Send JSON in UTF-8, with the header Content-Type: application/json "
            "(or text/plain, for a beacon).",
            details={"content_type": content_type},
        )


async def read_body(
    chunks: AsyncIterable[bytes], content_encoding: str | None, settings: Settings
) -> bytes:
    """The whole body, unzipped.

    Raises:
        TooLarge: past the limit on the wire, or past the limit once unzipped; read no further.
        UnsupportedMediaType: an encoding other than gzip.
        UnreadableBody: broken gzip.
        BodyTimeout: the client sends too slowly.
    """
    encoding = (content_encoding or "identity").strip().lower()
    if encoding not in {"identity", "gzip"}:
        raise UnsupportedMediaType(
            "Content-Encoding must be gzip or absent.", details={"content_encoding": encoding}
        )
    inflater = _Inflater(settings.body_max_inflated_bytes) if encoding == "gzip" else None
    parts: list[bytes] = []
    received = 0
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            async for chunk in chunks:
                received += len(chunk)
                if received > settings.body_max_bytes:
                    raise _too_large("body_max_bytes", settings.body_max_bytes)
                parts.append(inflater.feed(chunk) if inflater else chunk)
    except TimeoutError as error:
        raise BodyTimeout(
            f"The body did not arrive within {settings.body_timeout_seconds:g} seconds."
        ) from error
    if inflater is not None:
        inflater.close()
    return b"".join(parts)


class _Inflater:
    """gzip (also of several members), as a stream with a hard stop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inflated = 0
        self._stream = zlib.decompressobj(GZIP_WINDOW)
        self._fed = False

    def feed(self, chunk: bytes) -> bytes:
        out: list[bytes] = []
        while chunk:
            if self._stream.eof:
                self._stream = zlib.decompressobj(GZIP_WINDOW)
            self._fed = True
            room = self._limit - self._inflated
            try:
                data = self._stream.decompress(chunk, room + 1)
            except zlib.error as error:
                raise UnreadableBody(
                    f"The gzip is broken: {error}.", code="invalid_gzip"
                ) from error
            self._inflated += len(data)
            if self._inflated > self._limit:
                raise _too_large("body_max_inflated_bytes", self._limit)
            out.append(data)
            chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return b"".join(out)

    def close(self) -> None:
        if self._fed and not self._stream.eof:
            raise UnreadableBody("The gzip ends too early.", code="invalid_gzip")


def _too_large(limit: str, value: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit} = {value} bytes. Send it in smaller batches.",
        details={"limit": limit, "value": value},
    )
