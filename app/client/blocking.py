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
from app.client.questions import PAGE_MAX_EVENTS, Context, Filters
from app.client.steps import Pause, Reply, Request, Steps
from app.client.thread import ThreadSender
from app.client.verdicts import Verdict

T = TypeVar("T")


def _sleep(pause: Pause) -> None:
    time.sleep(pause.seconds)


class ActivityClient(Configured[ThreadSender]):
    """Sends and reads events. One for the whole process: any thread may call it.

    What still waits when the interpreter ends is sent then, as by `close`. After a fork, parent and
    child go on each with a buffer of its own; what the parent had waiting, the parent sends. A
    process that leaves by `os._exit`, as those of `multiprocessing` do, has to call `close`.
    """

    def _open(self) -> None:
        self._http = httpx.Client(**self._http_options())
        self._sender = ThreadSender(self._send, self._limits, self._drops)
        _CLIENTS.add(self)

    def log(self, event_type: str, **fields: Unpack[EventFields]) -> Verdict:
        """Sends one event, and returns once it is committed. The fields are those of `make_event`.

        Raises:
            InvalidRequest: the service refuses the event; `code` and `details` say why.
            ActivityError: it may not be stored; `error.events` has it, to be sent again.
        """
        return self._run(self._calls.log(make_event(event_type, **fields)))

    def log_batch(
        self, events: Iterable[Mapping[str, object]], *, own_clock: bool = True
    ) -> list[Verdict]:
        """Sends any number of events, and returns a verdict on each, in order; a rejected one
        hinders no other.

        Args:
            events: as `make_event` makes them. What has no id or time gets one here.
            own_clock: their times are by this machine's clock; where that is wrong, the service
                corrects them.

        Raises:
            ActivityError: `error.verdicts` are on the events before, `error.events` are the others.
        """
        return self._run(self._calls.log_batch(events, own_clock=own_clock))

    def flush(self, timeout_seconds: float | None = FLUSH_TIMEOUT_SECONDS) -> bool:
        """Waits until all that was tracked before is delivered or dropped; False: not in time."""
        return self._sender.flush(timeout_seconds)

    def close(self, timeout_seconds: float = CLOSE_TIMEOUT_SECONDS) -> None:
        """Sends what was tracked; what doesn't go in that time is dropped, and `on_drop` told."""
        _CLIENTS.discard(self)
        if self._sender.close(timeout_seconds):
            self._http.close()

    def recent(
        self, user_email: str | None = None, *, limit: int = 100, **filters: Unpack[Filters]
    ) -> list[Json]:
        """A user's events, newest first; without a user, everybody's, or those of the token's."""
        return self._run(self._calls.recent(limit, {"user_email": user_email, **filters}))

    def events(
        self,
        user_email: str | None = None,
        *,
        page_size: int = PAGE_MAX_EVENTS,
        **filters: Unpack[Filters],
    ) -> Iterator[Json]:
        """All of a user's events, page by page as they are taken; neither skips nor repeats."""
        asked: dict[str, object] = {"user_email": user_email, **filters, "limit": page_size}
        cursor: str | None = None
        while True:
            page = self._run(self._calls.page({**asked, "cursor": cursor}))
            yield from page.events
            cursor = page.next_cursor
            if cursor is None:
                return

    def analytics(self, user_email: str | None = None, **filters: Unpack[Filters]) -> Json:
        """The summary of a user's events, or everybody's; by default of the last 7 days."""
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
        """A user's recent activity as text for a prompt, of so many tokens at most."""
        return self._run(self._calls.context(user_email, purpose, days, max_tokens, tz))

    def patterns(self, user_email: str, *, days: int | None = None, tz: str | None = None) -> Json:
        """How a user works, each finding with its confidence."""
        return self._run(self._calls.patterns(user_email, days, tz))

    def next_actions(self, user_email: str, *, limit: int | None = None) -> Json:
        """What a user is likely to do next, with probabilities."""
        return self._run(self._calls.next_actions(user_email, limit))

    def standup(self, user_email: str, *, days: int | None = None, tz: str | None = None) -> Json:
        """A standup, written by the service: `yesterday`, `today`, `blockers`, `one_thing`."""
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

    def _send(self, batch: list[Encoded], pause: Callable[[Pause], None]) -> list[Verdict]:
        return self._run(self._calls.send(batch, self._background_backoff), pause)

    def _run(self, steps: Steps[T], pause: Callable[[Pause], None] = _sleep) -> T:
        """Does what a call says, step by step."""
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
    """In the child: the parent's connections, thread and waiting events are the parent's."""
    for client in list(_CLIENTS):
        client._open()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
