"""`GET /api/events/stream`: stream new events as they arrive."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.auth.admission import Admission
from app.auth.principal import Scope as KeyScope
from app.dependencies import AdmissionDep, DatabaseDep, NoRepeats, ServiceDep
from app.errors import ActivityError
from app.read.filters import event_filter
from app.routers.access import GuardedRoute, access
from app.routers.responses import client_gone, errors
from app.schemas.examples import EVENT
from app.schemas.queries import StreamQuery
from app.stream.feed import Feed
from app.stream.outbox_reader import Position, parse_resume_position
from app.stream.readers import Message, Reader

router = APIRouter(tags=["query"], dependencies=[NoRepeats], route_class=GuardedRoute)

HEARTBEAT_SECONDS = 15.0
# A client that reads nothing for this long is disconnected.
SEND_TIMEOUT_SECONDS = 30.0
RETRY_MS = 2_000
SENT_AT_ONCE_BYTES = 64 * 1024
LAST_EVENT_ID = "The last `id` that was received, to resume after disconnecting."
FRAMES: dict[str, Any] = {
    "description": "The events, one to a frame, without end",
    "content": {
        "text/event-stream": {
            "schema": {
                "type": "string",
                "description": "Frames of server-sent events; `data` is an event as JSON, in the "
                "form of `EventOut`.",
            },
            "example": f"id: 7301.1\ndata: {orjson.dumps(EVENT).decode()}\n\n",
        }
    },
}


class EventStream(Response):
    """Server-sent events (WHATWG HTML, 9.2): first missed events, then new ones."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, reader: Reader, admission: Admission) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.headers["x-accel-buffering"] = "no"  # proxies must not buffer the stream
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
        """Yield all frames. The stream ends normally, so that its client resumes from the last id;
        if the client must not continue, the last frame has the error code."""
        try:
            async with aclosing(self._frames()) as frames:
                async for frame in frames:
                    yield frame
        except ActivityError as error:
            yield f": {error.code}\n\n".encode()

    async def _frames(self) -> AsyncGenerator[bytes, None]:
        reader = self._reader
        # An id without data: a client that disconnects before the first event resumes from here.
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
                # Nothing is waiting: all events up to here were sent, or do not match.
                frames += _heartbeat(self._feed.position)
            yield bytes(frames)
            beat_at = monotonic() + HEARTBEAT_SECONDS


def _frame(message: Message) -> bytes:
    return b"id: %s\ndata: %s\n\n" % (str(message.position).encode(), message.data)


def _heartbeat(position: Position) -> bytes:
    return f": nothing new\nid: {position}\n\n".encode()


@router.get(
    "/stream",
    summary="Stream new events",
    status_code=200,
    response_class=Response,  # errors are JSON
    responses={200: FRAMES, **errors(410, 422, 503)},
)
@access(KeyScope.READ, users=True)
async def stream_events(
    query: Annotated[StreamQuery, Query()],
    service: ServiceDep,
    database: DatabaseDep,
    admission: AdmissionDep,
    last_event_id: Annotated[
        str | None, Header(description=LAST_EVENT_ID, examples=["7301.1"])
    ] = None,
) -> Response:
    """Stream events as server-sent events once they are committed, in the order of arrival.

    Events have the same form as in `GET /api/events/`. Their times can be in a different order.

    A client that reconnects with `Last-Event-ID` misses no event and receives none twice. Status
    410 means that it was disconnected for too long. Comments keep an idle connection alive. Clients
    that read too slowly, whose token expires or whose key is revoked are disconnected; the last
    line has the reason. Status 429 means that the caller has too many streams open, 503 that all
    callers together do.
    """
    principal = admission.principal
    filter_ = event_filter(query, principal.users(query.user_email), own=principal.is_user)
    after = parse_resume_position(last_event_id) if last_event_id else None
    reader = await service.feed.join(filter_, after, database, principal.sharer)
    return EventStream(service.feed, reader, admission)
