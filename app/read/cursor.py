"""Cursors: keyset pagination, so that pages neither skip nor repeat events while others arrive.

A cursor also stores the window of its first page, because `days=7` would mean another window each
time.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from app.errors import BadCursor
from app.read.window import EARLIEST, LATEST
from app.schemas.instant import parse_utc

Order = Literal["asc", "desc"]
# With 1, ids alone decided between events of one moment.
_VERSION = 2
_INT4_MAX = 2**31 - 1
_SESSIONS = "sessions"
_BIGINT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event of a page, the order it was read in, and the window it was read from.

    `session_seq` is `NO_SEQ` for an event without one.
    """

    order: Order
    start: datetime
    end: datetime
    event_timestamp: datetime
    session_seq: int
    received_at: datetime
    event_id: UUID
    user_id: int

    def encode(self) -> str:
        return _packed(
            _VERSION,
            self.order,
            self.start.isoformat(),
            self.end.isoformat(),
            self.event_timestamp.isoformat(),
            self.session_seq,
            self.received_at.isoformat(),
            str(self.event_id),
            self.user_id,
        )


@dataclass(frozen=True, slots=True)
class SessionCursor:
    """The last session of a page, and the window it was read from."""

    start: datetime
    end: datetime
    started_at: datetime
    user_id: int
    session_id: str

    def encode(self) -> str:
        return _packed(
            _SESSIONS,
            self.start.isoformat(),
            self.end.isoformat(),
            self.started_at.isoformat(),
            self.user_id,
            self.session_id,
        )


def decode_session_cursor(text: str) -> SessionCursor:
    """The cursor of a list of sessions in a request.

    Raises:
        BadCursor: none of ours.
    """
    try:
        kind, start, end, started_at, user_id, session_id = _unpacked(text)
        cursor = SessionCursor(
            _instant(start), _instant(end), _instant(started_at), int(user_id), str(session_id)
        )
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError):
        raise _not_ours() from None
    if kind != _SESSIONS or not 0 <= cursor.user_id <= _BIGINT_MAX or cursor.encode() != text:
        raise _not_ours()
    return cursor


def decode_cursor(text: str, order: Order) -> Cursor:
    """The cursor in a request.

    Raises:
        BadCursor: none of ours, or one of a list in the other order.
    """
    try:
        version, made_for, start, end, at, seq, received_at, event_id, user_id = _unpacked(text)
        cursor = Cursor(
            order,
            _instant(start),
            _instant(end),
            _instant(at),
            int(seq),
            parse_utc(received_at),
            UUID(event_id),
            int(user_id),
        )
    except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError):
        raise _not_ours() from None
    if version != _VERSION or not 0 <= cursor.user_id <= _BIGINT_MAX:
        raise _not_ours()
    if not -1 <= cursor.session_seq <= _INT4_MAX:
        raise _not_ours()
    if made_for != order:
        raise BadCursor("cursor: it belongs to a list in the other order.")
    # More is read than we write, like a time in another zone.
    if cursor.encode() != text:
        raise _not_ours()
    return cursor


def _packed(*fields: str | int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(fields)).rstrip(b"=").decode()


def _unpacked(text: str) -> list[Any]:
    padded = text.encode("ascii") + b"=" * (-len(text) % 4)
    found: list[Any] = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    return found


def _not_ours() -> BadCursor:
    return BadCursor("cursor: set next_cursor of the previous page, unchanged.")


def _instant(text: str) -> datetime:
    instant = parse_utc(text)
    if not EARLIEST <= instant <= LATEST:
        raise ValueError(text)
    return instant
