"""Daily, weekly and monthly active users, and how many of them are new."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from app.analytics.active_days import active_days
from app.analytics.result import NOWHERE, Provenance, Table
from app.database.sessions import ReadSession
from app.read.filters import EventFilter
from app.read.time_buckets import DAY
from app.read.window import Window

WEEK, MONTH = 7, 30


@dataclass(frozen=True, slots=True)
class ActiveDay:
    """Users on a local day (`dau`), in the 7 and in the 30 days that end with it (`wau`, `mau`).

    `stickiness` is `dau / mau`. `new` users were never active before the day, `returning` ones
    were.
    """

    day: date
    dau: int
    wau: int
    mau: int
    stickiness: float
    new: int
    returning: int


@dataclass(frozen=True, slots=True)
class ActiveUsers:
    """Active users of every local day that the window touches. `active_users` are distinct over all
    of them; `new_users` are those among them who were never active before."""

    active_users: int
    new_users: int
    rows: list[ActiveDay]
    about: Provenance = field(default=NOWHERE, compare=False)

    def table(self) -> Table:
        names = ("day", "dau", "wau", "mau", "stickiness", "new", "returning")
        return Table(names, [tuple(getattr(row, name) for name in names) for row in self.rows])


async def active_users(session: ReadSession, filter_: EventFilter, window: Window) -> ActiveUsers:
    """The users of a window, by day. A user is active on a day with at least one event.

    Raises:
        TooExpensive: too many users on too many days.
    """
    days = window.local_days()
    if not days:
        return ActiveUsers(0, 0, [], Provenance("user_days", 0))
    first, last = days[0] - timedelta(days=MONTH - 1), days[-1] + DAY
    lead = MONTH - 1
    counts = [[0, 0, 0, 0] for _ in days]
    active = new_users = rows_read = 0
    async for part in active_days(session, filter_, window.zone, first, last, lead=lead):
        rows_read += part.rows_read
        weeks, months = _trailing(part.days, WEEK), _trailing(part.days, MONTH)
        seen = part.before
        anybody = new = 0
        for place, count in enumerate(counts, lead):
            bits = part.days[place]
            count[0] += bits.bit_count()
            count[1] += weeks[place].bit_count()
            count[2] += months[place].bit_count()
            count[3] += (bits & ~seen).bit_count()
            new |= bits & ~seen
            seen |= bits | part.known[place]
            anybody |= bits
        active += anybody.bit_count()
        new_users += new.bit_count()
    rows = [
        ActiveDay(day, dau, wau, mau, round(dau / mau, 4) if mau else 0.0, new, dau - new)
        for day, (dau, wau, mau, new) in zip(days, counts, strict=True)
    ]
    return ActiveUsers(active, new_users, rows, Provenance("user_days", rows_read))


def _trailing(days: list[int], width: int) -> list[int]:
    """Return, for each day, who was active on it or on one of the `width - 1` days before.

    It works by doubling: a result for some days, combined with that of as many days before them,
    covers twice as many.
    """
    covered, found = 1, days
    while covered < width:
        shift = min(covered, width - covered)
        found = [
            bits | (found[place - shift] if place >= shift else 0)
            for place, bits in enumerate(found)
        ]
        covered += shift
    return found
