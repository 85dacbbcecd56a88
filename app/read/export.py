"""Events as a file of any size, in memory that does not grow with it.

Pages are read by keyset, each in a statement of its own: between two of them nothing is held in the
database, however slowly the file is taken. Every event that was committed before the export began
is in it, unless it is deleted first; one that is committed meanwhile may be.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select

from app.database.sessions import Database, Reads, ReadSession
from app.database.slots import Slots
from app.errors import BadCursor, NotFound
from app.models import ActivityEvent, AppUser
from app.read.cursor import Cursor
from app.read.events import cursor_at, page_of
from app.read.export_formats import writer_of
from app.read.filters import EventFilter, beyond, compile_filter, user_ids, values_beyond
from app.read.order import NO_SEQ
from app.read.window import EARLIEST, LATEST, Window
from app.schemas.email import normalise_email
from app.schemas.instant import parse_utc, with_plus
from app.schemas.queries import ExportFormat

PAGE_EVENTS = 1000
# A time may hold a comma, and so may an address.
_LAST_LINE = re.compile(r"(?P<at>.+?),(?P<event_id>[^,]{32,45}),(?P<email>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class UserProfile:
    """Stored data of a user besides their events."""

    user_email: str
    created_at: datetime
    analytics_opt_out: bool
    ai_context_opt_out: bool
    learning_opt_out: bool
    first_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """An export request.

    `after` is the last line that a client has of a file that it resumes; `profile_of` is the user
    whose profile comes first.
    """

    filter_: EventFilter
    window: Window
    format: ExportFormat = "ndjson"
    after: str | None = None
    limit: int | None = None
    profile_of: str | None = None


class Export:
    """An export whose first page is read. It holds a slot of its caller's until it is closed,
    streamed or not."""

    def __init__(
        self, request: ExportRequest, reads: Reads, slots: Slots, caller: str | None
    ) -> None:
        self.format = request.format
        self._request, self._reads, self._caller = request, reads, caller
        self._slots: Slots | None = slots
        self._profile: UserProfile | None = None
        self._where: list[ColumnElement[bool]] = []
        self._page: list[Row[Any]] = []
        self._left = request.limit
        self._is_last = False

    async def read_first(self) -> None:
        """Read the first page, so that errors occur before the first byte is sent."""
        await self._reads.ask(self._read_first)

    async def _read_first(self, session: ReadSession) -> None:
        request = self._request
        if request.profile_of is not None:
            self._profile = await _profile(session, request.profile_of)
        self._where = (await compile_filter(session, request.filter_, request.window)).where()
        after = None
        if request.after is not None:
            after = await _position(session, request.after, request.window)
        await self._read(session, after=after)

    async def chunks(self) -> AsyncGenerator[tuple[bytes, int], None]:
        """Yield the file in order: bytes, and the number of their events.

        Raises:
            ActivityError: a page could not be read. A file without its end must not look whole, so
                that whoever sends it breaks the connection.
        """
        request, profile = self._request, self._profile
        continued = request.after is not None
        # Off the loop, which has others to answer.
        writer = await asyncio.to_thread(
            writer_of, request.format, continued=continued, with_kind=profile is not None
        )
        yield writer.head(None if profile is None or continued else asdict(profile)), 0
        while self._page:
            # A user who is being erased has no email any more, and no events to give away.
            rows = [row for row in self._page if row.user_email is not None]
            yield await asyncio.to_thread(writer.events, rows), len(rows)
            if self._is_last:
                break
            last = self._page[-1]
            await self._reads.ask(partial(self._read, after=cursor_at(last, request.window, "asc")))
        yield await asyncio.to_thread(writer.tail), 0

    def close(self) -> None:
        """Give the slot back, once."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.give_back(self._caller)

    async def _read(self, session: ReadSession, *, after: Cursor | None) -> None:
        limit = PAGE_EVENTS if self._left is None else min(PAGE_EVENTS, self._left)
        where = [*self._where, *(beyond(after.order) if after is not None else ())]
        statement = page_of(where, limit=limit, order="asc")
        values = {} if after is None else values_beyond(after)
        self._page = list((await session.execute(statement, values)).all())
        self._is_last = len(self._page) < limit
        if self._left is not None:
            self._left -= len(self._page)
            self._is_last = self._is_last or not self._left


async def open_export(
    request: ExportRequest, reads: Reads, slots: Slots, caller: str | None = None
) -> Export:
    """An export, ascending by `EVENT_KEY`, to stream and to close.

    Pages are read off the indexes that `list_events` reads them off; the statement timeout is each
    page's own.

    Raises:
        ShareExceeded: the caller's share of exports is running.
        Overloaded: as many exports as may be are running.
        BadCursor: `after` names no event.
        NotFound: the user of `profile_of` is not known.
        TooExpensive, Unavailable: the first page could not be read.
    """
    slots.take(caller)
    export = Export(request, reads, slots, caller)
    opened = False
    try:
        await export.read_first()
        opened = True
    finally:
        if not opened:
            export.close()
    return export


async def count_events(database: Database, request: ExportRequest) -> int:
    """Count the events to export, from the beginning."""
    async with database.read() as session:
        where = (await compile_filter(session, request.filter_, request.window)).where()
        statement = select(func.count()).select_from(ActivityEvent).where(*where)
        return int((await session.execute(statement)).scalar_one())


async def _profile(session: ReadSession, user_email: str) -> UserProfile:
    statement = select(
        AppUser.created_at,
        AppUser.analytics_opt_out,
        AppUser.ai_context_opt_out,
        AppUser.learning_opt_out,
        AppUser.first_seen_at,
    ).where(AppUser.email == user_email)
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise NotFound("There is no user with this email address.")
    return UserProfile(user_email, *row)


async def _position(session: ReadSession, after: str, window: Window) -> Cursor:
    """Return the position of the client's last line in the order of all.

    If that event is gone meanwhile, the position is before all others of its moment: some events
    may be repeated, and none is omitted.
    """
    try:
        found = _LAST_LINE.fullmatch(after.strip())
        if found is None:
            raise ValueError(after)
        instant = parse_utc(with_plus(found["at"]))
        if not EARLIEST <= instant <= LATEST:
            raise ValueError(after)
        event_id, user_email = UUID(found["event_id"]), normalise_email(found["email"])
    except (ValueError, OverflowError):
        raise BadCursor(
            "after: set event_timestamp,event_id,user_email of the last complete line, URL-encoded."
        ) from None
    event = ActivityEvent
    ids = await user_ids(session, (user_email,), hidden=True)
    statement = select(
        event.event_timestamp, event.session_seq, event.received_at, event.event_id, event.user_id
    ).where(
        event.user_id == (ids[0] if ids else 0),
        event.event_timestamp == instant,
        event.event_id == event_id,
    )
    row = (await session.execute(statement)).one_or_none()
    if row is not None:
        return cursor_at(row, window, "asc")
    return Cursor("asc", window.start, window.end, instant, NO_SEQ - 1, EARLIEST, UUID(int=0), 0)
