"""Sends in the background, on a thread of its own."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

from activity_events import log, process_end
from activity_events.drops import Drops
from activity_events.errors import ActivityError
from activity_events.events import Encoded
from activity_events.outbox import CLOSED, FULL, INTERNAL, NOT_IN_TIME, Counts, Drop, Limits, Outbox
from activity_events.results import EventResult
from activity_events.retry import Pause, pause_ends_at

# The longest that `track` keeps its caller where no thread can be started.
CALLER_SECONDS = 5.0
REQUEST_SECONDS_MIN = 0.1


class Abandoned(Exception):
    """Ends a call whose batch was given up meanwhile, or has no time left."""


class Turn(Protocol):
    """The limits of one attempt to deliver a batch."""

    def pause(self, pause: Pause) -> None:
        """Wait; raises Abandoned."""

    def seconds_left(self) -> float | None:
        """Return the time for the next request; None is the client's own timeout."""


Send = Callable[[list[Encoded], Turn], list[EventResult]]


class Sender:
    """A sender that any thread can call. Its own daemon thread starts with the first event: an
    interpreter that exits waits for `close` instead of it.

    Where no thread can be started (an interpreter that shuts down, a limit of the system), the
    callers send what is due.
    """

    def __init__(self, send: Send, limits: Limits, drops: Drops) -> None:
        self._send = send
        self._drops = drops
        self._outbox = Outbox(limits)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._sending_here = threading.Lock()
        self._waiting: list[tuple[int, Callable[[], object]]] = []
        self._closing_at: float | None = None
        self._closed = False
        self._exiting = False
        self._abandoned = False

    def add(self, event: Encoded) -> bool:
        """Add an event and return at once; False if the event is dropped."""
        with self._changed:
            reason = self._refusal(event)
            has_thread = reason is None and self._start()
            if has_thread and self._outbox.rouses(time.monotonic()):
                self._changed.notify_all()
            is_due = self._exiting or self._outbox.due_in(time.monotonic()) == 0
        if reason is not None:
            self._drops.report([Drop([event], reason)])
        elif not has_thread and is_due:
            self._send_here(time.monotonic() + CALLER_SECONDS)
            if self._exiting and self.counts().waiting:
                self._abandon()
        return reason is None

    def refuse(self) -> None:
        """Count an event that can't be sent at all."""
        with self._changed:
            self._outbox.refuse()

    def flush(self, timeout_seconds: float | None) -> bool:
        """Wait until all events added before are delivered or dropped; return False on timeout."""
        ends_at = time.monotonic() + (math.inf if timeout_seconds is None else timeout_seconds)
        with self._changed:
            target, has_thread = self._hurry()
            if self._thread is threading.current_thread():  # in `on_drop`: it can't wait for itself
                return self._outbox.left >= target
            if has_thread:
                return self._changed.wait_for(lambda: self._outbox.left >= target, timeout_seconds)
        self._send_here(ends_at)
        with self._changed:
            return self._changed.wait_for(
                lambda: self._outbox.left >= target,
                None if timeout_seconds is None else max(0.0, ends_at - time.monotonic()),
            )

    def flush_later(self, left: Callable[[], object]) -> bool:
        """Make all events due that were added before, and call `left` on some thread once they are
        delivered or dropped; return False if no thread can do that."""
        with self._changed:
            target, has_thread = self._hurry()
            if has_thread:
                self._waiting.append((target, left))
                self._report_left()
            return has_thread

    def begin_close(self, *, exiting: bool = False) -> None:
        """Accept no more events, and hurry. An interpreter that exits has later events sent by
        their callers: the exit handlers that run last may have some."""
        with self._changed:
            self._closed = self._closed or not exiting
            self._exiting = self._exiting or exiting
            if self._closing_at is None:
                self._closing_at = time.monotonic()
                self._changed.notify_all()

    def end_close(self) -> bool:
        """Drop what is left; return whether the thread has ended."""
        has_drops = self._abandon()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return thread is None
        thread.join(0 if has_drops else 1)
        return not thread.is_alive()

    def counts(self) -> Counts:
        with self._changed:
            return self._outbox.counts()

    def _refusal(self, event: Encoded) -> str | None:
        """Add the event, or return the reason why not."""
        if self._closed:
            self._outbox.refuse()
            return CLOSED
        return None if self._outbox.add(event, time.monotonic()) else FULL

    def _hurry(self) -> tuple[int, bool]:
        """Make all events due; return how many will have left then, and whether a thread sends
        them."""
        self._outbox.flush()
        self._changed.notify_all()
        is_done = self._outbox.left >= self._outbox.entered
        return self._outbox.entered, is_done or self._start()

    def _start(self) -> bool:
        """Have a thread, and return whether there is one."""
        if self._thread is not None and self._thread.is_alive():
            return True
        if self._abandoned:
            return False
        try:
            thread = threading.Thread(target=self._work, name="activity-events", daemon=True)
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        process_end.watch_multiprocessing()
        return True

    def _work(self) -> None:
        turn = _OnThread(self)
        while (batch := self._next()) is not None:
            self._settle(batch, turn)

    def _settle(self, batch: list[Encoded], turn: Turn) -> None:
        drops = self._deliver(batch, turn)
        if drops is None:
            return
        self._drops.report(drops)
        with self._changed:
            self._outbox.leave(batch)
            self._report_left()

    def _report_left(self) -> None:
        self._changed.notify_all()
        left = self._outbox.left
        due = [call for target, call in self._waiting if target <= left]
        self._waiting = [(target, call) for target, call in self._waiting if target > left]
        for call in due:
            call()

    def _next(self) -> list[Encoded] | None:
        """Wait for the next batch; None means the end."""
        with self._changed:
            while (seconds := self._outbox.due_in(time.monotonic())) != 0:
                if self._abandoned:
                    return None
                self._changed.wait(seconds)
            return self._outbox.take()

    def _send_here(self, ends_at: float) -> None:
        """Send what is due on the caller's thread, unless another one is doing so."""
        if not self._sending_here.acquire(blocking=False):
            return
        try:
            turn = _OnCaller(self, ends_at)
            while time.monotonic() < ends_at:
                with self._changed:
                    if not self._exiting and self._outbox.due_in(time.monotonic()) != 0:
                        return
                    if self._outbox.is_empty:
                        return
                    batch = self._outbox.take()
                self._settle(batch, turn)
        finally:
            self._sending_here.release()

    def _deliver(self, batch: list[Encoded], turn: Turn) -> list[Drop] | None:
        """Return what has to be dropped; None if the batch is not settled here."""
        try:
            results = self._send(batch, turn)
        except Abandoned:
            with self._changed:
                self._outbox.restore(batch)
            return None
        except ActivityError as error:
            log.warn("a batch of %d activity events failed: %s", len(batch), error)
            with self._changed:
                return self._outbox.give_up(batch, error.code)
        except Exception:  # noqa: BLE001 (the thread goes on sending)
            log.fail("a batch of %d activity events failed", len(batch))
            with self._changed:
                return self._outbox.give_up(batch, INTERNAL)
        self._drops.warn_of_changes(results)
        with self._changed:
            return self._outbox.settle(batch, results)

    def _abandon(self) -> bool:
        """Drop what waits and what is in flight; return whether there was any."""
        with self._changed:
            drops = self._outbox.abandon(NOT_IN_TIME)
            self._abandoned = True
            if self._exiting and drops:
                self._closed = True  # more of them would keep the interpreter from its exit
            self._report_left()
        self._drops.report(drops)
        self._drops.say_the_rest()
        return bool(drops)

    def pause_until_abandoned(self, pause: Pause) -> None:
        """Wait on the sender's thread; raises Abandoned."""
        started_at = time.monotonic()
        with self._changed:
            while not self._abandoned:
                ends_at = pause_ends_at(started_at, pause, self._closing_at)
                left = ends_at - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)
        raise Abandoned

    def pause_within(self, pause: Pause, limit: float) -> None:
        """Wait on a caller's thread; raises Abandoned if it would take too long."""
        started_at = time.monotonic()
        ends_at = pause_ends_at(started_at, pause, self._closing_at)
        if ends_at >= limit:
            raise Abandoned
        time.sleep(max(0.0, ends_at - started_at))


class _OnThread:
    def __init__(self, sender: Sender) -> None:
        self.pause = sender.pause_until_abandoned

    def seconds_left(self) -> None:
        return None


class _OnCaller:
    def __init__(self, sender: Sender, ends_at: float) -> None:
        self._sender = sender
        self._ends_at = ends_at

    def pause(self, pause: Pause) -> None:
        self._sender.pause_within(pause, self._ends_at)

    def seconds_left(self) -> float | None:
        left = self._ends_at - time.monotonic()
        return None if math.isinf(left) else max(REQUEST_SECONDS_MIN, left)
