"""What both clients are set up with."""

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
from app.client.steps import BACKGROUND, DIRECT, Answer, Backoff, Request, Silence, Tools

logger = logging.getLogger("activity_events.client")

LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")
CONNECT_TIMEOUT_SECONDS = 5.0
# Below what services and proxies have: else a request may meet a connection being closed.
KEEP_ALIVE_SECONDS = 3.0
FLUSH_TIMEOUT_SECONDS = 10.0
CLOSE_TIMEOUT_SECONDS = 5.0


class Sender(Protocol):
    """What takes events for the background."""

    def add(self, event: Encoded) -> bool: ...

    def refuse(self) -> None: ...

    def counts(self) -> Counts: ...


S = TypeVar("S", bound=Sender)


class Configured(Generic[S]):
    """Says where the service is, who calls, how patiently, and how much may wait.

    Args:
        url: of the service; by default `ACTIVITY_URL`, or this machine's port 8000. A user and
            password in it are those of a proxy in front of it.
        key: a key or a user's token; by default `ACTIVITY_KEY`, or none.
        timeout_seconds: for connecting, sending and each part of an answer.
        backoff: how often a call is tried before it fails.
        background_backoff: how often a batch of `track` is tried before it is dropped.
        flush_at: events that make a batch of `track`.
        flush_after_seconds: the longest that `track` waits for more.
        buffer_max_events, buffer_max_bytes: what may wait; beyond that, `track` drops.
        on_drop: is told of every event that `track` took and gave up, with its id and time, and of
            the reason. `log_batch` may be given them again, later: nothing is counted twice.

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
        """Makes what sends: `_sender`, and what asks."""
        raise NotImplementedError

    def track(self, event_type: str, **fields: Unpack[EventFields]) -> str | None:
        """Leaves an event to the background, and returns its id at once; None where it is dropped,
        of which `on_drop` is told. Nothing that is in the event makes it fail."""
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
        """What became of what was tracked."""
        return self._sender.counts()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _say(self, error: ActivityError, seconds: float) -> None:
        logger.warning("%s: %s; again in %.1f s", self.url, error, seconds)

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
        """A request as httpx takes it."""
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


def silence_of(error: httpx.RequestError) -> Silence:
    return Silence(reason_of(error))
