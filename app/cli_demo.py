"""`activity-events demo`: a team that doesn't exist, to try everything out with."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.console import echo, program, progress_bar, translated, with_database
from app.db import Database
from app.demo.fill import Demo, fill
from app.demo.people import USERS_MAX
from app.demo.stories import newcomers, stories
from app.demo.team_in_database import count_others, remove_team, team_of
from app.ingest.import_events import ImportCounts
from app.migrate import migrate_at
from app.read.window import check_zone
from app.settings import Settings


def demo_command(
    users: Annotated[int, typer.Option(min=1, max=USERS_MAX, help="How many people.")] = 30,
    days: Annotated[int, typer.Option(min=1, help="Calendar days, up to now.")] = 90,
    seed: Annotated[int, typer.Option(help="Another seed, other events.")] = 7,
    tz: Annotated[str, typer.Option(help="IANA time zone that they work in.")] = "Europe/Berlin",
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete the team and its events instead.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")] = False,
) -> None:
    """Fill the database with the events of a team, and say what is to be found in them.

    The same again adds nothing, and on a later day what is new since. It may run beside the
    service. A small team: `activity-events demo --users 12 --days 30`. Where there are other users
    it asks first; `--remove` takes the team out again.
    """
    now = datetime.now(UTC)
    if remove:
        _remove(now, yes=yes)
        return
    zone = check_zone(tz)
    kept_days = min(days, Settings().retention_days)
    if kept_days < days:
        echo(f"Events are kept for {kept_days} days: no more are made.", error=True)
    demo = Demo(users=users, days=kept_days, seed=seed, timezone=zone, now=now)

    async def run(database: Database, settings: Settings) -> ImportCounts:
        # There may be no service yet that has migrated it.
        await translated(lambda: migrate_at(database.url, settings))
        others = 0 if yes else await count_others(database)
        if others:
            typer.confirm(
                f"This database has {others} users who are not of the demo. Add the demo's team "
                "and its events to theirs?",
                abort=True,
                err=True,
            )
        with progress_bar("Filling", demo.user_days) as advance:
            return await fill(
                demo, database, settings, on_rejected=lambda *_: None, on_progress=advance
            )

    counts = with_database(run, create=True)
    echo(
        f"{counts.accepted} events added, {counts.duplicates} duplicates"
        + (f", {counts.suppressed} suppressed" if counts.suppressed else "")
        + (f", {counts.rejected} rejected by the settings" if counts.rejected else ""),
    )
    _tell(demo)


def _remove(now: datetime, *, yes: bool) -> None:
    async def run(database: Database, settings: Settings) -> tuple[int, int]:
        emails = await team_of(database)
        if emails and not yes:
            typer.confirm(
                f"Delete the demo's {len(emails)} users and all their events, for good?",
                abort=True,
                err=True,
            )
        with progress_bar("Deleting", len(emails)) as advance:
            events = await remove_team(database, settings, emails, now, on_removed=advance)
        return len(emails), events

    people, events = with_database(run)
    echo(f"{people} users of the demo and {events} events deleted")


def _tell(demo: Demo) -> None:
    """The stories, each with the command that shows it, and where to go from there."""
    for story in stories(demo, program()):
        days = f"{story.first_on} to {story.last_on}"
        echo(f"\n{story.who} {story.what}, {days}")
        echo(f"  {story.command}")
    joined = newcomers(demo)
    if joined:
        echo(f"\nJoined since {demo.start_on}: {', '.join(joined)}")
    echo(
        f"\nUntil {demo.storyline.last_on}, the same command adds just what is new. Then these days"
        " move on: begin with an empty database."
    )
    echo("\nNext: `make run`, then open /dashboard")
