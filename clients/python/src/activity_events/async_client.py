"""The client for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import httpx

from activity_events import process_end
from activity_events.address import reason_of
from activity_events.base_client import (
    CLOSE_TIMEOUT_SECONDS,
    FLUSH_TIMEOUT_SECONDS,
    BaseClient,
)
from activity_events.errors import Json
from activity_events.events import EventFields, make_event
from activity_events.queries import PAGE_MAX_EVENTS, Context, Filters
from activity_events.results import EventResult
from activity_events.retry import IsClosed, NoResponse, Pause, Reply, Request, Steps

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

T = TypeVar("T")


class AsyncActivityClient(BaseClient):
    """A client for asyncio, which sends and reads events; several event loops can share it.

    `track` is not a coroutine, and needs no running loop. Events that still wait when the
    interpreter exits are sent then; `close`, preferably by `async with`, also closes connections.
    """

    def _open(self) -> None:
        super()._open()
        self._of_loops: dict[asyncio.AbstractEventLoop, _Connections] = {}
        self._lock = threading.Lock()

    async def log(self, event_type: str, **fields: Unpack[EventFields]) -> EventResult:
        """See `ActivityClient.log`."""
        return await self._await(self._calls.log(make_event(event_type, **fields)))

    async def log_batch(
        self, events: Iterable[Mapping[str, object]], *, own_clock: bool = True
    ) -> list[EventResult]:
        """See `ActivityClient.log_batch`."""
        return await self._await(self._calls.log_batch(events, own_clock=own_clock))

    async def flush(self, timeout_seconds: float | None = FLUSH_TIMEOUT_SECONDS) -> bool:
        """See `ActivityClient.flush`."""
        loop = asyncio.get_running_loop()
        left: asyncio.Future[None] = loop.create_future()

        def resolve() -> None:
            if not left.done():
                left.set_result(None)

        def notify() -> None:
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(resolve)

        if not self._sender.flush_later(notify):
            return self._sender.flush(timeout_seconds)
        await asyncio.wait({left}, timeout=timeout_seconds)
        return left.done()

    async def close(self, timeout_seconds: float = CLOSE_TIMEOUT_SECONDS) -> None:
        """See `ActivityClient.close`."""
        process_end.forget(self)
        self._sender.begin_close()
        await self.flush(timeout_seconds)
        if self._sender.end_close():
            self._http.close()
        self._is_closed = True
        with self._lock:
            connections = self._of_loops.pop(asyncio.get_running_loop(), None)
        if connections is not None:
            await connections.close()

    async def recent(
        self, user_email: str | None = None, *, limit: int = 100, **filters: Unpack[Filters]
    ) -> list[Json]:
        """See `ActivityClient.recent`."""
        return await self._await(self._calls.recent(limit, {"user_email": user_email, **filters}))

    async def events(
        self,
        user_email: str | None = None,
        *,
        page_size: int = PAGE_MAX_EVENTS,
        **filters: Unpack[Filters],
    ) -> AsyncIterator[Json]:
        """See `ActivityClient.events`."""
        asked: dict[str, object] = {"user_email": user_email, **filters, "limit": page_size}
        cursor: str | None = None
        while True:
            page = await self._await(self._calls.page({**asked, "cursor": cursor}))
            for event in page.events:
                yield event
            cursor = page.next_cursor
            if cursor is None:
                return

    async def analytics(self, user_email: str | None = None, **filters: Unpack[Filters]) -> Json:
        """See `ActivityClient.analytics`."""
        return await self._await(self._calls.analytics({"user_email": user_email, **filters}))

    async def context(
        self,
        user_email: str,
        purpose: str = "standup",
        *,
        days: int | None = 7,
        max_tokens: int = 1500,
        tz: str | None = None,
    ) -> Context:
        """Return a user's recent activity as text for a prompt, with a maximum number of tokens."""
        return await self._await(self._calls.context(user_email, purpose, days, max_tokens, tz))

    async def patterns(
        self, user_email: str, *, days: int | None = None, tz: str | None = None
    ) -> Json:
        """See `ActivityClient.patterns`."""
        return await self._await(self._calls.patterns(user_email, days, tz))

    async def next_actions(self, user_email: str, *, limit: int | None = None) -> Json:
        """See `ActivityClient.next_actions`."""
        return await self._await(self._calls.next_actions(user_email, limit))

    async def standup(
        self, user_email: str, *, days: int | None = None, tz: str | None = None
    ) -> Json:
        """See `ActivityClient.standup`."""
        return await self._await(self._calls.standup(user_email, days, tz))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _await(self, steps: Steps[T]) -> T:
        """Run the steps of a call."""
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                reply = None
            else:
                reply = await self._request_of_loop(step)

    async def _request_of_loop(self, request: Request) -> Reply:
        if self._is_closed:
            return IsClosed()
        try:
            http = await self._http_of_loop()
            return self._answer(await http.request(**self._request(request)))
        except httpx.RequestError as error:
            return NoResponse(reason_of(error))

    async def _http_of_loop(self) -> httpx.AsyncClient:
        """Return the HTTP client of the running loop: connections belong to a loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._of_loops = {
                each: connections
                for each, connections in self._of_loops.items()
                if not each.is_closed()
            }
            connections = self._of_loops.get(loop)
            if connections is None:
                http = httpx.AsyncClient(**self._http_options())
                connections = self._of_loops[loop] = _Connections(http)
        await connections.open()
        return connections.http


class _Connections:
    """The connections of one event loop. A loop closes its asynchronous generators when it ends,
    and with one of them these connections, so that none is left open by a client that nobody
    closes."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self._generator: AsyncGenerator[None, None] | None = None

    async def open(self) -> None:
        if self._generator is None:
            self._generator = self._until_closed()
            await self._generator.__anext__()

    async def close(self) -> None:
        if self._generator is not None:
            await self._generator.aclose()

    async def _until_closed(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.http.aclose()
