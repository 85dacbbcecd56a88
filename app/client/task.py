"""Sends in the background, on a task of the running event loop."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from app.client.drops import Drops
from app.client.errors import ActivityError
from app.client.events import Encoded
from app.client.outbox import (
    CANCELLED,
    CLOSED,
    FULL,
    INTERNAL,
    NOT_IN_TIME,
    Counts,
    Drop,
    Limits,
    Outbox,
)
from app.client.results import EventResult
from app.client.retry import Pause, pause_ends_at

logger = logging.getLogger("activity_events.client")

# Sends a batch, and pauses with what it is given.
Send = Callable[[list[Encoded], Callable[[Pause], Awaitable[None]]], Awaitable[list[EventResult]]]


class TaskSender:
    """A sender for one event loop. Its task starts with the first event."""

    def __init__(self, send: Send, limits: Limits, drops: Drops) -> None:
        self._send = send
        self._drops = drops
        self._outbox = Outbox(limits)
        self._roused = asyncio.Event()
        self._closing = asyncio.Event()
        self._left = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing_at: float | None = None

    def add(self, event: Encoded) -> bool:
        """Add an event and return at once; False if the event is dropped."""
        closed = self._closing_at is not None
        if closed:
            self._outbox.refuse()
        elif self._outbox.add(event, time.monotonic()):
            if self._task is None or self._task.done():
                self._task = asyncio.get_running_loop().create_task(self._work())
            if self._outbox.rouses(time.monotonic()):
                self._roused.set()
            return True
        self._drops.report([Drop([event], CLOSED if closed else FULL)])
        return False

    def refuse(self) -> None:
        """Count an event that can't be sent at all."""
        self._outbox.refuse()

    async def flush(self, timeout_seconds: float | None) -> bool:
        """Wait until all events added before are delivered or dropped; return False on timeout."""
        target = self._outbox.entered
        self._outbox.flush()
        self._roused.set()
        try:
            async with asyncio.timeout(timeout_seconds):
                while self._outbox.left < target:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            return False
        return True

    async def close(self, timeout_seconds: float) -> None:
        """Send what is possible in that time, and drop the rest."""
        if self._closing_at is None:
            self._closing_at = time.monotonic()
        self._closing.set()
        await self.flush(timeout_seconds)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._abandon(NOT_IN_TIME)
        self._drops.say_the_rest()

    def counts(self) -> Counts:
        return self._outbox.counts()

    async def _work(self) -> None:
        try:
            while True:
                batch = await self._next()
                self._drops.report(await self._deliver(batch))
                self._outbox.leave(batch)
                self._left.set()
        finally:
            self._abandon(CANCELLED if self._closing_at is None else NOT_IN_TIME)

    def _abandon(self, reason: str) -> None:
        self._drops.report(self._outbox.abandon(reason))
        self._left.set()

    async def _next(self) -> list[Encoded]:
        while (seconds := self._outbox.due_in(time.monotonic())) != 0:
            self._roused.clear()
            await _wait(self._roused, seconds)
        return self._outbox.take()

    async def _deliver(self, batch: list[Encoded]) -> list[Drop]:
        try:
            verdicts = await self._send(batch, self._pause)
        except ActivityError as error:
            logger.warning("a batch of %d activity events failed: %s", len(batch), error)
            return self._outbox.give_up(batch, error.code)
        except Exception:
            logger.exception("a batch of %d activity events failed", len(batch))
            return self._outbox.give_up(batch, INTERNAL)
        return self._outbox.settle(batch, verdicts)

    async def _pause(self, pause: Pause) -> None:
        started_at = time.monotonic()
        if self._closing_at is None:
            await _wait(self._closing, pause.seconds)
        ends_at = pause_ends_at(started_at, pause, self._closing_at)
        await asyncio.sleep(ends_at - time.monotonic())


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    """Wait until then at most."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
