"""Event durations by type."""

from dataclasses import dataclass, field

from sqlalchemy import ARRAY, Float, bindparam, func, select

from app.analytics.result import NOWHERE, Provenance, Table
from app.database.sessions import ReadSession
from app.models import ActivityEvent
from app.read.conditions import has_duration
from app.read.filters import EventFilter, compile_filter
from app.read.window import Window

PERCENTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Duration:
    """Durations of events of one type. Percentiles are interpolated between the two nearest
    durations (PostgreSQL's `percentile_cont`), in milliseconds to a tenth."""

    event_type: str
    events: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Durations:
    """Types descend by events, then go by name."""

    rows: list[Duration]
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        names = ("event_type", "events", "mean_ms", "p50_ms", "p90_ms", "p99_ms")
        return Table(names, [tuple(getattr(row, name) for name in names) for row in self.rows])


async def durations(
    session: ReadSession, filter_: EventFilter, window: Window, *, limit: int = 100
) -> Durations:
    """The durations of a window's events, for the `limit` types that have the most.

    Raises:
        TooExpensive: too many events in the window.
    """
    where = (await compile_filter(session, filter_, window)).where()
    taken = ActivityEvent.duration_ms
    statement = (
        select(
            ActivityEvent.event_type,
            func.count().label("events"),
            func.avg(taken).label("mean"),
            func.percentile_cont(bindparam(None, PERCENTILES, type_=ARRAY(Float)))
            .within_group(taken)
            .label("percentiles"),
        )
        .where(*where, has_duration())
        .group_by(ActivityEvent.event_type)
        .order_by(func.count().desc(), ActivityEvent.event_type.collate("C"))
        .limit(limit + 1)
    )
    found = (await session.execute(statement)).all()
    rows = [
        Duration(
            row.event_type,
            row.events,
            round(float(row.mean), 1),
            *(round(each, 1) for each in row.percentiles),
        )
        for row in found[:limit]
    ]
    read = sum(row.events for row in found)
    return Durations(rows, Provenance("events", read, truncated=len(found) > limit))
