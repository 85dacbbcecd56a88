"""`GET /api/events/stream`: events as they arrive."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.auth.admission import Admission
from app.deps import AdmissionDep, DatabaseDep, NoRepeats, ServiceDep
from app.errors import ActivityError
from app.read.arrivals import Position, parse_position
from app.read.feed import Feed
from app.read.filters import event_filter
from app.read.readers import Message, Reader
from app.routers.access import GuardedRoute
from app.routers.responses import client_gone
from app.schemas.queries import StreamQuery

router = APIRouter(tags=["query"], dependencies=[NoRepeats], route_class=GuardedRoute)

HEARTBEAT_SECONDS = 15.0
# A client that takes nothing for so long is given up.
SEND_TIMEOUT_SECONDS = 30.0
RETRY_MS = 2_000
SENT_AT_ONCE_BYTES = 64 * 1024


class EventStream(Response):
    """Server-sent events (WHATWG HTML, 9.2): what was missed, and then what comes."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, reader: Reader, admission: Admission) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.headers["x-accel-buffering"] = "no"  # a proxy must not wait for more of it
        self._feed, self._reader, self._admission = feed, reader, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(client_gone(receive))
        gone.add_done_callback(lambda _: self._reader.end())
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            async with aclosing(self._frames_and_why_no_more()) as frames:
                async for frame in frames:
                    if gone.done():
                        return
                    async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self._feed.leave(self._reader)

    async def _frames_and_why_no_more(self) -> AsyncGenerator[bytes, None]:
        """All frames. A stream ends well, so that its client goes on from the last id; where it
        must not, that is what it is told then."""
        try:
            async with aclosing(self._frames()) as frames:
                async for frame in frames:
                    yield frame
        except ActivityError as error:
            yield f": {error.code}\n\n".encode()

    async def _frames(self) -> AsyncGenerator[bytes, None]:
        reader = self._reader
        # An id without data: a client that breaks off before the first event goes on from here.
        yield f"retry: {RETRY_MS}\nid: {reader.after or reader.joined_at}\n\n".encode()
        async for message in self._feed.missed(reader):
            await self._admission.confirm()
            yield _frame(message)
        beat_at = monotonic() + HEARTBEAT_SECONDS
        while True:
            seconds = min(beat_at - monotonic(), self._admission.due_in_seconds)
            try:
                async with asyncio.timeout(seconds):
                    await reader.wait()
            except TimeoutError:
                pass
            await self._admission.confirm()
            frames = bytearray()
            while reader.waiting and len(frames) < SENT_AT_ONCE_BYTES:
                frames += _frame(reader.take())
            if not frames:
                if reader.has_ended:
                    return
                if monotonic() < beat_at:
                    continue
                # Nothing is waiting: all until here is told, or is not for this reader.
                frames += _heartbeat(self._feed.position)
            yield bytes(frames)
            beat_at = monotonic() + HEARTBEAT_SECONDS


def _frame(message: Message) -> bytes:
    return b"id: %s\ndata: %s\n\n" % (str(message.position).encode(), message.data)


def _heartbeat(position: Position) -> bytes:
    return f": nothing new\nid: {position}\n\n".encode()


# Not in the OpenAPI document: whoever walks through that would wait for an end. Its description
# speaks of it.
@router.get("/stream", include_in_schema=False)
async def stream_events(
    query: Annotated[StreamQuery, Query()],
    service: ServiceDep,
    database: DatabaseDep,
    admission: AdmissionDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events: each event as `GET /api/events/` has it, once it is committed, in the
    order of arrival, which need not be that of their times.

    A client that comes again with `Last-Event-ID` misses nothing and gets nothing twice; 410 where
    it was away for too long. A comment comes when nothing else has for a while. A client that
    reads too slowly is cut off, and so is one whose token expires or whose key is revoked: the last
    line says why. 429 where the caller's share of streams is open, 503 where all are.
    """
    principal = admission.principal
    filter_ = event_filter(query, principal.users(query.user_email), own=principal.is_user)
    after = parse_position(last_event_id) if last_event_id else None
    reader = await service.feed.join(filter_, after, database, principal.sharer)
    return EventStream(service.feed, reader, admission)
