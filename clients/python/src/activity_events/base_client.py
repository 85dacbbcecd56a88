"""The base of both clients: configuration, and sending in the background."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from activity_events import log, positions, process_end
from activity_events.address import Address, reason_of
from activity_events.calls import Calls
from activity_events.drops import Drops, OnDrop
from activity_events.errors import ActivityError, InvalidRequest
from activity_events.events import Encoded, EventFields, make_event
from activity_events.outbox import CLOSED, Counts, Limits
from activity_events.proxies import way_options
from activity_events.results import EventResult
from activity_events.retry import (
    BACKGROUND,
    DIRECT,
    Answer,
    Backoff,
    IsClosed,
    NoResponse,
    Pause,
    Reply,
    Request,
    Steps,
    Tools,
    within,
)
from activity_events.sender import Sender, Turn
from activity_events.version import __version__

if TYPE_CHECKING:
    from typing_extensions import Unpack

CONNECT_TIMEOUT_SECONDS = 5.0
# Below what services and proxies have: else a request may meet a connection being closed.
KEEP_ALIVE_SECONDS = 3.0
FLUSH_TIMEOUT_SECONDS = 10.0
# Other answers may be of another server, and are quoted.
UNDERSTOOD = frozenset({200, 201})
CLOSE_TIMEOUT_SECONDS = 5.0


T = TypeVar("T")


def sleep(pause: Pause) -> None:
    time.sleep(pause.seconds)


class BaseClient:
    """A client's address, credentials, retries and buffer. Tracked events are sent on a thread of
    its own, whichever threads and event loops they are from.

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
        ValueError: the URL is none, no header takes the key, or a proxy or certificates that the
            environment names can't be used.
    """

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
        self._on_drop = on_drop
        self._drops = Drops(on_drop)
        self._calls = Calls(
            Tools(now=lambda: datetime.now(timezone.utc), chance=random.random, retried=self._say),
            backoff,
        )
        self._way = way_options(self.url)
        self._is_closed = False
        self._open()
        process_end.watch(self)

    def _open(self) -> None:
        """Create the sender and the HTTP client."""
        self._http = self._new_http()
        self._sender = Sender(self._send, self._limits, self._drops)

    def track(self, event_type: str, **fields: Unpack[EventFields]) -> str | None:
        """Queue an event for the background and return its id at once; None if it is dropped, which
        `on_drop` reports. No content of the event makes it fail."""
        event = make_event(event_type, **fields)
        if sys.is_finalizing():  # nothing can be sent any more, and even a time crashes Python 3.13
            self._sender.refuse()
            self._drops.tell([event], CLOSED)
            return None
        try:
            encoded = self._calls.encoded(event)
        except InvalidRequest as error:
            self._sender.refuse()
            self._drops.tell([event], error.code)
            return None
        return encoded.event_id if self._sender.add(encoded) else None

    def close_at_exit(self) -> None:
        """Send tracked events while the interpreter exits, for a limited time. Later ones, such as
        those of other exit handlers, are sent at once."""
        self._sender.begin_close(exiting=True)
        self._sender.flush(CLOSE_TIMEOUT_SECONDS)
        if self._sender.end_close():
            self._http.close()

    def open_in_child(self) -> None:
        """Start anew in the child of a fork: connections, thread and waiting events belong to the
        parent."""
        self._drops = Drops(self._on_drop)
        self._open()

    @property
    def counts(self) -> Counts:
        """Counts of tracked events, by outcome."""
        return self._sender.counts()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _say(self, error: ActivityError, seconds: float) -> None:
        log.warn("%s: %s; retrying in %.1f s", self.url, error, seconds)

    def _new_http(self) -> httpx.Client:
        return httpx.Client(**self._http_options())

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
            **self._way,
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
        if response.status_code not in UNDERSTOOD:
            body = self._address.without_secrets(body)
        return Answer(response.status_code, body, response.headers.get("retry-after"))

    def _send(self, batch: list[Encoded], turn: Turn) -> list[EventResult]:
        steps = self._calls.send(batch, self._background_backoff)
        return self._run(steps, turn.pause, turn.seconds_left)

    def _run(
        self,
        steps: Steps[T],
        pause: Callable[[Pause], None] = sleep,
        seconds_left: Callable[[], float | None] = lambda: None,
    ) -> T:
        """Run the steps of a call."""
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(step, Pause):
                pause(step)
                reply = None
            else:
                reply = self._exchange(within(step, seconds_left()))

    def _exchange(self, request: Request) -> Reply:
        if self._http.is_closed:
            if self._is_closed:
                return IsClosed()
            self._http = self._new_http()
        try:
            return self._answer(self._http.request(**self._request(request)))
        except httpx.RequestError as error:
            return NoResponse(reason_of(error))
