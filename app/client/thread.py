"""Sends in the background, on a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable

from app.client.drops import Drops
from app.client.errors import ActivityError
from app.client.events import Encoded
from app.client.outbox import CLOSED, FULL, INTERNAL, NOT_IN_TIME, Counts, Drop, Limits, Outbox
from app.client.results import EventResult
from app.client.retry import Pause, pause_ends_at

logger = logging.getLogger("activity_events.client")

# Sends a batch, and pauses with what it is given.
Send = Callable[[list[Encoded], Callable[[Pause], None]], list[EventResult]]


class Abandoned(Exception):
    """Ends a call whose batch was given up meanwhile."""


class ThreadSender:
    """A sender that any thread can call. Its own daemon thread starts with the first event: an
    interpreter that exits waits for `close` instead of it."""

    def __init__(self, send: Send, limits: Limits, drops: Drops) -> None:
        self._send = send
        self._drops = drops
        self._outbox = Outbox(limits)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing_at: float | None = None
        self._abandoned = False

    def add(self, event: Encoded) -> bool:
        """Add an event and return at once; False if the event is dropped."""
        with self._changed:
            closed = self._closing_at is not None
            if closed:
                self._outbox.refuse()
            taken = not closed and self._outbox.add(event, time.monotonic())
            if taken:
                self._start()
                if self._outbox.rouses(time.monotonic()):
                    self._changed.notify_all()
        if not taken:
            self._drops.report([Drop([event], CLOSED if closed else FULL)])
        return taken

    def refuse(self) -> None:
        """Count an event that can't be sent at all."""
        with self._changed:
            self._outbox.refuse()

    def flush(self, timeout_seconds: float | None) -> bool:
        """Wait until all events added before are delivered or dropped; return False on timeout."""
        with self._changed:
            target = self._outbox.entered
            self._outbox.flush()
            self._changed.notify_all()
            if self._thread is threading.current_thread():  # in `on_drop`: it can't wait for itself
                return self._outbox.left >= target
            return self._changed.wait_for(lambda: self._outbox.left >= target, timeout_seconds)

    def close(self, timeout_seconds: float) -> bool:
        """Send what is possible in that time, and drop the rest; return whether the thread has
        ended."""
        with self._changed:
            if self._closing_at is None:
                self._closing_at = time.monotonic()
        self.flush(timeout_seconds)
        with self._changed:
            drops = self._outbox.abandon(NOT_IN_TIME)
            self._abandoned = True
            self._changed.notify_all()
        self._drops.report(drops)
        self._drops.say_the_rest()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return thread is None
        thread.join(0 if drops else 1)
        return not thread.is_alive()

    def counts(self) -> Counts:
        with self._changed:
            return self._outbox.counts()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name="activity-events-client", daemon=True
            )
            self._thread.start()

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            self._drops.report(self._deliver(batch))
            with self._changed:
                self._outbox.leave(batch)
                self._changed.notify_all()

    def _next(self) -> list[Encoded] | None:
        """Wait for the next batch; None means the end."""
        with self._changed:
            while (seconds := self._outbox.due_in(time.monotonic())) != 0:
                if self._abandoned:
                    return None
                self._changed.wait(seconds)
            return self._outbox.take()

    def _deliver(self, batch: list[Encoded]) -> list[Drop]:
        try:
            verdicts = self._send(batch, self._pause)
        except Abandoned:
            return []
        except ActivityError as error:
            logger.warning("a batch of %d activity events failed: %s", len(batch), error)
            with self._changed:
                return self._outbox.give_up(batch, error.code)
        except Exception:
            logger.exception("a batch of %d activity events failed", len(batch))
            with self._changed:
                return self._outbox.give_up(batch, INTERNAL)
        with self._changed:
            return self._outbox.settle(batch, verdicts)

    def _pause(self, pause: Pause) -> None:
        started_at = time.monotonic()
        with self._changed:
            while not self._abandoned:
                ends_at = pause_ends_at(started_at, pause, self._closing_at)
                left = ends_at - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)
        raise Abandoned
