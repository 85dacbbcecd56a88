"""Routines: activity at the same time of each day or week, and activity during a user's best hours.
Days and hours are local to a zone."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.insights.generation.escaping import type_name
from app.insights.generation.work_items import ended_by
from app.insights.patterns.evidence import Candidate, Hit, Threshold, largest
from app.insights.patterns.work_patterns import PRODUCTIVE
from app.read.user_history import PastEvent

# In an hour, email is more than half: that it is so in most such hours is enough.
HALF = Threshold(lower_bound=0.5)
# In 90 days a weekday comes thirteen times: what gets there has hardly ever failed.
WEEKLY = Threshold(lower_bound=0.65, last_week=1)
BEST_HOURS = 3
HOUR_EVENTS_MIN = 3
PRODUCTIVE_MIN = 20
# Half an hour before and after the usual minute.
SLOT_MINUTES = 30
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


class Moment(NamedTuple):
    """An event, its day, and the minute of that day."""

    event: PastEvent
    day: date
    minute: int


Done = Mapping[date, Sequence[tuple[int, PastEvent]]]


def by_the_clock(events: Sequence[PastEvent], zone: ZoneInfo) -> list[Moment]:
    """The events, with their days and minutes."""
    found = []
    for event in events:
        local = event.event_timestamp.astimezone(zone)
        found.append(Moment(event, local.date(), local.hour * 60 + local.minute))
    return found


def email_hours(moments: Sequence[Moment]) -> Iterator[Candidate]:
    """The hours of the day in which most other work is done, where they go to email; against all
    other hours. An hour of a day counts if enough is done in it."""
    done: Counter[int] = Counter()
    acts: Counter[tuple[date, int]] = Counter()
    emails: defaultdict[tuple[date, int], list[PastEvent]] = defaultdict(list)
    for event, day, minute in moments:
        hour = day, minute // 60
        acts[hour] += 1
        if event.event_category == "email":
            emails[hour].append(event)
        elif event.event_action in PRODUCTIVE:
            done[hour[1]] += 1
    if done.total() < PRODUCTIVE_MIN:
        return
    best = sorted(done, key=lambda hour: (-done[hour], hour))[:BEST_HOURS]
    busy = [hour for hour, count in acts.items() if count >= HOUR_EVENTS_MIN]
    mostly = [hour for hour in busy if hour in emails and 2 * len(emails[hour]) > acts[hour]]
    hits = [emails[hour][-1] for hour in mostly if hour[1] in best]
    if hits:
        out_of = sum(hour[1] in best for hour in busy)
        hours = ", ".join(f"{hour:02}:00" for hour in sorted(best))
        yield Candidate(
            kind="email_hours",
            opening=f"In your best hours for other work ({hours}) most of what you do is email",
            advice="email could wait for other hours",
            hits=[Hit(event.event_timestamp, event) for event in hits],
            out_of=out_of,
            otherwise=(len(mostly) - len(hits), len(busy) - out_of),
            threshold=HALF,
        )


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Number of days of presence per hour, and the minutes of each action."""

    today: date
    minute: int
    hours: Counter[int]
    days: frozenset[date]
    done: Mapping[str, Done]

    def days_until(self, usual: int, hits: Mapping[date, Hit]) -> frozenset[date]:
        """Return the days of presence; today only if its time has passed."""
        waits = self.minute <= usual + SLOT_MINUTES and self.today not in hits
        return self.days - {self.today} if waits else self.days


def schedules(moments: Sequence[Moment], here: datetime) -> Iterator[Candidate]:
    """Find actions around the same time of each day, compared with all other hours of presence; and
    of each week, compared with the same time of other weekdays. `here` is now in the zone."""
    calendar = _calendar(moments, here)
    # What ends something goes with its beginning.
    done = {
        name: days
        for name, days in calendar.done.items()
        if not any(begun in calendar.done for begun in ended_by(name))
    }
    for name in largest({name: len(days) for name, days in done.items()}):
        yield _daily(name, done[name], calendar)
    weekly: Counter[tuple[str, int]] = Counter()
    for name, days in done.items():
        weekly.update((name, day.weekday()) for day in days)
    for name, weekday in largest(weekly):
        yield _weekly(name, weekday, done[name], calendar)


def _calendar(moments: Sequence[Moment], here: datetime) -> _Calendar:
    hours: set[tuple[date, int]] = set()
    done: dict[str, dict[date, list[tuple[int, PastEvent]]]] = {}
    for event, day, minute in moments:
        hours.add((day, minute // 60))
        done.setdefault(event.event_type, {}).setdefault(day, []).append((minute, event))
    return _Calendar(
        today=here.date(),
        minute=here.hour * 60 + here.minute,
        hours=Counter(hour for _, hour in hours),
        days=frozenset(day for day, _ in hours),
        done=done,
    )


def _daily(name: str, done: Done, calendar: _Calendar) -> Candidate:
    usual = _usual_minute(done)
    hits = _around(usual, done)
    elsewhere = [hour for hour in calendar.hours if abs(hour * 60 + 30 - usual) >= 60]
    with_it = Counter(
        hour for found in done.values() for hour in {minute // 60 for minute, _ in found}
    )
    return Candidate(
        kind="schedule",
        opening=f"Each day around {_clock(usual)} you do {type_name(name)}",
        advice="it could be scheduled",
        hits=list(hits.values()),
        out_of=len(calendar.days_until(usual, hits)),
        otherwise=(
            sum(with_it[hour] for hour in elsewhere),
            sum(calendar.hours[hour] for hour in elsewhere),
        ),
        minute=usual,
    )


def _weekly(name: str, weekday: int, done: Done, calendar: _Calendar) -> Candidate:
    usual = _usual_minute({day: found for day, found in done.items() if day.weekday() == weekday})
    hits = _around(usual, done)
    own = {day: hit for day, hit in hits.items() if day.weekday() == weekday}
    days = calendar.days_until(usual, hits)
    out_of = sum(day.weekday() == weekday for day in days)
    return Candidate(
        kind="schedule",
        opening=f"On {WEEKDAYS[weekday]} around {_clock(usual)} you do {type_name(name)}",
        advice="it could be scheduled",
        hits=list(own.values()),
        out_of=out_of,
        otherwise=(len(hits) - len(own), len(days) - out_of),
        threshold=WEEKLY,
        minute=weekday * 24 * 60 + usual,
    )


def _usual_minute(done: Done) -> int:
    """Return the minute of the day: the median of the first occurrence."""
    return int(statistics.median(found[0][0] for found in done.values()))


def _around(usual: int, done: Done) -> dict[date, Hit]:
    """The first of each day that has one near its usual minute."""
    hits: dict[date, Hit] = {}
    for day, found in done.items():
        for minute, event in found:
            if day not in hits and abs(minute - usual) <= SLOT_MINUTES:
                hits[day] = Hit(event.event_timestamp, event)
    return hits


def _clock(minute: int) -> str:
    """The time of the day, to five minutes."""
    return f"{minute // 60:02}:{minute % 60 // 5 * 5:02}"
