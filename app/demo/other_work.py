"""Standup, calendar, search, dialogs, suggestions, mere glances, and what the tracker lost."""

from collections.abc import Iterator

from app.demo.storyline import LAUNCH
from app.demo.streams import chosen, short_hash, stream
from app.demo.today import HOME, Act, Today, step_ms
from app.schemas.event_types import PAGE_VIEWED

STANDUP_AT_MS = 9 * 3_600_000
STANDUP_WITHIN_MS = 40 * 60_000
STANDUP_MS = (90_000, 420_000)
STANDUP_SKIPPED_SHARE = 0.12
ROUTINE_AT_MS = 8 * 3_600_000 + 50 * 60_000
ROUTINE_WITHIN_MS = 15 * 60_000
CALENDAR_A_DAY, SEARCHES_A_DAY, DIALOGS_A_DAY = 1.6, 1.5, 0.8
VIEWS = (("week", 0.5), ("day", 0.3), ("month", 0.2))
DIALOGS = ("shortcuts", "share", "invite", "filter")
SUGGESTIONS = ("next_task", "due_date", "reply_draft", "priority")
LOST_A_DAY = 0.02
GLANCES_A_DAY = 0.8


def other_work(day: Today) -> Iterator[Act]:
    """All of a day's acts that are about neither emails nor projects."""
    yield from _routine(day) if day.habits.morning_routine else _standup(day)
    yield from _calendar(day)
    yield from _searches(day)
    yield from _dialogs(day)
    yield from _suggestions(day)
    rng = day.stream("glances")
    for _ in range(day.how_many(rng, GLANCES_A_DAY)):
        yield Act(day.habits.rhythm.moment_ms(rng), PAGE_VIEWED, HOME, None, {"page": HOME})
    rng = day.stream("lost")
    for _ in range(day.how_many(rng, LOST_A_DAY)):
        lost = {"count": rng.randint(1, 6), "reason": "age"}
        yield Act(day.moment_ms(rng), "tracker_events_dropped", None, None, lost)


def _routine(day: Today) -> Iterator[Act]:
    """Always the same; the first email is opened right where the standup has listed it."""
    rng = day.stream("routine")
    at = ROUTINE_AT_MS + rng.randrange(ROUTINE_WITHIN_MS)
    took_ms = rng.randrange(*STANDUP_MS)
    entity = ("standup", f"d-{day.on}")
    yield Act(at, "standup_started", "/standup", entity)
    yield Act(at + took_ms, "standup_completed", "/standup", entity, {"items": 3}, took_ms)
    email = ("email", f"m-{short_hash(day.person.email, day.on, 'routine')}")
    yield Act(at + took_ms + step_ms(rng), "email_opened", None, email, {"label": "team"})


def _standup(day: Today) -> Iterator[Act]:
    rng = day.stream("standup")
    if rng.random() >= day.habits.standup:
        return
    at = STANDUP_AT_MS + rng.randrange(STANDUP_WITHIN_MS)
    entity = ("standup", f"d-{day.on}")
    if rng.random() < STANDUP_SKIPPED_SHARE:
        yield Act(at, "standup_skipped", "/standup", entity, {"reason": "busy"})
        return
    took_ms = rng.randrange(*STANDUP_MS)
    yield Act(at, "standup_started", "/standup", entity)
    items = {"items": rng.randint(1, 6)}
    yield Act(at + took_ms, "standup_completed", "/standup", entity, items, took_ms)


def _calendar(day: Today) -> Iterator[Act]:
    rng = day.stream("calendar")
    for place in range(day.how_many(rng, CALENDAR_A_DAY)):
        at = day.moment_ms(rng)
        view = chosen(rng, VIEWS)
        yield Act(at, "calendar_view_changed", "/calendar", None, {"view": view})
        entity = ("calendar_event", f"c-{short_hash(day.person.email, day.on, 'event', place)}")
        at += step_ms(rng)
        if rng.random() < 0.25:
            minutes = rng.choice((15, 30, 45, 60))
            yield Act(at, "calendar_event_created", "/calendar", entity, {"minutes": minutes})
        elif rng.random() < 0.7:
            yield Act(at, "calendar_event_opened", "/calendar", entity, {"view": view})


def _searches(day: Today) -> Iterator[Act]:
    rng = day.stream("searches")
    for _ in range(day.how_many(rng, SEARCHES_A_DAY)):
        said = {"query_length": rng.randint(3, 24), "results": int(rng.expovariate(0.15))}
        yield Act(day.moment_ms(rng), "search_performed", "/search", None, said)


def _dialogs(day: Today) -> Iterator[Act]:
    rng = day.stream("dialogs")
    for _ in range(day.how_many(rng, DIALOGS_A_DAY)):
        at, shown_ms = day.moment_ms(rng), step_ms(rng)
        said = {"modal": rng.choice(DIALOGS)}
        yield Act(at, "modal_opened", None, None, said)
        yield Act(at + shown_ms, "modal_closed", None, None, said, shown_ms)


def _suggestions(day: Today) -> Iterator[Act]:
    """Generate suggestions of the launched feature: none before its day, then more and more."""
    own = stream(day.person.seed, day.person.email, "adopts").randrange(LAUNCH.adopted_within_days)
    days = (day.on - day.storyline.launched_on).days - own
    if days < 0:
        return
    grown = min(1.0, (days + 1) / LAUNCH.growing_days)
    accepted = LAUNCH.accepted_at_first + grown * (
        LAUNCH.accepted_at_last - LAUNCH.accepted_at_first
    )
    rng = day.stream("suggestions")
    for place in range(day.how_many(rng, LAUNCH.a_day_at_last * grown)):
        action = "accepted" if rng.random() < accepted else "dismissed"
        entity = ("suggestion", f"s-{short_hash(day.person.email, day.on, 'suggested', place)}")
        said = {"suggestion": rng.choice(SUGGESTIONS)}
        yield Act(day.moment_ms(rng), f"ai_suggestion_{action}", "/projects", entity, said)
