"""The client for threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from activity_events import process_end
from activity_events.base_client import (
    CLOSE_TIMEOUT_SECONDS,
    FLUSH_TIMEOUT_SECONDS,
    BaseClient,
)
from activity_events.errors import Json
from activity_events.events import EventFields, make_event
from activity_events.queries import PAGE_MAX_EVENTS, Context, Filters
from activity_events.results import EventResult

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class ActivityClient(BaseClient):
    """A client for the whole process, which sends and reads events; any thread can call it.

    Events that still wait when the interpreter exits are sent then, as by `close`, also in
    processes of `multiprocessing`. After a fork, parent and child each continue with their own
    buffer; the parent sends its waiting events. A process that exits by `os._exit` has to call
    `close`.
    """

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
        process_end.forget(self)
        self._sender.begin_close()
        self._sender.flush(timeout_seconds)
        self._is_closed = True
        if self._sender.end_close():
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
