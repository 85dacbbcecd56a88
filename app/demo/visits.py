"""Acts of a day -> events as a tracker sends them: sessions, pages, devices, ids."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.demo.streams import chosen, short_hash, uuid7_of
from app.demo.today import HOME, Act, Today
from app.schemas.event_types import PAGE_VIEWED

# Who does nothing for so long comes back in a new session.
IDLE_MS = 30 * 60_000
APART_MS = 10
LOOK_MS = (700, 3_500)
STAY_MS = (4_000, 90_000)
UPLOAD_MS = (200, 5_000)
# No event is reported before it has arrived.
UPLOAD_MAX = timedelta(milliseconds=max(UPLOAD_MS))

DemoEvent = dict[str, Any]


@dataclass(slots=True)
class _Viewed:
    page: str
    at_ms: int


def events_of(day: Today, acts: list[Act], zone: ZoneInfo) -> Iterator[DemoEvent]:
    """The events of one person's day, in order of time, in the shape of an import's lines."""
    midnight = _midnight(day, zone)
    rng = day.stream("sessions")
    email = day.person.email
    for number, session in enumerate(_sessions(acts)):
        device = chosen(rng, day.habits.devices)
        session_id = f"v-{short_hash(day.person.seed, email, day.on, number)}"
        for seq, act in enumerate(_with_pages(session, day, number), 1):
            at = midnight + timedelta(milliseconds=act.at_ms)
            entity_type, entity_id = act.entity or (None, None)
            received_at = at + timedelta(milliseconds=rng.randrange(*UPLOAD_MS))
            yield {
                "event_id": str(uuid7_of(at, day.person.seed, email, act.event_type, entity_id)),
                "event_timestamp": at.isoformat(),
                "user_email": email,
                "event_type": act.event_type,
                "entity_type": entity_type,
                "entity_id": entity_id,
                "metadata": act.metadata,
                "session_id": session_id,
                "session_seq": seq,
                "device_type": device,
                "duration_ms": act.duration_ms,
                "received_at": received_at.isoformat(),
            }


def _midnight(day: Today, zone: ZoneInfo) -> datetime:
    """Return local midnight, counted back from noon, so that a clock change in the night does not
    move the day."""
    noon = datetime(day.on.year, day.on.month, day.on.day, 12, tzinfo=zone)
    return noon.astimezone(UTC) - timedelta(hours=12)


def _sessions(acts: list[Act]) -> Iterator[list[Act]]:
    """Cut where nothing happens for long; no two acts are at one moment."""
    session: list[Act] = []
    for act in sorted(acts, key=lambda each: each.at_ms):
        if session:
            last_ms = session[-1].at_ms
            if act.at_ms - last_ms > IDLE_MS:
                yield session
                session = []
            elif act.at_ms < last_ms + APART_MS:
                act = replace(act, at_ms=last_ms + APART_MS)
        session.append(act)
    if session:
        yield session


def _with_pages(session: list[Act], day: Today, number: int) -> Iterator[Act]:
    """Add the pages visited on the way. The last page is left at the end, unless the visit was a
    glance: a window that closes at once sends nothing."""
    rng = day.stream(f"pages {number}")
    viewed: _Viewed | None = None
    last_ms = session[0].at_ms - IDLE_MS
    for act in session:
        page = act.page or (viewed.page if viewed else HOME)
        is_view = act.event_type == PAGE_VIEWED
        if viewed is None or page != viewed.page or is_view:
            looks_ms = min(rng.randrange(*LOOK_MS), (act.at_ms - last_ms) // 2)
            at_ms = act.at_ms if is_view else act.at_ms - looks_ms
            if viewed is not None:
                yield _left(viewed, at_ms - 1)
            viewed = _Viewed(page, at_ms)
            yield Act(at_ms, PAGE_VIEWED, page, None, {"page": page})
        if not is_view:
            yield act
        last_ms = act.at_ms
    if viewed is not None and any(act.event_type != PAGE_VIEWED for act in session):
        yield _left(viewed, last_ms + rng.randrange(*STAY_MS))


def _left(viewed: _Viewed, at_ms: int) -> Act:
    took_ms = at_ms - viewed.at_ms
    return Act(at_ms, "page_left", viewed.page, None, {"page": viewed.page}, took_ms)
