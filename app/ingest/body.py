"""A request body, read with every limit held while it arrives: size, inflated size, time.

What it says of itself may be wrong: the bytes decide where they are unambiguous. JSON begins with a
brace or a bracket, gzip with two bytes that begin no text.
"""

import asyncio
from collections.abc import AsyncIterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from app.errors import BodyTimeout, IncompleteBody, TooLarge, UnreadableBody, UnsupportedMediaType
from app.ingest.body_budget import BodyShare
from app.ingest.inflate import GZIP_MAGIC, Inflater, too_large
from app.settings import Settings

# In the scope of a request whose body has been received to its end.
BODY_IS_HERE = "body_is_here"
GZIP_LAYERS_MAX = 2  # by a client, and again by a proxy or a library around it
PART_BYTES = 16 * 1024
# Parsed, each takes many times its bytes. An event of the largest size has fewer.
BODY_VALUES_MAX = 200_000
VALUE_SIGNS = (b",", b"[", b"{", b'":')  # a value with a key costs as much as two
# Beside its one event, a beacon has a key, a user, a session and some context.
BEACON_ENVELOPE_BYTES = 8 * 1024
GZIP_NAMES = frozenset({"gzip", "x-gzip"})
JSON_STARTS = (b"{", b"[")
BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

# Types that a page of another origin may send without asking first (CORS): a beacon's, a form's,
# and none at all.
SIMPLE_TYPES = frozenset({"", "text/plain", "application/x-www-form-urlencoded"})
JSON_TYPES = frozenset(
    {
        *("application/json", "text/json", "text/x-json", "application/x-json"),
        *("application/octet-stream", "application/csp-report"),
    }
)
FORM_TYPE = "application/x-www-form-urlencoded"
# As browsers take all of these names for one encoding (Encoding Standard, 4.2).
LATIN_CHARSETS = frozenset(
    {
        *("iso-8859-1", "iso8859-1", "iso_8859-1", "iso88591", "latin1", "latin-1", "l1"),
        *("windows-1252", "cp1252", "x-cp1252", "cp819", "ibm819"),
    }
)


def media_type_of(content_type: str | None) -> str:
    """The type without its parameters, in lower case; empty where none is named."""
    return (content_type or "").partition(";")[0].partition(",")[0].strip().lower()


def check_media_type(content_type: str | None) -> None:
    """Check that a body may be JSON by its type. Its charset is a hint only (see `in_utf8`).

    Raises:
        UnsupportedMediaType: a type of something else.
    """
    media_type = media_type_of(content_type)
    if media_type in JSON_TYPES or media_type in SIMPLE_TYPES or media_type.endswith("+json"):
        return
    raise _unsupported_type(content_type)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Limits of one request body. `limit` names the setting that bounds its size as received."""

    limit: str
    max_bytes: int
    max_inflated_bytes: int
    timeout_seconds: float
    is_gzip_taken: bool = True

    @classmethod
    def of(cls, settings: Settings) -> "BodyLimits":
        """Return the limits for an authenticated caller."""
        return cls(
            "body_max_bytes",
            settings.body_max_bytes,
            settings.body_max_inflated_bytes,
            settings.body_timeout_seconds,
        )

    @classmethod
    def of_beacon(cls, settings: Settings) -> "BodyLimits":
        """Return the limits for a caller whose key is in the body: room for one event of the
        maximum size."""
        size = min(settings.event_max_bytes + BEACON_ENVELOPE_BYTES, settings.body_max_bytes)
        return cls("beacon_max_bytes", size, size, settings.body_timeout_seconds, False)


async def read_body(
    chunks: AsyncIterable[bytes],
    headers: Mapping[str, str],
    limits: BodyLimits,
    share: BodyShare,
    *,
    is_here: bool = False,
) -> bytes:
    """Return the whole body, decompressed, in UTF-8 if its charset is known.

    Args:
        share: Accounts for every byte, as received and decompressed.
        is_here: all of it has been received, so that it takes no time.

    Raises:
        TooLarge: It exceeds a limit, as received or decompressed; the rest is not read.
        UnsupportedMediaType: an encoding other than gzip, gzip where none is taken, or a form.
        UnreadableBody: broken gzip.
        IncompleteBody: the gzip ends too early.
        BodyTimeout: the client sends too slowly.
        Overloaded: all bodies together, or this caller's, are too many.
    """
    content_type = headers.get("content-type")
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.max_bytes:
        raise too_large(limits.limit, limits.max_bytes)
    reader = _Reader(limits, share)
    received = 0
    try:
        async with nullcontext() if is_here else asyncio.timeout(limits.timeout_seconds):
            async for chunk in chunks:
                received += len(chunk)
                if received > limits.max_bytes:
                    raise too_large(limits.limit, limits.max_bytes)
                share.take(len(chunk))
                reader.feed(chunk)
    except TimeoutError as error:
        raise BodyTimeout(
            f"The body did not arrive within {limits.timeout_seconds:g} seconds."
        ) from error
    body = reader.close(headers.get("content-encoding"))
    if body and not _is_json(body) and media_type_of(content_type) == FORM_TYPE:
        raise _unsupported_type(content_type)
    _check_values(body)
    return in_utf8(body, content_type)


def _check_values(body: bytes) -> None:
    """
    Raises:
        TooLarge: it holds more values than are parsed at once.
    """
    if len(body) > BODY_VALUES_MAX and sum(body.count(sign) for sign in VALUE_SIGNS) > (
        BODY_VALUES_MAX
    ):
        raise TooLarge(
            f"The body contains more than {BODY_VALUES_MAX} values. Send it in smaller batches.",
            details={"limit": "body_values_max", "value": BODY_VALUES_MAX},
        )


def in_utf8(body: bytes, content_type: str | None) -> bytes:
    """The body, re-encoded where its charset is a Latin one and its bytes are not UTF-8.

    Valid UTF-8 is UTF-8 whatever its label says: no text of another encoding looks like it by
    chance. Of other charsets, what is no UTF-8 is replaced where it stands (`lenient_json`).
    """
    if not content_type or "charset" not in content_type.lower():
        return body
    _, _, value = content_type.lower().partition("charset")
    charset = value.partition("=")[2].partition(";")[0].partition(",")[0].strip(" \t\"'")
    if charset.startswith("utf-16") and b"\0" in body[:4]:
        encoding = "utf-16-be" if body.startswith(b"\0") else "utf-16-le"
        return body.decode("utf-16" if body.startswith(BOMS) else encoding, "replace").encode()
    if charset not in LATIN_CHARSETS:
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        pass
    else:
        return body
    try:
        return body.decode("cp1252").encode()
    except UnicodeDecodeError:  # five bytes mean nothing there
        return body.decode("latin-1").encode()


class _Reader:
    """Takes a body chunk by chunk, and unzips it on the way where it is gzip."""

    def __init__(self, limits: BodyLimits, share: BodyShare) -> None:
        self._limits = limits
        self._share = share
        self._parts: list[bytes] = []
        self._begun = b""
        self._received = 0
        self._inflater: Inflater | None = None
        self._is_known = False

    def feed(self, chunk: bytes) -> None:
        self._received += len(chunk)
        if not self._is_known:
            chunk = self._begun + chunk
            if len(chunk) < len(GZIP_MAGIC):
                self._begun = chunk
                return
            self._is_known, self._begun = True, b""
            if chunk.startswith(GZIP_MAGIC):
                self._inflater = self._new_inflater()
        if self._inflater is not None:
            chunk = self._inflater.feed(chunk, self._received)
        self._parts.append(chunk)

    def close(self, content_encoding: str | None) -> bytes:
        body = self._begun + b"".join(self._parts)
        if self._inflater is None:
            _check_encoding(body, content_encoding)
            return body
        self._inflater.close()
        for _ in range(GZIP_LAYERS_MAX - 1):
            if body.startswith(GZIP_MAGIC):
                inflater = self._new_inflater()
                # In parts, as what is left of one is copied for each of its members.
                starts = range(0, len(body), PART_BYTES)
                body = b"".join(
                    inflater.feed(body[at : at + PART_BYTES], self._received) for at in starts
                )
                inflater.close()
        return body

    def _new_inflater(self) -> Inflater:
        if not self._limits.is_gzip_taken:
            raise UnsupportedMediaType(
                "A body that contains the key can't be gzip. Send the key in the header "
                "X-API-Key (or Authorization: Bearer), or send the body uncompressed."
            )
        return Inflater(self._limits.max_inflated_bytes, self._share)


def _check_encoding(body: bytes, content_encoding: str | None) -> None:
    """A body that is not gzip, and was said to be something.

    Raises:
        UnreadableBody, IncompleteBody, UnsupportedMediaType: it is not JSON either.
    """
    names = {name.strip().lower() for name in (content_encoding or "").split(",")}
    names -= {"", "identity"}
    if not names or not body or _is_json(body):
        return
    if names <= GZIP_NAMES:
        if GZIP_MAGIC.startswith(body):
            raise IncompleteBody("The gzip data is incomplete. Retry the request.")
        raise UnreadableBody("The body must be gzip or JSON.", code="invalid_gzip")
    raise UnsupportedMediaType(
        "Content-Encoding must be gzip or absent.", details={"content_encoding": content_encoding}
    )


def _is_json(body: bytes) -> bool:
    if body.startswith(JSON_STARTS):
        return True
    for bom in BOMS:
        body = body.removeprefix(bom)
    return body[:1] in JSON_STARTS or body.lstrip()[:1] in JSON_STARTS


def _unsupported_type(content_type: str | None) -> UnsupportedMediaType:
    return UnsupportedMediaType(
        "The body must be JSON in UTF-8, with the header Content-Type: application/json (or "
        "text/plain, for a beacon).",
        details={"content_type": content_type},
    )
