"""Configuration of both clients."""

import logging
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar, Unpack

import httpx

from app import __version__
from app.client import positions
from app.client.address import Address, reason_of
from app.client.calls import Calls
from app.client.drops import Drops, OnDrop
from app.client.errors import ActivityError, InvalidRequest
from app.client.events import Encoded, EventFields, make_event
from app.client.outbox import Counts, Limits
from app.client.retry import BACKGROUND, DIRECT, Answer, Backoff, NoResponse, Request, Tools

logger = logging.getLogger("activity_events.client")

LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")
CONNECT_TIMEOUT_SECONDS = 5.0
# Below what services and proxies have: else a request may meet a connection being closed.
KEEP_ALIVE_SECONDS = 3.0
FLUSH_TIMEOUT_SECONDS = 10.0
CLOSE_TIMEOUT_SECONDS = 5.0


class Sender(Protocol):
    """Sends events in the background."""

    def add(self, event: Encoded) -> bool: ...

    def refuse(self) -> None: ...

    def counts(self) -> Counts: ...


S = TypeVar("S", bound=Sender)


class Configured(Generic[S]):
    """Configuration of a client: address, credentials, retries and buffer.

    Args:
        url: URL of the service; by default `ACTIVITY_URL`, or port 8000 of this machine. A user
            and password in it belong to a proxy in front of the service.
        key: An API key or a user token; by default `ACTIVITY_KEY`, or none.
        timeout_seconds: Timeout for connecting, sending and each part of a response.
        backoff: Retries of a call before it fails.
        background_backoff: Retries of a batch of `track` before it is dropped.
        flush_at: Number of events that make a batch of `track`.
        flush_after_seconds: Maximum time that `track` waits for more events.
        buffer_max_events, buffer_max_bytes: Size of the buffer; beyond it, `track` drops events.
        on_drop: Called with every event that `track` accepted and gave up, with its id and time,
            and with the reason. You can pass them to `log_batch` later: none is counted twice.

    Raises:
        ValueError: the URL is none, or no header takes the key.
    """

    _sender: S

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        timeout_seconds: float = 10.0,
        backoff: Backoff = DIRECT,
        background_backoff: Backoff = BACKGROUND,
        flush_at: int = 100,
        flush_after_seconds: float = 1.0,
        buffer_max_events: int = 10_000,
        buffer_max_bytes: int = 32 * 1024 * 1024,
        on_drop: OnDrop | None = None,
    ) -> None:
        self._address = Address.of(url, key)
        self.url = self._address.url
        self._timeout_seconds = timeout_seconds
        self._background_backoff = background_backoff
        self._limits = Limits(flush_at, flush_after_seconds, buffer_max_events, buffer_max_bytes)
        self._drops = Drops(on_drop)
        self._calls = Calls(
            Tools(now=lambda: datetime.now(UTC), chance=random.random, retried=self._say), backoff
        )
        self._open()

    def _open(self) -> None:
        """Create the sender (`_sender`) and the HTTP client."""
        raise NotImplementedError

    def track(self, event_type: str, **fields: Unpack[EventFields]) -> str | None:
        """Queue an event for the background and return its id at once; None if it is dropped, which
        `on_drop` reports. No content of the event makes it fail."""
        event = make_event(event_type, **fields)
        try:
            encoded = self._calls.encoded(event)
        except InvalidRequest as error:
            self._sender.refuse()
            self._drops.tell([event], error.code)
            return None
        return encoded.event_id if self._sender.add(encoded) else None

    @property
    def counts(self) -> Counts:
        """Counts of tracked events, by outcome."""
        return self._sender.counts()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _say(self, error: ActivityError, seconds: float) -> None:
        logger.warning("%s: %s; retrying in %.1f s", self.url, error, seconds)

    def _http_options(self) -> dict[str, Any]:
        options = self._address.options()
        options["headers"]["User-Agent"] = f"activity-events-python/{__version__}"
        return {
            **options,
            "timeout": httpx.Timeout(
                self._timeout_seconds,
                connect=min(CONNECT_TIMEOUT_SECONDS, self._timeout_seconds),
            ),
            "limits": httpx.Limits(keepalive_expiry=KEEP_ALIVE_SECONDS),
            # No proxy (HTTP_PROXY) lies between this machine and itself.
            "mounts": dict.fromkeys(LOOPBACK),
        }

    def _request(self, request: Request) -> dict[str, Any]:
        """Build a request for httpx."""
        headers: Mapping[str, str] = positions.headers(self.url)
        if request.body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        if request.gzipped:
            headers = {**headers, "Content-Encoding": "gzip"}
        options: dict[str, Any] = {
            "method": request.method,
            "url": self.url + request.path,
            "params": list(request.params),
            "headers": headers,
            "content": request.body,
        }
        if request.timeout_seconds is not None:
            options["timeout"] = httpx.Timeout(
                request.timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS
            )
        return options

    def _answer(self, response: httpx.Response) -> Answer:
        positions.note(self.url, response.headers.get(positions.HEADER))
        body = response.content
        if response.is_error:
            body = self._address.without_key(body)
        return Answer(response.status_code, body, response.headers.get("retry-after"))


def silence_of(error: httpx.RequestError) -> NoResponse:
    return NoResponse(reason_of(error))
