"""A prediction, from the reading of the events to the noting of what was said."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app.database.sessions import Database, Reads
from app.insights.patterns.suggestions import suggest
from app.insights.prediction.calibration import (
    NOTHING_SCORED,
    Calibration,
    calibration,
    note_served,
    score_served,
)
from app.insights.prediction.model_cache import PopulationModelCache
from app.insights.prediction.next_actions import Outlook, Prediction, outlook, predict
from app.models import AppUser
from app.read.user_history import Past, read_past
from app.read.window import Window, everything_until

NEXT_EVENTS_MAX = 1_000
SUGGESTIONS_OF = timedelta(days=90)


async def predict_next_actions(
    database: Database,
    reads: Reads,
    current: PopulationModelCache,
    email: str,
    now: datetime,
    limit: int,
    zone: ZoneInfo,
) -> Prediction:
    """What a user is likely to do next, from their last 1,000 events, and could do with less
    effort, from those of 90 days. The former is scored when their next event comes.

    Args:
        zone: of the hours in suggestions.
    """
    window = everything_until(now)
    past = await reads.ask(
        lambda session: read_past(
            session, email, window, purpose="learning", at_most=NEXT_EVENTS_MAX
        )
    )
    found = outlook(past.events, now, await current.get(now))
    if past.user_id is not None and not past.opted_out and found.probabilities:
        await _note(database, past.user_id, past, found, now)
    since = now - SUGGESTIONS_OF
    of_late = replace(past, events=tuple(e for e in past.events if e.event_timestamp >= since))
    return predict(past, found, limit, suggest(of_late, now, zone))


async def _note(
    database: Database, user_id: int, past: Past, found: Outlook, now: datetime
) -> None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    after = past.events[-1].event_timestamp if past.events else midnight
    async with database.autocommit() as session:
        await note_served(session, user_id, after, found.rested, now, found.probabilities)


async def prediction_quality(
    database: Database, email: str | None, window: Window, now: datetime
) -> Calibration:
    """How well predictions came out; what has come by now is counted in."""
    user_id = None
    if email is not None:
        async with database.read() as session:
            user_id = await session.scalar(select(AppUser.id).where(AppUser.email == email))
        if user_id is None:
            return NOTHING_SCORED
    async with database.transaction() as session:
        await score_served(session, now, user_id)
    async with database.read() as session:
        return await calibration(session, window, user_id)
