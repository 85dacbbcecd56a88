"""The client for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
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
from app.client.task import TaskSender

T = TypeVar("T")


async def _sleep(pause: Pause) -> None:
    await asyncio.sleep(pause.seconds)


class AsyncActivityClient(Configured[TaskSender]):
    """A client for one event loop, which sends and reads events.

    `track` is not a coroutine, but requires a running loop. Close the client before the loop ends,
    preferably with `async with`: events that still wait then are dropped and passed to `on_drop`.
    """

    def _open(self) -> None:
        self._http = httpx.AsyncClient(**self._http_options())
        self._sender = TaskSender(self._send, self._limits, self._drops)

    async def log(self, event_type: str, **fields: Unpack[EventFields]) -> EventResult:
        """See `ActivityClient.log`."""
        return await self._run(self._calls.log(make_event(event_type, **fields)))

    async def log_batch(
        self, events: Iterable[Mapping[str, object]], *, own_clock: bool = True
    ) -> list[EventResult]:
        """See `ActivityClient.log_batch`."""
        return await self._run(self._calls.log_batch(events, own_clock=own_clock))

    async def flush(self, timeout_seconds: float | None = FLUSH_TIMEOUT_SECONDS) -> bool:
        """See `ActivityClient.flush`."""
        return await self._sender.flush(timeout_seconds)

    async def close(self, timeout_seconds: float = CLOSE_TIMEOUT_SECONDS) -> None:
        """See `ActivityClient.close`."""
        await self._sender.close(timeout_seconds)
        await self._http.aclose()

    async def recent(
        self, user_email: str | None = None, *, limit: int = 100, **filters: Unpack[Filters]
    ) -> list[Json]:
        """See `ActivityClient.recent`."""
        return await self._run(self._calls.recent(limit, {"user_email": user_email, **filters}))

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
            page = await self._run(self._calls.page({**asked, "cursor": cursor}))
            for event in page.events:
                yield event
            cursor = page.next_cursor
            if cursor is None:
                return

    async def analytics(self, user_email: str | None = None, **filters: Unpack[Filters]) -> Json:
        """See `ActivityClient.analytics`."""
        return await self._run(self._calls.analytics({"user_email": user_email, **filters}))

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
        return await self._run(self._calls.context(user_email, purpose, days, max_tokens, tz))

    async def patterns(
        self, user_email: str, *, days: int | None = None, tz: str | None = None
    ) -> Json:
        """See `ActivityClient.patterns`."""
        return await self._run(self._calls.patterns(user_email, days, tz))

    async def next_actions(self, user_email: str, *, limit: int | None = None) -> Json:
        """See `ActivityClient.next_actions`."""
        return await self._run(self._calls.next_actions(user_email, limit))

    async def standup(
        self, user_email: str, *, days: int | None = None, tz: str | None = None
    ) -> Json:
        """See `ActivityClient.standup`."""
        return await self._run(self._calls.standup(user_email, days, tz))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _send(
        self, batch: list[Encoded], pause: Callable[[Pause], Awaitable[None]]
    ) -> list[EventResult]:
        return await self._run(self._calls.send(batch, self._background_backoff), pause)

    async def _run(self, steps: Steps[T], pause: Callable[[Pause], Awaitable[None]] = _sleep) -> T:
        """Run the steps of a call."""
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(step, Pause):
                await pause(step)
                reply = None
            else:
                reply = await self._exchange(step)

    async def _exchange(self, request: Request) -> Reply:
        try:
            return self._answer(await self._http.request(**self._request(request)))
        except httpx.RequestError as error:
            return silence_of(error)
