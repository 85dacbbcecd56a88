"""`activity-events keys ...` and `activity-events erase`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import orjson
import typer
from rich.table import Table

from app.auth.keys import Key, create_key, list_keys, revoke_key
from app.auth.principal import Scope
from app.console import email_of, err, out, progress_bar, translated, with_database
from app.db import Database
from app.migrate import migrate_at
from app.privacy.erase import count_events, erase_user
from app.settings import Settings

keys_app = typer.Typer(no_args_is_help=True, help="Make, list and revoke keys.")


@keys_app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="What it is for: `website`, `ci`.")],
    scope: Annotated[Scope, typer.Option(help="What it may do.")],
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Refused after so many days.")
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Only from pages of this origin (a write key); may be repeated."),
    ] = None,
) -> None:
    """Make a key. It is shown once; what is kept of it is a hash."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(days=expires_days) if expires_days else None

    async def run(database: Database, settings: Settings) -> tuple[Key, str]:
        # There may be no service yet that has migrated it.
        await translated(lambda: migrate_at(database.url, settings))
        return await create_key(
            database, name, scope, now, expires_at=expires_at, allowed_origins=origin or ()
        )

    key, text = with_database(run)
    err.print(f"Key {key.prefix} ({key.scope}). It is shown only now:", highlight=False)
    out.print(text, highlight=False, markup=False)


@keys_app.command("list")
def list_command() -> None:
    """All keys, the newest first."""

    async def run(database: Database, _: Settings) -> list[Key]:
        return await list_keys(database)

    now = datetime.now(UTC)
    table = Table("prefix", "name", "scope", "made", "expires", "origins", "")
    for key in with_database(run):
        table.add_row(
            key.prefix,
            key.name,
            key.scope,
            _day(key.created_at),
            _day(key.expires_at),
            ", ".join(key.allowed_origins),
            _state(key, now),
        )
    out.print(table)


@keys_app.command("revoke")
def revoke_command(
    prefix: Annotated[str, typer.Argument(help="As `keys list` shows it.")],
) -> None:
    """Refuse a key from now on; running services know within seconds."""

    async def run(database: Database, _: Settings) -> Key:
        return await revoke_key(database, prefix, datetime.now(UTC))

    key = with_database(run)
    out.print(f"{key.prefix} ({key.name}, {key.scope}) is revoked", highlight=False)


def erase_command(
    user_email: Annotated[str, typer.Argument(help="Whom.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete everything of a user, for good, and print the receipt."""
    email = email_of(user_email, "USER_EMAIL")

    async def run(database: Database, settings: Settings) -> None:
        events = await count_events(database, email)
        if not yes:
            typer.confirm(
                f"Delete {events} events and the profile of {email}, for good?", abort=True
            )
        with progress_bar("Erasing", events) as advance:
            receipt = await erase_user(
                database, settings, email, datetime.now(UTC), on_deleted=advance
            )
        out.print(orjson.dumps(receipt.as_json(), option=orjson.OPT_INDENT_2).decode())

    with_database(run)


def _day(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d}" if instant else ""


def _state(key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    return "expired" if key.expires_at is not None and key.expires_at <= now else ""
