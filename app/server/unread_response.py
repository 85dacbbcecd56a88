"""An answer that its client does not read is given up."""

import asyncio

PROGRESS_BYTES = 64 * 1024  # in the time that it is given


class UnreadResponse:
    """Aborts a connection whose client reads too little of the response in time."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, seconds: float
    ) -> None:
        self._loop, self._transport, self._seconds = loop, transport, seconds
        self._timer: asyncio.TimerHandle | None = None
        self._bytes = 0

    def start(self) -> None:
        """Start the timer: data waits for its reader."""
        if self._timer is None:
            self._bytes = self._transport.get_write_buffer_size()
            self._timer = self._loop.call_later(self._seconds, self._is_late)

    def is_read(self) -> None:
        """Stop the timer: nothing waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self) -> None:
        self._timer = None
        if self._transport.get_write_buffer_size() > self._bytes - PROGRESS_BYTES:
            self._transport.abort()
        else:
            self.start()
