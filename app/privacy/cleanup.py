"""The cleanup as requested: old events of all users, one user's events, or a whole user."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.database.sessions import Database
from app.privacy.delete_events import clean_up, cutoff
from app.privacy.erase import erase_user
from app.privacy.receipts import signed
from app.privacy.retention import enforce_retention
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Removed:
    """The result of a cleanup, or with `dry_run` its preview. `before` is exclusive; None means
    all. `receipt` is that of an erased user."""

    events_deleted: int
    before: datetime | None
    dry_run: bool
    user_email: str | None
    partitions_dropped: tuple[str, ...] = ()
    receipt: dict[str, Any] | None = None


async def remove(
    database: Database,
    settings: Settings,
    now: datetime,
    *,
    days: int | None,
    user_email: str | None,
    dry_run: bool,
    on_deleted: Callable[[int], None] = lambda _: None,
) -> Removed:
    """Remove events older than `days`, of a user or of all; a user without `days` is erased.

    Args:
        days: by default, of all users, the retention setting.
        on_deleted: told of each transaction's number of events, for a progress bar.

    Raises:
        InvalidRequest: that would delete all events of all users.
        Unavailable: Run it again to resume.
    """
    before = cutoff(now, days, settings.retention_days, one_user=user_email is not None)
    if user_email is None:
        done = await enforce_retention(
            database, settings, now, before=before, dry_run=dry_run, on_deleted=on_deleted
        )
        return Removed(done.events_deleted, before, dry_run, None, done.partitions_dropped)
    if days is None and not dry_run:
        receipt = await erase_user(database, settings, user_email, now, on_deleted=on_deleted)
        events = receipt.deleted["activity_event"]
        return Removed(
            events, None, dry_run, user_email, receipt=await signed(database, settings, receipt)
        )
    cleaned = await clean_up(
        database, before=before, user_email=user_email, dry_run=dry_run, on_deleted=on_deleted
    )
    return Removed(cleaned.events_deleted, before, dry_run, user_email)
