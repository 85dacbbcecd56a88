"""gzip, decompressed as it arrives, within the limits for its compressed size."""

import zlib

from app.errors import IncompleteBody, TooLarge, UnreadableBody
from app.ingest.body_budget import BodyShare

GZIP_WINDOW = 16 + zlib.MAX_WBITS
GZIP_MAGIC = b"\x1f\x8b"
# Each is paid for apart; files of lines that are written one by one have some.
GZIP_MEMBERS_MAX = 1000
# Events that have ids become about ten times their size, and small bodies may repeat themselves.
INFLATION_MAX = 25
INFLATED_FREE_BYTES = 64 * 1024


class Inflater:
    """gzip (also of several members), as a stream with a hard stop.

    What follows a whole member and is none is padding or garbage: nothing of the body.
    """

    def __init__(self, limit: int, share: BodyShare) -> None:
        self._limit = limit
        self._share = share
        self._inflated = 0
        self._members = 1
        self._stream = zlib.decompressobj(GZIP_WINDOW)
        self._rest = b""
        self._is_over = False

    def feed(self, chunk: bytes, received: int) -> bytes:
        """
        Args:
            received: how many bytes of the body have come, with these: how much that may unzip to.
        """
        limit = min(self._limit, INFLATION_MAX * received + INFLATED_FREE_BYTES)
        out: list[bytes] = []
        while chunk and not self._is_over:
            if self._stream.eof:
                self._rest = (self._rest + chunk).lstrip(b"\0")
                if len(self._rest) < len(GZIP_MAGIC):
                    break
                if not self._rest.startswith(GZIP_MAGIC):
                    self._is_over = True
                    break
                chunk, self._rest = self._rest, b""
                self._begin_member()
            try:
                data = self._stream.decompress(chunk, limit - self._inflated + 1)
            except zlib.error as error:
                raise UnreadableBody(
                    f"The gzip data is invalid: {error}.", code="invalid_gzip"
                ) from error
            self._inflated += len(data)
            if self._inflated > limit:
                raise self._inflates_too_much()
            self._share.take(len(data))
            out.append(data)
            chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return b"".join(out)

    def close(self) -> None:
        if not self._stream.eof:
            raise IncompleteBody("The gzip data is incomplete. Retry the request.")

    def _begin_member(self) -> None:
        self._members += 1
        if self._members > GZIP_MEMBERS_MAX:
            raise UnreadableBody(
                f"The gzip data has more than {GZIP_MEMBERS_MAX} members. Compress the body as "
                "one member.",
                code="invalid_gzip",
            )
        self._stream = zlib.decompressobj(GZIP_WINDOW)

    def _inflates_too_much(self) -> TooLarge:
        if self._inflated > self._limit:
            return too_large("body_max_inflated_bytes", self._limit)
        return TooLarge(
            f"The body decompresses to more than {INFLATION_MAX} times its size. Send it in "
            "smaller batches, or uncompressed.",
            details={"limit": "inflation_max", "value": INFLATION_MAX},
        )


def too_large(limit: str, value: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit} = {value} bytes. Send it in smaller batches.",
        details={"limit": limit, "value": value},
    )
