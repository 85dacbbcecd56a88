"""One HTTP connection: uvicorn's, with the limits that it lacks.

Bytes of a request without content (an endless header, the framing of chunks, trailers) are counted
before they are parsed. And every state of a connection has a timer:

    state                                          ends after
    waiting for the first byte, a header in flight  `header_seconds`
    idle between requests                           uvicorn's `timeout_keep_alive`
    a body in flight                                the reader's own time limit (`app.ingest.body`)
    answered before the body's end, or refused      `linger_seconds`; later bytes are dropped
    a response that is not read                     `unread_seconds` without progress

The application limits the time of answering a request.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.errors import ActivityError, MalformedRequest, Overloaded
from app.ingest.body import BODY_IS_HERE
from app.server.connection_limits import ConnectionLimits, make_room
from app.server.parsing_turns import ParsingTurns
from app.server.response_writer import ResponseWriter, raw_answer
from app.server.unread_response import UnreadResponse

# What is parsed at once: a limit is overrun by so much at most.
PARSED_AT_ONCE_BYTES = 16 * 1024
# Each chunk is a call: so many bytes of them are parsed until others may have their turn.
CHUNKED_AT_ONCE_BYTES = 4 * 1024
# With itself: a chunk of five bytes pays for its framing. Of smaller ones there may be some 16,000.
FRAMING_PER_BYTE = 2


class _Refused(Exception):
    """Ends the parser's work on what was received."""


class Connection(HttpToolsProtocol):
    """A subclass names the `limits`, and the `turns` that its connections share: `connections`."""

    limits: ConnectionLimits
    turns: ParsingTurns
    dropping_turns: ParsingTurns

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._unread = UnreadResponse(self.loop, transport, self.limits.unread_seconds)
        self._is_in_header = self._is_in_body = False
        self._is_deaf = self._is_lingering = self._is_chunked = False
        self._unparsed = memoryview(b"")
        self._running: RequestResponseCycle | None = None
        # Bytes since the last step of the request, less those that were part of its body.
        self._unaccounted = 0
        self._refusal: ActivityError | None = None
        self._keep_alive = True
        self._way_out = ResponseWriter(transport, self._close_after_answer)
        self.since = self.loop.time()
        self.is_known = False
        self._wait(self.limits.header_seconds)
        if len(self.connections) > self.limits.connections_max and not make_room(
            self.connections, self, self.limits
        ):
            self._refuse(Overloaded("Too many connections are open. Retry later."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self._unread.is_read()
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        # It and its transport refer to each other, and stay until they are collected: without
        # what was received.
        self.cycle = self._running = None  # type: ignore[assignment]  # as at first
        self.scope = {}  # type: ignore[typeddict-item]  # nothing of it is asked for any more
        self.pipeline.clear()
        self.headers, self.url, self._unparsed = [], b"", memoryview(b"")

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._under_way() is not None

    @property
    def is_expendable(self) -> bool:
        """Whether to close it costs no caller an answer to a whole request: it is idle, or a
        stranger's request has not wholly come."""
        if self.transport.is_closing():
            return False
        return not self.is_busy or (self._is_in_body and "principal" not in self.scope)

    def _under_way(self) -> RequestResponseCycle | None:
        """The last request that was taken in, where it is not answered yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def give_up(self) -> None:
        """Close it at once."""
        self.transport.abort()

    # What is received

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            self._drop(len(data))
        elif self._unparsed:
            self._unparsed = memoryview(bytes(self._unparsed) + data)
        elif len(data) <= CHUNKED_AT_ONCE_BYTES:
            self._parse(data)
        else:
            self._parse_in_turns(memoryview(data))

    def _parse_in_turns(self, data: memoryview) -> None:
        """Chunks are parsed in several turns of the event loop; until then no more is read."""
        while data and not (self._is_chunked and self._is_in_body and not self._is_deaf):
            if self._is_deaf:
                self._drop(len(data))
                return
            # The end of a header is followed by what may be chunks.
            at_once = PARSED_AT_ONCE_BYTES if self._is_in_body else CHUNKED_AT_ONCE_BYTES
            self._parse(bytes(data[:at_once]))
            data = data[at_once:]
        self._unparsed = data
        if data:
            self.transport.pause_reading()
            self.turns.add(self.loop, self._parse_next)

    def _parse_next(self) -> None:
        data, self._unparsed = self._unparsed, memoryview(b"")
        if self.transport.is_closing():
            return
        self._parse(bytes(data[:CHUNKED_AT_ONCE_BYTES]))
        self._parse_in_turns(data[CHUNKED_AT_ONCE_BYTES:])
        if not self._unparsed and not self.flow.read_paused:
            self.transport.resume_reading()

    def _drop(self, size: int) -> None:
        """Discard what is received; few connections read on in a turn of the loop."""
        self._unaccounted += size
        if self._unaccounted > self.limits.dropped_max_bytes:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.transport.pause_reading()
            self.dropping_turns.add(self.loop, self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _parse(self, data: bytes) -> None:
        if self._is_deaf:
            self._drop(len(data))
            return
        self._unaccounted += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request is answered as if it had not asked for another protocol; what follows is
            # in none that is known here.
            self._answer_the_last()
        except httptools.HttpParserError:
            if not self._is_deaf:
                self._refuse(self._refusal or MalformedRequest("The request is not valid HTTP."))
        else:
            if self._unaccounted < 0:
                self._unaccounted = 0
            elif self._unaccounted > self.limits.header_max_bytes or (
                self._is_in_header and len(self.headers) > self.limits.headers_max
            ):
                self._refuse(self.limits.header_too_large())

    def on_message_begin(self) -> None:
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._is_in_header = True
        if not self.is_busy:
            self._wait(self.limits.header_seconds)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_header:  # trailers are nothing to an application
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        limits = self.limits
        if len(self.headers) > limits.headers_max or (
            self._unaccounted > limits.header_max_bytes
            and len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            > limits.header_max_bytes
        ):
            self._refusal = self.limits.header_too_large()
            raise _Refused
        if len(self.pipeline) >= limits.pipelined_max:
            self._is_in_header = False
            self._answer_the_last()
            raise _Refused
        super().on_headers_complete()
        self._is_in_header, self._is_in_body, self._unaccounted = False, True, 0
        self._is_chunked = any(name == b"transfer-encoding" for name, _ in self.headers)
        cycle = self.cycle
        # An answer before the end of the body is the last one: the rest could take for ever.
        self._keep_alive, cycle.keep_alive = cycle.keep_alive, False
        cycle.transport = self._way_out  # type: ignore[assignment]  # all of it that a cycle uses

    def on_body(self, body: bytes) -> None:
        self._unaccounted -= FRAMING_PER_BYTE * len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_body, self._unaccounted = False, 0
        cycle = self.cycle
        cycle.scope[BODY_IS_HERE] = True  # type: ignore[literal-required]
        if not cycle.response_started:
            cycle.keep_alive = self._keep_alive
        super().on_message_complete()

    # What is answered

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        self.is_known = self.is_known or "principal" in self.scope
        if self._is_lingering:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if self._is_in_header and not self.is_busy:
            self._unset_keepalive_if_required()
            self._wait(self.limits.header_seconds)

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def shutdown(self) -> None:
        self._keep_alive = False
        super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._unread.is_read()

    def _refuse(self, error: ActivityError) -> None:
        """Answer bytes that are no valid request, and end the connection."""
        cycle = self._under_way()
        if cycle is not None:
            if not self._is_in_body:
                self._answer_the_last()
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.abort()
                return
        self.transport.write(raw_answer(error, self.server_state.default_headers))
        self._linger()

    def _answer_the_last(self) -> None:
        """Accept no further request, and end after the response to the last one."""
        cycle = self._under_way()
        self._is_deaf = True
        self._unaccounted = 0
        if cycle is None:
            self._linger()
            return
        self._keep_alive = cycle.keep_alive = False

    # How it ends

    def _close_after_answer(self) -> None:
        if self._is_in_body or self._is_deaf:
            self._linger()
        else:
            self._close()

    def _linger(self) -> None:
        """End it, but read on for a moment: the answer could be lost (RFC 9112, 9.6)."""
        if self._is_lingering or self.transport.is_closing():
            return
        self._is_lingering = self._is_deaf = True
        self._unaccounted = 0
        if self.cycle is not None:
            self.cycle.body = bytearray()  # answered: nobody reads it
        self._unset_keepalive_if_required()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._wait(self.limits.linger_seconds)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
            self._unread.start()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def connections(limits: ConnectionLimits) -> type[Connection]:
    """The class that uvicorn makes its connections of."""
    turns = {"turns": ParsingTurns(), "dropping_turns": ParsingTurns(per_turn=4)}
    return type("Connection", (Connection,), {"limits": limits, **turns})
