"""Events over time, in total or by segment, with the previous period for comparison."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    Integer,
    Select,
    bindparam,
    cast,
    func,
    literal,
    not_,
    select,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP

from app.analytics.result import NOWHERE, Provenance, Table
from app.analytics.rollup_counts import Source, counted
from app.database.sessions import ReadSession
from app.read.filters import EventFilter
from app.read.time_buckets import Buckets, Unit, WeekStart, buckets, earlier
from app.read.window import Window

Split = Literal["event_category", "event_type", "event_action", "device_type"]
PARTS: dict[Split, str] = {
    "event_category": "category",
    "event_type": "type",
    "event_action": "action",
    "device_type": "device",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One value's events in each bucket. `value` is None for the whole, or, beside others, for all
    values that are not listed (`is_other`)."""

    value: str | None
    is_other: bool
    total: int
    events: list[int]


@dataclass(frozen=True, slots=True)
class Timeseries:
    """`series` descend by total, then go by value; the other values come last.

    `buckets` are the beginnings, on the zone's clock. `previous` is the same of the window before.
    """

    bucket: Unit
    split_by: Split | None
    total_events: int
    buckets: list[datetime]
    series: list[Series]
    previous: "Timeseries | None"
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        columns: tuple[str, ...] = ("bucket", "value", "events")
        rows = [
            (start, "other" if each.is_other else each.value, events)
            for each in self.series
            for start, events in zip(self.buckets, each.events, strict=True)
        ]
        return Table(columns, rows)


async def timeseries(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    bucket: Unit = "day",
    week_start: WeekStart = "monday",
    split_by: Split | None = None,
    limit: int = 10,
    compare: bool = False,
) -> Timeseries:
    """Events per bucket, zero where there are none; the first and the last bucket have what lies in
    the window.

    Args:
        split_by: one series for each of its `limit` most frequent values (equal ones by name), and
            one for all others.
        compare: also the window before, which is as long on the zone's calendar and clock.

    Raises:
        InvalidRequest: too many buckets.
        TooExpensive: too many events that no total answers for.
    """
    cut = buckets(window, bucket, week_start)
    found = await _read(session, filter_, window, cut, split_by, limit, exactly=bucket == "minute")
    previous = None
    if compare:
        previous = await timeseries(
            session,
            filter_,
            earlier(window),
            bucket=bucket,
            week_start=week_start,
            split_by=split_by,
            limit=limit,
        )
    series, about = found
    return Timeseries(
        bucket=bucket,
        split_by=split_by,
        total_events=sum(each.total for each in series),
        buckets=cut.starts,
        series=series,
        previous=previous,
        about=about,
    )


async def _read(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    cut: Buckets,
    split_by: Split | None,
    limit: int,
    *,
    exactly: bool,
) -> tuple[list[Series], Provenance]:
    # If days are UTC days, the rollups of a day suffice.
    by_time = any(start.hour or start.minute or start.utcoffset() for start in cut.starts)
    source = await counted(
        session, filter_, window, by_kind=split_by is not None, by_time=by_time, exactly=exactly
    )
    series: dict[tuple[str | None, bool], list[int]] = {}
    if split_by is None:
        series[None, False] = [0] * len(cut)
    read = 0
    for row in await session.execute(_statement(source, cut, split_by, limit)):
        events = series.setdefault((row.value, row.is_other), [0] * len(cut))
        events[row.bucket] += int(row.events)
        read += row.rows_read
    made = [
        Series(value, is_other, sum(events), events) for (value, is_other), events in series.items()
    ]
    made.sort(key=lambda each: (each.is_other, -each.total, each.value or ""))
    is_cut = any(each.is_other for each in made)
    return made, Provenance(source.name, read, truncated=is_cut)


def _statement(
    source: Source, cut: Buckets, split_by: Split | None, limit: int
) -> Select[*tuple[Any, ...]]:
    rows = source.rows.c
    instants = bindparam(None, cut.cuts, type_=ARRAY(TIMESTAMP(timezone=True)))
    number = cast(func.width_bucket(rows.at, instants) if cut.cuts else literal(0), Integer)
    value = rows[PARTS[split_by]] if split_by else literal(None)
    events = func.sum(rows.events)
    grouped = (
        select(
            number.label("bucket"),
            value.label("value"),
            events.label("events"),
            func.count().label("rows_read"),
        )
        .group_by("bucket", "value")
        .having(events > 0)
        .cte("grouped")
    )
    if split_by is None:
        return select(grouped, literal(False).label("is_other"))
    events = func.sum(grouped.c.events)
    best = (
        select(grouped.c.value.label("value"), literal(True).label("is_listed"))
        .where(grouped.c.value != "")  # kinds that the rollups don't count separately
        .group_by(grouped.c.value)
        .order_by(events.desc(), grouped.c.value.collate("C"))
        .limit(limit)
        .cte("best")
    )
    joined = grouped.outerjoin(best, best.c.value == grouped.c.value)
    is_listed = func.coalesce(best.c.is_listed, False)
    return (
        select(
            grouped.c.bucket,
            best.c.value,
            not_(is_listed).label("is_other"),
            events.label("events"),
            cast(func.sum(grouped.c.rows_read), Integer).label("rows_read"),
        )
        .select_from(joined)
        .group_by(grouped.c.bucket, best.c.value, is_listed)
    )
