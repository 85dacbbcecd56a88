"""The public keys of an issuer of user tokens (RFC 7517), from a file or a URL.

A token with a known key never waits. For unknown keys, all requests share one reading, which has a
time limit and is not repeated too soon.
"""

import asyncio
import logging
import time
from pathlib import Path

import httpx
import jwt

from activity_events.proxies import way_options
from app.errors import Unauthorized, Unavailable
from app.observability.logs import LOGGER

logger = logging.getLogger(LOGGER)

FRESH_SECONDS = 300.0
# A token with an unknown key has the keys read again, but no more often than this.
RETRY_SECONDS = 10.0
# The whole of a reading, however slowly the bytes come.
READ_SECONDS = 10.0
# The longest that a request waits for one.
WAIT_SECONDS = 3.0
MAX_BYTES = 1024 * 1024
REDIRECTS_MAX = 3
USER_AGENT = "activity-events"


class KeysUnreadable(Exception):
    """The keys can't be had; the message says why, and holds nothing of a key."""


class Jwks:
    """The keys that were read last. A reading that fails leaves them as they are."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: list[jwt.PyJWK] = []
        self._tried_at = float("-inf")
        self._has_failed = True  # nothing is known yet
        self._reading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the first reading."""
        self._read_if_older_than(FRESH_SECONDS)

    async def close(self) -> None:
        """End a reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def key(self, kid: object, algorithm: str) -> jwt.PyJWK:
        """Return the key with this id; without an id, the only one of this algorithm.

        Raises:
            Unauthorized: The issuer has no such key.
            Unavailable: The keys can't be read.
        """
        key = self._find(kid, algorithm)
        if key is not None:
            self._read_if_older_than(FRESH_SECONDS)
            return key
        self._read_if_older_than(RETRY_SECONDS)
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=WAIT_SECONDS)
            key = self._find(kid, algorithm)
        if key is not None:
            return key
        if self._has_failed or (self._reading is not None and not self._reading.done()):
            raise Unavailable(
                "The keys that verify user tokens can't be read. Retry the request.",
                code="jwks_unavailable",
            )
        raise Unauthorized(
            "Invalid token: the issuer has no key with this id.", code="invalid_token"
        )

    def _find(self, kid: object, algorithm: str) -> jwt.PyJWK | None:
        """Find the key. Two matching keys count as none, because the choice would be ambiguous."""
        fitting = [
            key
            for key in self._keys
            if key.algorithm_name == algorithm and (kid is None or key.key_id == kid)
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _read_if_older_than(self, seconds: float) -> None:
        if self._reading is not None and not self._reading.done():
            return
        if time.monotonic() - self._tried_at >= seconds:
            self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            self._keys = await read_keys(self._source)
            self._has_failed = False
        except KeysUnreadable as error:
            self._has_failed = True
            logger.warning("the keys that verify user tokens can't be read: %s", error)
        finally:
            self._tried_at = time.monotonic()


async def read_keys(source: str) -> list[jwt.PyJWK]:
    """The public keys at a file or URL that can verify a signature.

    Raises:
        KeysUnreadable: there are none, whatever the reason.
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            if is_url(source):
                content = await _fetch(source)
            else:
                content = await asyncio.to_thread(_read_file, source)
            return await asyncio.to_thread(_keys_of, content)
    except KeysUnreadable:
        raise
    except TimeoutError as error:
        raise KeysUnreadable(f"no response within {READ_SECONDS:.0f} seconds") from error
    except Exception as error:  # whatever a stranger's server or a proxy brings about
        raise KeysUnreadable(_reason(error)) from error


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _keys_of(content: bytes) -> list[jwt.PyJWK]:
    text = content.decode("utf-8-sig")
    keys = [key for key in jwt.PyJWKSet.from_json(text).keys if key.public_key_use in {None, "sig"}]
    if not keys:
        raise KeysUnreadable("it has no key that can verify signatures")
    return keys


def _read_file(name: str) -> bytes:
    path = Path(name)
    if not path.exists():
        raise KeysUnreadable("the file does not exist")
    if not path.is_file():  # a pipe would be waited for without end
        raise KeysUnreadable("it is not a file")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise KeysUnreadable("it is too large")
    return content


async def _fetch(source: str) -> bytes:
    """Return the content of the URL; redirects are only followed to https."""
    url = httpx.URL(source)
    for _ in range(REDIRECTS_MAX + 1):
        try:
            way = await asyncio.to_thread(way_options, str(url))
        except ValueError as error:
            raise KeysUnreadable(str(error)) from None
        async with (
            httpx.AsyncClient(
                **way,
                timeout=READ_SECONDS,
                headers={"Accept-Encoding": "identity", "User-Agent": USER_AGENT},
            ) as client,
            client.stream("GET", url) as response,
        ):
            if not response.is_redirect:
                return await _content(response)
            url = url.join(response.headers["location"])
            if url.scheme != "https":
                raise KeysUnreadable("it redirects to a URL that is not https")
    raise KeysUnreadable(f"it redirects more than {REDIRECTS_MAX} times")


async def _content(response: httpx.Response) -> bytes:
    if not response.is_success:
        raise KeysUnreadable(f"it responds with status {response.status_code}")
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise KeysUnreadable("it is too large")
    return content


def _reason(error: Exception) -> str:
    """The kind of failure, without what it quotes: a proxy's URL may hold a password."""
    if isinstance(error, jwt.PyJWKSetError):
        return "it holds no usable keys"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
