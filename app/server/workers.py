"""Worker processes: started, kept at their number, replaced, drained.

They are forked to share the memory of loaded modules; the forking process runs no other thread and
no event loop. For the reasons against uvicorn's supervisor see `docs/decisions/0021-workers.md`.
"""

import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

logger = logging.getLogger("activity_events")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A worker that lived this long did not fail at its start.
STEADY_SECONDS = 5.0
FAILURES_MAX = 5
PAUSE_SECONDS = 0.5  # before another is started; doubled with each failure in a row
PAUSE_SECONDS_MAX = 30.0
# Many times what any request keeps a process from all others.
SILENT_SECONDS_MAX = 30.0
# If the check itself is this late, the machine stood still: the worker gets the same time again.
LATE_SECONDS = 1.0


class WorkersFailed(RuntimeError):
    """They end as soon as they are started; the message says how."""


@dataclass(slots=True, eq=False)
class Worker:
    """A process. `status` reads a byte once it is ready and whenever it shows that it is alive, and
    comes to its end with it; `place` is the lowest number that no other has."""

    pid: int
    place: int
    status: int
    started_at: float
    replaces: "Worker | None" = None
    is_ready: bool = False
    is_leaving: bool = False  # it was told to exit
    kill_at: float | None = None  # unless it is heard, or ends, before


class Workers:
    """A number of processes, and who looks after them.

    SIGTERM and SIGINT end them all, and each finishes what it is at; either of them a second time
    kills them. SIGHUP replaces them one by one, each once its successor is ready. One that hangs is
    killed, and replaced. They end at once where the process that looks after them is no more.
    """

    def __init__(
        self, count: int, work: Callable[[int, Callable[[], None]], None], *, stop_seconds: float
    ) -> None:
        """
        Args:
            work: The work of each, until SIGTERM. Its arguments are its place (from 0 to `count`,
                because an old worker and its successor overlap), and a function to call once it is
                ready, and then about every second: silence for SILENT_SECONDS_MAX means a hang.
            stop_seconds: Time that a worker has to exit before it is killed.
        """
        self._count, self._work, self._stop_seconds = count, work, stop_seconds
        self._workers: list[Worker] = []
        self._outdated: deque[Worker] = deque()
        self._failures = 0  # in a row
        self._pause = 0.0  # after the last of them
        self._not_before = 0.0
        self._is_stopping = False
        self._failed: WorkersFailed | None = None
        self._lifeline: tuple[int, int] = (-1, -1)
        self._on_ended: Callable[[int], None] = lambda _: None

    def run(
        self,
        *,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
        on_ended: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Run the workers until they are told to stop, and have ended.

        Args:
            on_ready: called when all are ready for the first time.
            on_stop: called before they are told to end.
            on_ended: called with the place of each that has ended, before another has it.

        Raises:
            WorkersFailed: Workers kept failing right after their start.
        """
        greeted = False
        self._lifeline = os.pipe()
        self._on_ended = on_ended
        try:
            with _signals() as told:
                while not (self._is_stopping and not self._workers):
                    for number in self._wait(told):
                        self._heed(number, on_stop)
                    self._advance(on_stop)
                    if not greeted and self._all_ready() and len(self._workers) == self._count:
                        greeted = True
                        on_ready()
        finally:
            for end in self._lifeline:
                os.close(end)
        if self._failed is not None:
            raise self._failed

    def _wait(self, told: int) -> bytes:
        """The signals that have come, once some have, or a worker is ready or ends, or what was
        put off is due."""
        by_status = {worker.status: worker for worker in self._workers}
        readable, _, _ = select.select([told, *by_status], [], [], self._due_in_seconds())
        for status in readable:
            worker = by_status.get(status)
            if worker is None:
                continue
            if os.read(status, 4096):
                self._heard(worker)
            else:
                self._ended(worker)
        return os.read(told, 1024) if told in readable else b""

    def _due_in_seconds(self) -> float | None:
        due = [worker.kill_at for worker in self._workers if worker.kill_at is not None]
        if not self._is_stopping and len(self._staying()) < self._count:
            due.append(self._not_before)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _staying(self) -> list[Worker]:
        return [worker for worker in self._workers if not worker.is_leaving]

    def _all_ready(self) -> bool:
        return all(worker.is_ready and not worker.is_leaving for worker in self._workers)

    def _heed(self, number: int, on_stop: Callable[[], None]) -> None:
        if number == signal.SIGHUP:
            self._outdated = deque(self._staying())
        elif self._is_stopping:
            for worker in self._workers:
                os.kill(worker.pid, signal.SIGKILL)
        else:
            self._stop(on_stop)

    def _stop(self, on_stop: Callable[[], None]) -> None:
        self._is_stopping = True
        on_stop()
        for worker in self._staying():
            self._dismiss(worker)

    def _dismiss(self, worker: Worker) -> None:
        worker.is_leaving = True
        self._give_time(worker)
        os.kill(worker.pid, signal.SIGTERM)

    def _give_time(self, worker: Worker) -> None:
        """Give a worker time to exit, or to report again."""
        seconds = self._stop_seconds if worker.is_leaving else SILENT_SECONDS_MAX
        worker.kill_at = time.monotonic() + seconds

    def _advance(self, on_stop: Callable[[], None]) -> None:
        """Kill workers that hang, and start the workers that are due."""
        now = time.monotonic()
        for worker in self._workers:
            if worker.kill_at is None or now < worker.kill_at:
                continue
            stood_still = now - worker.kill_at > LATE_SECONDS
            self._give_time(worker)
            if not stood_still:
                what = "does not exit" if worker.is_leaving else "does not respond"
                logger.warning("worker %s %s: killing it", worker.pid, what)
                os.kill(worker.pid, signal.SIGKILL)
        if self._failed is not None and not self._is_stopping:
            self._stop(on_stop)
        if self._is_stopping:
            return
        while len(self._staying()) < self._count and now >= self._not_before:
            self._start()
        while self._outdated and self._all_ready():
            worker = self._outdated.popleft()
            if worker in self._workers:
                self._start(replaces=worker)

    def _heard(self, worker: Worker) -> None:
        worker.is_ready = True
        if not worker.is_leaving:
            self._give_time(worker)
        old = worker.replaces
        if old is not None and old in self._workers and not old.is_leaving:
            self._dismiss(old)

    def _ended(self, worker: Worker) -> None:
        """Collect the exit status of a worker, and plan its restart unless it was to leave."""
        code = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        os.close(worker.status)
        self._workers.remove(worker)
        self._on_ended(worker.place)
        if worker.is_leaving:
            return
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        now = time.monotonic()
        if now - worker.started_at >= STEADY_SECONDS:
            self._failures, self._pause = 0, 0.0
            logger.warning("worker %s %s: restarting it", worker.pid, how)
            return
        self._failures += 1
        self._pause = min(max(PAUSE_SECONDS, self._pause * 2), PAUSE_SECONDS_MAX)
        self._not_before = now + self._pause
        logger.warning("worker %s %s right after its start", worker.pid, how)
        self._outdated.clear()  # the running ones stay
        steady = any(now - each.started_at >= STEADY_SECONDS for each in self._staying())
        if self._failed is None and self._failures >= FAILURES_MAX and not steady:
            self._failed = WorkersFailed(
                f"Worker processes fail right after their start: {self._failures} in a row, the "
                f"last one {how}. See their messages above."
            )

    def _start(self, replaces: Worker | None = None) -> None:
        place = min(set(range(len(self._workers) + 1)) - {each.place for each in self._workers})
        status, tell = os.pipe()
        os.set_blocking(tell, False)
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that comes before the new process has handlers of its own is kept for then.
        usual = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._be_worker(place, tell, usual)
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)
        os.close(tell)
        self._workers.append(Worker(pid, place, status, time.monotonic(), replaces))

    def _be_worker(self, place: int, tell: int, mask: Iterable[int]) -> NoReturn:
        """Nothing of the process that was forked is unwound here: it is not ours to end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            # Until there is something to finish, and once it is finished.
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(self._lifeline[1])
            threading.Thread(
                target=_end_with_parent, args=(self._lifeline[0],), daemon=True
            ).start()
            self._work(place, lambda: _tell(tell))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 (said here, or nowhere)
            traceback.print_exc()
        finally:
            os._exit(code)


def _tell(status: int) -> None:
    with suppress(BlockingIOError):  # the pipe is full, so a report is pending
        os.write(status, b".")


def _end_with_parent(lifeline: int) -> None:
    """Nothing is ever sent: its end is that of the process that looks after this one."""
    os.read(lifeline, 1)
    os._exit(1)


@contextmanager
def _signals() -> Iterator[int]:
    """Yield a pipe of received signals, one byte each."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(write)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)
