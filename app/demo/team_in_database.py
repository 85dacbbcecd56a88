"""The team in a database that may hold others, too: whether it does, and how the team leaves it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.database.sessions import Database
from app.demo.people import team_emails
from app.models import AppUser
from app.privacy.delete_events import clean_up
from app.privacy.idle_users import forget_idle_users
from app.settings import Settings


async def count_others(database: Database) -> int:
    """Count users who are not part of the team."""
    is_other = AppUser.email.not_in(team_emails())
    async with database.read() as session:
        statement = select(func.count()).where(AppUser.email.is_not(None), is_other)
        return (await session.scalars(statement)).one()


async def team_of(database: Database) -> list[str]:
    """Return the addresses of the team's people in the database."""
    async with database.read() as session:
        statement = select(AppUser.email).where(AppUser.email.in_(team_emails()))
        return sorted(str(email) for email in await session.scalars(statement))


async def remove_team(
    database: Database,
    settings: Settings,
    emails: list[str],
    now: datetime,
    *,
    on_removed: Callable[[int], None],
) -> int:
    """Delete their events, and them; return how many events there were.

    They leave no tombstone, as an erasure does: the demo may be filled in again.

    Args:
        on_removed: Called for each person.
    """
    events = 0
    for email in emails:
        cleaned = await clean_up(database, before=None, user_email=email, dry_run=False)
        events += cleaned.events_deleted
        on_removed(1)
    kept_from = now - timedelta(days=settings.retention_days)
    await forget_idle_users(database, settings, kept_from, now)
    return events
