"""`activity-events demo`: sample data of an invented team."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.common import echo, program, progress_bar, translated, with_database
from app.database.migrations import migrate_at
from app.database.sessions import Database
from app.demo.fill import Demo, fill
from app.demo.people import USERS_MAX
from app.demo.stories import newcomers, stories
from app.demo.team_in_database import count_others, remove_team, team_of
from app.ingest.import_events import ImportCounts
from app.read.window import check_zone
from app.settings import Settings


def demo_command(
    users: Annotated[int, typer.Option(min=1, max=USERS_MAX, help="Number of users.")] = 30,
    days: Annotated[int, typer.Option(min=1, help="Number of calendar days, up to now.")] = 90,
    seed: Annotated[
        int, typer.Option(help="Random seed; the same seed generates the same events.")
    ] = 7,
    tz: Annotated[str, typer.Option(help="IANA time zone of the team.")] = "Europe/Berlin",
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete the demo team and its events.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")] = False,
) -> None:
    """Fill the database with the events of a demo team, and print what to look for in them.

    Running it again adds only events that are new since. It can run while the service runs. For a
    small team, use `activity-events demo --users 12 --days 30`. If the database has other users,
    the command asks first; `--remove` deletes the team again.
    """
    now = datetime.now(UTC)
    if remove:
        _remove(now, yes=yes)
        return
    zone = check_zone(tz)
    kept_days = min(days, Settings().retention_days)
    if kept_days < days:
        echo(f"Generating {kept_days} days only: the retention period is no longer.", error=True)
    demo = Demo(users=users, days=kept_days, seed=seed, timezone=zone, now=now)

    async def run(database: Database, settings: Settings) -> ImportCounts:
        # There may be no service yet that has migrated it.
        await translated(lambda: migrate_at(database.url, settings))
        others = 0 if yes else await count_others(database)
        if others:
            typer.confirm(
                f"This database has users who are not part of the demo ({others}). Add the demo "
                "team and its events?",
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
                f"Permanently delete the {len(emails)} demo users and all their events?",
                abort=True,
                err=True,
            )
        with progress_bar("Deleting", len(emails)) as advance:
            events = await remove_team(database, settings, emails, now, on_removed=advance)
        return len(emails), events

    people, events = with_database(run)
    echo(f"{people} demo users and {events} events deleted")


def _tell(demo: Demo) -> None:
    """Print the stories, each with the command that shows it, and the next step."""
    for story in stories(demo, program()):
        days = f"{story.first_on} to {story.last_on}"
        echo(f"\n{story.who} {story.what}, {days}")
        echo(f"  {story.command}")
    joined = newcomers(demo)
    if joined:
        echo(f"\nJoined since {demo.start_on}: {', '.join(joined)}")
    echo(
        f"\nUntil {demo.storyline.last_on}, the same command adds only new events. After that, "
        "start with an empty database."
    )
    echo("\nNext, run `make run` and open /dashboard")
