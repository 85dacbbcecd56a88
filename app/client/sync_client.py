"""The client for threads."""

import atexit
import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from app.client.configured import (
    CLOSE_TIMEOUT_SECONDS,
    FLUSH_TIMEOUT_SECONDS,
    Configured,
    silence_of,
)
from app.client.errors import Json
from app.client.events import Encoded, EventFields, make_event
from app.client.queries import PAGE_MAX_EVENTS, Context, Filters
from app.client.results import EventResult
from app.client.retry import Pause, Reply, Request, Steps
from app.client.thread import ThreadSender

T = TypeVar("T")


def _sleep(pause: Pause) -> None:
    time.sleep(pause.seconds)


class ActivityClient(Configured[ThreadSender]):
    """A client for the whole process, which sends and reads events; any thread can call it.

    Events that still wait when the interpreter exits are sent then, as by `close`. After a fork,
    parent and child each continue with their own buffer; the parent sends its waiting events. A
    process that exits by `os._exit`, such as those of `multiprocessing`, has to call `close`.
    """

    def _open(self) -> None:
        self._http = httpx.Client(**self._http_options())
        self._sender = ThreadSender(self._send, self._limits, self._drops)
        _CLIENTS.add(self)

    def log(self, event_type: str, **fields: Unpack[EventFields]) -> EventResult:
        """Send one event, and return once it is committed. The fields are those of `make_event`.

        Raises:
            InvalidRequest: the service refuses the event; `code` and `details` say why.
            ActivityError: it may not be stored; `error.events` has it, to be sent again.
        """
        return self._run(self._calls.log(make_event(event_type, **fields)))

    def log_batch(
        self, events: Iterable[Mapping[str, object]], *, own_clock: bool = True
    ) -> list[EventResult]:
        """Send any number of events, and return a result for each, in order; a rejected event
        blocks no other.

        Args:
            events: as `make_event` makes them. What has no id or time gets one here.
            own_clock: their times are by this machine's clock; where that is wrong, the service
                corrects them.

        Raises:
            ActivityError: `error.verdicts` are on the events before, `error.events` are the others.
        """
        return self._run(self._calls.log_batch(events, own_clock=own_clock))

    def flush(self, timeout_seconds: float | None = FLUSH_TIMEOUT_SECONDS) -> bool:
        """Wait until all events tracked before are delivered or dropped; return False on
        timeout."""
        return self._sender.flush(timeout_seconds)

    def close(self, timeout_seconds: float = CLOSE_TIMEOUT_SECONDS) -> None:
        """Send tracked events; those that can't be sent in time are dropped and passed to
        `on_drop`."""
        _CLIENTS.discard(self)
        if self._sender.close(timeout_seconds):
            self._http.close()

    def recent(
        self, user_email: str | None = None, *, limit: int = 100, **filters: Unpack[Filters]
    ) -> list[Json]:
        """Return a user's events, newest first; without a user, all users', or those of the token's
        user."""
        return self._run(self._calls.recent(limit, {"user_email": user_email, **filters}))

    def events(
        self,
        user_email: str | None = None,
        *,
        page_size: int = PAGE_MAX_EVENTS,
        **filters: Unpack[Filters],
    ) -> Iterator[Json]:
        """Yield all of a user's events, loaded page by page; none is skipped or repeated."""
        asked: dict[str, object] = {"user_email": user_email, **filters, "limit": page_size}
        cursor: str | None = None
        while True:
            page = self._run(self._calls.page({**asked, "cursor": cursor}))
            yield from page.events
            cursor = page.next_cursor
            if cursor is None:
                return

    def analytics(self, user_email: str | None = None, **filters: Unpack[Filters]) -> Json:
        """Return the summary of one user's events or of all users'; by default of the last 7
        days."""
        return self._run(self._calls.analytics({"user_email": user_email, **filters}))

    def context(
        self,
        user_email: str,
        purpose: str = "standup",
        *,
        days: int | None = 7,
        max_tokens: int = 1500,
        tz: str | None = None,
    ) -> Context:
        """Return a user's recent activity as text for a prompt, with a maximum number of tokens."""
        return self._run(self._calls.context(user_email, purpose, days, max_tokens, tz))

    def patterns(self, user_email: str, *, days: int | None = None, tz: str | None = None) -> Json:
        """Return a user's work patterns, each finding with its confidence."""
        return self._run(self._calls.patterns(user_email, days, tz))

    def next_actions(self, user_email: str, *, limit: int | None = None) -> Json:
        """Return a user's predicted next actions, with probabilities."""
        return self._run(self._calls.next_actions(user_email, limit))

    def standup(self, user_email: str, *, days: int | None = None, tz: str | None = None) -> Json:
        """Return a standup, written by the service: `yesterday`, `today`, `blockers`,
        `one_thing`."""
        return self._run(self._calls.standup(user_email, days, tz))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, batch: list[Encoded], pause: Callable[[Pause], None]) -> list[EventResult]:
        return self._run(self._calls.send(batch, self._background_backoff), pause)

    def _run(self, steps: Steps[T], pause: Callable[[Pause], None] = _sleep) -> T:
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
                reply = self._exchange(step)

    def _exchange(self, request: Request) -> Reply:
        try:
            return self._answer(self._http.request(**self._request(request)))
        except httpx.RequestError as error:
            return silence_of(error)


_CLIENTS: weakref.WeakSet[ActivityClient] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for client in list(_CLIENTS):
        client.close()


def _after_fork() -> None:
    """Reset the client in the child: connections, thread and waiting events belong to the
    parent."""
    for client in list(_CLIENTS):
        client._open()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
