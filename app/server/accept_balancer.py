"""A listening socket that several processes share, with balanced connections.

A new connection wakes all processes, and the quickest accepts it: again and again the same one,
which would do all the work. So a process with more connections than another lets that one go first,
for a moment.
"""

import asyncio
import mmap
import socket
from collections.abc import Callable

ABSENT = 2**32 - 1
# The further ahead, the longer others may be busy with something before it takes more than they.
YIELD_SECONDS = 0.001  # for each connection that it is ahead
YIELD_SECONDS_MAX = 0.02
THEN_TAKEN = 4
# Too many open files: another try may find one less.
RETRY_SECONDS = 1.0


class Shares:
    """Number of connections of each process, in shared memory."""

    def __init__(self, places: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * places)).cast("I")
        for place in range(places):
            self._counts[place] = ABSENT

    def tell(self, place: int, count: int = ABSENT) -> None:
        self._counts[place] = count

    def lead(self, place: int) -> int:
        """Return by how many connections this process is ahead of another; 0 if they are about
        equal."""
        least = min(self._counts)
        lead: int = self._counts[place] - least
        return lead if lead > 1 + least // 8 else 0


class Acceptor:
    """Takes one process's share of the connections of a listening socket."""

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        count: Callable[[], int],
        shares: Shares,
        place: int,
    ) -> None:
        """
        Args:
            count: how many connections are open.
            place: this process's among the shares.
        """
        self._listener, self._make_protocol, self._count = listener, make_protocol, count
        self._shares, self._place = shares, place
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._tell()
        self._loop.add_reader(listener, self._on_readable)

    async def close(self) -> None:
        """Take no more; those that were taken are open when this returns."""
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()
        self._shares.tell(self._place)
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _tell(self) -> None:
        self._shares.tell(self._place, self._count() + len(self._opening))

    def _on_readable(self) -> None:
        self._tell()
        lead = self._shares.lead(self._place)
        if lead:
            self._rest(min(lead * YIELD_SECONDS, YIELD_SECONDS_MAX))
        else:
            self._accept()

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        """The others had their chance; they may be busy for long."""
        self._loop.add_reader(self._listener, self._on_readable)
        for _ in range(THEN_TAKEN):
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Whether there was one to take."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another has it, or it is gone
        except OSError:
            self._rest(RETRY_SECONDS)
            return False
        connection.setblocking(False)
        opening = self._loop.connect_accepted_socket(self._make_protocol, connection)
        task: asyncio.Task[object] = self._loop.create_task(opening)
        self._opening.add(task)
        task.add_done_callback(self._opened)
        self._tell()
        return True

    def _opened(self, task: "asyncio.Task[object]") -> None:
        self._opening.discard(task)
        if not task.cancelled():
            task.exception()  # it was closed before it was open
