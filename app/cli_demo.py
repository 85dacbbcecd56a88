"""`activity-events demo`: a team that doesn't exist, to try everything out with."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.console import err, out, progress_bar, translated, with_database
from app.db import Database
from app.demo.fill import Demo, fill
from app.demo.people import USERS_MAX
from app.demo.stories import newcomers, stories
from app.ingest.import_events import ImportCounts
from app.migrate import migrate_at
from app.read.window import check_zone
from app.settings import Settings


def demo_command(
    users: Annotated[int, typer.Option(min=1, max=USERS_MAX, help="How many people.")] = 30,
    days: Annotated[int, typer.Option(min=1, help="Calendar days, up to now.")] = 90,
    seed: Annotated[int, typer.Option(help="Another seed, other events.")] = 7,
    tz: Annotated[str, typer.Option(help="IANA time zone that they work in.")] = "Europe/Berlin",
) -> None:
    """Fill the database with the events of a team, and say what is to be found in them.

    The same again adds nothing, and on a later day what is new since. It may run beside the
    service. A small team: `activity-events demo --users 12 --days 30`.
    """
    now = datetime.now(UTC)
    zone = check_zone(tz)
    kept_days = min(days, Settings().retention_days)
    if kept_days < days:
        err.print(f"Events are kept for {kept_days} days: no more are made.", highlight=False)
    demo = Demo(users=users, days=kept_days, seed=seed, timezone=zone, now=now)

    async def run(database: Database, settings: Settings) -> ImportCounts:
        # There may be no service yet that has migrated it.
        await translated(lambda: migrate_at(database.url, settings))
        with progress_bar("Filling", demo.user_days) as advance:
            return await fill(
                demo, database, settings, on_rejected=lambda *_: None, on_progress=advance
            )

    counts = with_database(run)
    out.print(
        f"{counts.accepted} events added, {counts.duplicates} duplicates"
        + (f", {counts.suppressed} suppressed" if counts.suppressed else "")
        + (f", {counts.rejected} rejected by the settings" if counts.rejected else ""),
        highlight=False,
    )
    _tell(demo)


def _tell(demo: Demo) -> None:
    """The stories, each with the command that shows it, and where to go from there."""
    for story in stories(demo):
        days = f"{story.first_on} to {story.last_on}"
        out.print(f"\n[bold]{story.who}[/] {story.what}, {days}", highlight=False)
        out.print(f"  {story.command}", highlight=False, markup=False)
    joined = newcomers(demo)
    if joined:
        out.print(f"\nJoined since {demo.start_on}: {', '.join(joined)}", highlight=False)
    out.print(
        f"\nUntil {demo.storyline.last_on}, the same command adds just what is new. Then these days"
        " move on: begin with an empty database.",
        highlight=False,
    )
    out.print("\nNext: `make run`, then open /dashboard", highlight=False)
