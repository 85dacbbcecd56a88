"""Retention: cohorts of users by first activity, and their activity in later periods."""

from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import or_

from app.analytics.active_days import active_days
from app.analytics.result import NOWHERE, Provenance, Table
from app.database.sessions import ReadSession
from app.errors import InvalidRequest
from app.read.filters import EventFilter
from app.read.time_buckets import DAY, Period, WeekStart, next_period, period_start
from app.read.window import Window

COHORTS_MAX = 400


@dataclass(frozen=True, slots=True)
class Cohort:
    """The users whose first activity ever lies in the period that begins on `cohort`.

    `users[n]` of them were active in the n-th period after it, `users[0]` in their first; None
    where that period has not begun by the window's end. `rates` are shares of `size`.
    """

    cohort: date
    size: int
    users: list[int | None]
    rates: list[float | None]


@dataclass(frozen=True, slots=True)
class Retention:
    """A cohort for each local period that the window touches, in order."""

    period: Period
    rows: list[Cohort]
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        width = len(self.rows[0].users) if self.rows else 0
        columns = ("cohort", "size", *(f"{self.period}_{number}" for number in range(width)))
        return Table(columns, [(row.cohort, row.size, *row.users) for row in self.rows])


async def retention(
    session: ReadSession,
    filter_: EventFilter,
    window: Window,
    *,
    period: Period = "week",
    periods: int = 8,
    week_start: WeekStart = "monday",
) -> Retention:
    """Cohorts, and how many of each were active again, in the period itself and in `periods` after.

    Days, weeks (from `week_start`) and months are whole ones of the zone; the first may begin
    before the window. The last period may still be going on: then its numbers still grow.

    Raises:
        InvalidRequest: too many cohorts.
        TooExpensive: too many users on too many days.
    """
    days = window.local_days()
    if not days:
        return Retention(period, [], Provenance("user_days", 0))
    starts = [period_start(days[0], period, week_start)]
    while (following := next_period(starts[-1], period)) <= days[-1]:
        starts.append(following)
        if len(starts) > COHORTS_MAX:
            raise InvalidRequest.of(
                "period",
                f"the result would have more than {COHORTS_MAX} cohorts; use longer periods "
                "or a shorter window",
            )
    first, last = starts[0], days[-1] + DAY
    sizes = [0] * len(starts)
    again = [[0] * (periods + 1) for _ in starts]
    ends = [(start - first).days for start in [*starts[1:], last]]
    rows_read = 0
    async for part in active_days(session, filter_, window.zone, first, last):
        rows_read += part.rows_read
        seen, begin = part.before, 0
        active, new = [], []
        for end in ends:
            anybody = reduce(or_, part.days[begin:end], 0)
            active.append(anybody)
            new.append(anybody & ~seen)
            seen |= anybody | reduce(or_, part.known[begin:end], 0)
            begin = end
        for number, cohort in enumerate(new):
            sizes[number] += cohort.bit_count()
            for later in range(min(periods + 1, len(starts) - number)):
                again[number][later] += (cohort & active[number + later]).bit_count()
    rows = []
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        users: list[int | None] = [
            count if number + later < len(starts) else None
            for later, count in enumerate(again[number])
        ]
        rates = [None if count is None or not size else round(count / size, 4) for count in users]
        rows.append(Cohort(start, size, users, rates))
    return Retention(period, rows, Provenance("user_days", rows_read))
