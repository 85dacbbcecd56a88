"""Filling of a demo: a team's days, streamed into the tables like an import.

A day's events depend only on the seed, the person, the day and the storyline. So running it again
adds nothing, whatever the number of days, and a later run adds the days since.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.database.sessions import Database
from app.demo.email_work import email_work
from app.demo.other_work import other_work
from app.demo.people import Person, team
from app.demo.plans import Plans
from app.demo.project_work import project_work
from app.demo.storyline import Storyline, storyline_at
from app.demo.today import today
from app.demo.visits import UPLOAD_MAX, DemoEvent, events_of
from app.ingest.import_events import ImportCounts, OnRejected, Preparation, import_events
from app.ingest.import_files import Entry
from app.ingest.summaries import sum_up_days
from app.schemas.privacy_lines import PrivacyLine
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Demo:
    """Options of a demo: `days` calendar days of the zone, up to and including that of `now`, and
    nothing after `now`."""

    users: int
    days: int
    seed: int
    timezone: str
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def end_on(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def start_on(self) -> date:
        return self.end_on - timedelta(days=self.days - 1)

    @property
    def storyline(self) -> Storyline:
        return storyline_at(self.end_on)

    @property
    def people(self) -> tuple[Person, ...]:
        return team(self.seed, self.users, self.storyline)

    @property
    def user_days(self) -> int:
        return self.users * self.days


def demo_events(demo: Demo) -> Iterator[tuple[int, DemoEvent]]:
    """All events, day by day and in each person by person, in the shape of an import's lines. With
    each comes how many user-days were begun since the one before it."""
    zone, storyline, people = demo.zone, demo.storyline, demo.people
    plans = Plans(storyline, len(people))
    begun = 0
    for count in range(demo.days):
        on = demo.start_on + timedelta(days=count)
        for person in people:
            begun += 1
            for event in events_of_day(person, on, storyline, plans, zone):
                if datetime.fromisoformat(event["event_timestamp"]) + UPLOAD_MAX > demo.now:
                    break
                yield begun, event
                begun = 0


def events_of_day(
    person: Person, on: date, storyline: Storyline, plans: Plans, zone: ZoneInfo
) -> Iterator[DemoEvent]:
    """The events of one person's day, in order of time; none where they don't work."""
    if person.works_on(on):
        day = today(person, on, storyline)
        acts = [*project_work(day, plans), *email_work(day), *other_work(day)]
        yield from events_of(day, acts, zone)


async def fill(
    demo: Demo,
    database: Database,
    settings: Settings,
    *,
    on_rejected: OnRejected,
    on_progress: Callable[[int], None],
) -> ImportCounts:
    """Write all events, and sum up the days that are over, so that reading is fast at once.

    Args:
        on_rejected: Called with each event that the settings forbid, and the reason.
        on_progress: Called with the number of user-days that are done.

    Raises:
        Unavailable: the database failed; run it again to resume.
    """
    left = demo.user_days

    def progress(user_days: int) -> None:
        nonlocal left
        left -= user_days
        on_progress(user_days)

    entries = (
        Entry(number, event, begun) for number, (begun, event) in enumerate(demo_events(demo), 1)
    )
    counts = ImportCounts()
    preparation = Preparation(settings, demo.now, on_rejected)
    await import_events(
        entries, database, preparation, counts, on_privacy=_no_privacy, on_progress=progress
    )
    on_progress(left)
    await sum_up_days(database, demo.now)
    return counts


async def _no_privacy(_: list[PrivacyLine]) -> None:
    """Ignore privacy lines, because no user of the demo opts out."""
