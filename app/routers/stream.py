"""`GET /api/events/stream`: events as they arrive."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.deps import NoRepeats, PrincipalDep, ServiceDep
from app.read.arrivals import Arrived, Position, parse_position
from app.read.feed import Feed, Reader
from app.read.filters import event_filter
from app.routers.access import GuardedRoute
from app.routers.responses import JSON_OPTIONS, client_gone
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

    def __init__(self, feed: Feed, reader: Reader) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store"
        self.headers["x-accel-buffering"] = "no"  # a proxy must not wait for more of it
        self._feed, self._reader = feed, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(client_gone(receive))
        gone.add_done_callback(lambda _: self._reader.end())
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            async with aclosing(self._frames()) as frames:
                async for frame in frames:
                    if gone.done():
                        return
                    async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                        await send({"type": "http.response.body", "body": frame, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self._feed.leave(self._reader)

    async def _frames(self) -> AsyncGenerator[bytes, None]:
        reader = self._reader
        # An id without data: a client that breaks off before the first event goes on from here.
        yield f"retry: {RETRY_MS}\nid: {reader.after or reader.joined_at}\n\n".encode()
        async for arrived in self._feed.missed(reader):
            yield _frame(arrived)
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    arrived_or_end = await reader.waiting.get()
            except TimeoutError:
                # Nothing was waiting: all until here is told, or is not for this reader.
                yield _heartbeat(self._feed.position)
                continue
            frames = bytearray()
            while arrived_or_end is not None:
                frames += _frame(arrived_or_end)
                if len(frames) >= SENT_AT_ONCE_BYTES or reader.waiting.empty():
                    break
                arrived_or_end = reader.waiting.get_nowait()
            if frames:
                yield bytes(frames)
            if arrived_or_end is None:
                return


def _frame(arrived: Arrived) -> bytes:
    data = orjson.dumps(arrived.event, option=JSON_OPTIONS)
    return b"id: %s\ndata: %s\n\n" % (str(arrived.position).encode(), data)


def _heartbeat(position: Position) -> bytes:
    return f": nothing new\nid: {position}\n\n".encode()


# Not in the OpenAPI document: whoever walks through that would wait for an end. Its description
# speaks of it.
@router.get("/stream", include_in_schema=False)
async def stream_events(
    query: Annotated[StreamQuery, Query()],
    service: ServiceDep,
    principal: PrincipalDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events: each event as `GET /api/events/` has it, once it is committed, in the
    order of arrival, which need not be that of their times.

    A client that comes again with `Last-Event-ID` misses nothing and gets nothing twice; 410 where
    it was away for too long. A comment comes when nothing else has for a while. A client that
    reads too slowly is cut off.
    """
    filter_ = event_filter(query, principal.users(query.user_email), own=principal.is_user)
    after = parse_position(last_event_id) if last_event_id else None
    return EventStream(service.feed, await service.feed.join(filter_, after))
