"""Events by weekday and hour."""

from dataclasses import dataclass, field

from app.analytics.counts import count_events
from app.analytics.result import NOWHERE, Provenance, Table
from app.database.sessions import ReadSession
from app.read.filters import EventFilter
from app.read.time_buckets import WeekStart, day_of_hour
from app.read.window import Window

HOURS = 24
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Heatmap:
    """`events[weekday][hour]`, as `weekdays` has them, by the zone's clock: an hour that the clock
    shows twice counts in one cell, and one that it skips has none."""

    total_events: int
    weekdays: tuple[str, ...]
    events: list[list[int]]
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        rows = [
            (name, hour, events)
            for name, by_hour in zip(self.weekdays, self.events, strict=True)
            for hour, events in enumerate(by_hour)
        ]
        return Table(("weekday", "hour", "events"), rows)


async def heatmap(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    week_start: WeekStart = "monday",
) -> Heatmap:
    """The events of a window by weekday and hour, from the first day of the week.

    Raises:
        TooExpensive: too many events that no total answers for.
    """
    counts = await count_events(session, filter_, window, kinds=False)
    cells = [[0] * HOURS for _ in WEEKDAYS]
    for hour, events in counts.hours.items():
        cells[day_of_hour(hour).weekday()][hour % HOURS] += events
    first = WEEKDAYS.index(week_start)
    return Heatmap(
        counts.events,
        WEEKDAYS[first:] + WEEKDAYS[:first],
        cells[first:] + cells[:first],
        Provenance(counts.source, counts.rows_read),
    )
