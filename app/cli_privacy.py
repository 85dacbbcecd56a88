"""`activity-events keys ...` and `activity-events erase`."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from pydantic import ValidationError

from app.auth.keys import Key, create_key, list_keys, return_to_local_mode, revoke_key
from app.auth.principal import Scope
from app.console import (
    FormatOption,
    echo,
    echo_json,
    echo_table,
    email_of,
    progress_bar,
    translated,
    with_database,
)
from app.db import Database
from app.errors import InvalidRequest
from app.migrate import migrate_at
from app.privacy.erase import count_events, erase_user
from app.privacy.receipts import is_genuine, signed
from app.schemas.privacy import ReceiptIn
from app.settings import Settings

keys_app = typer.Typer(no_args_is_help=True, help="Make, list and revoke keys.")


@keys_app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="What it is for: `website`, `ci`.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help=f"What it may do: {', '.join(Scope)}; several by commas, or repeated.",
        ),
    ],
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Refused after so many days.")
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Only from pages of this origin (a write key); may be repeated."),
    ] = None,
) -> None:
    """Make a key. It is shown once; what is kept of it is a hash."""
    scopes = _scopes(scope)
    now = datetime.now(UTC)
    expires_at = now + timedelta(days=expires_days) if expires_days else None

    async def run(database: Database, settings: Settings) -> tuple[Key, str]:
        # There may be no service yet that has migrated it.
        await translated(lambda: migrate_at(database.url, settings))
        return await create_key(
            database, name, scopes, now, expires_at=expires_at, allowed_origins=origin or ()
        )

    key, text = with_database(run)
    echo(f"Key {key.prefix} ({key.shown_scopes}). It is shown only now:", error=True)
    echo(text)


@keys_app.command("list")
def list_command(format_: FormatOption = "table") -> None:
    """All keys, the newest first."""

    async def run(database: Database, _: Settings) -> list[Key]:
        return await list_keys(database)

    now = datetime.now(UTC)
    never = "never" if format_ == "table" else None
    rows = [
        (
            key.prefix,
            key.name,
            key.shown_scopes,
            _day(key.created_at),
            _day(key.last_used_on) or never,
            _day(key.expires_at),
            key.allowed_origins,
            _state(key, now),
        )
        for key in with_database(run)
    ]
    columns = ("prefix", "name", "scopes", "made", "last used", "expires", "origins", "state")
    echo_table(columns, rows, format_)


@keys_app.command("revoke")
def revoke_command(
    prefix: Annotated[str, typer.Argument(help="As `keys list` shows it.")],
) -> None:
    """Refuse a key from now on; running services know within seconds."""

    async def run(database: Database, _: Settings) -> Key:
        return await revoke_key(database, prefix, datetime.now(UTC))

    key = with_database(run)
    echo(f"{key.prefix} ({key.name}, {key.shown_scopes}) is revoked")


@keys_app.command("local-mode")
def local_mode_command(
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")] = False,
) -> None:
    """Return to local mode: forget all keys, which must be revoked or expired.

    From the next start on loopback, whoever is on this machine may do everything again.
    """

    async def run(database: Database, settings: Settings) -> None:
        if settings.has_credentials:
            raise InvalidRequest(
                "The environment names keys, or a way to verify user tokens: unset "
                "ACTIVITY_*_KEYS, ACTIVITY_JWT_SECRET and ACTIVITY_JWT_JWKS first."
            )
        if not yes:
            typer.confirm(
                "Forget all keys, and let everybody on this machine do everything?", abort=True
            )
        await return_to_local_mode(database, datetime.now(UTC))

    with_database(run)
    echo("Local mode is back once the service is restarted.")


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
        echo_json(await signed(database, settings, receipt))

    with_database(run)


def verify_receipt_command(
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="The receipt; `-` is stdin.")],
) -> None:
    """Check that a receipt of an erasure is genuine; exit code 1 where it is not."""
    try:
        receipt = ReceiptIn.model_validate_json(file.read())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise typer.BadParameter(
            f"this is no receipt: {place}: {first['msg']}", param_hint="FILE"
        ) from None

    async def run(database: Database, settings: Settings) -> bool:
        return await is_genuine(database, settings, receipt.model_dump())

    if not with_database(run):
        echo("Not genuine: this service, with this erasure secret, did not sign it.", error=True)
        raise typer.Exit(1)
    echo("Genuine.")


def _scopes(texts: list[str]) -> list[Scope]:
    """`read,write` -> both.

    Raises:
        typer.BadParameter: there is no such scope.
    """
    names = [name.strip().lower() for text in texts for name in text.split(",")]
    for name in names:
        if name not in set(Scope):
            raise typer.BadParameter(
                f"{name!r} is not one of {', '.join(Scope)}.", param_hint="--scope"
            )
    return [Scope(name) for name in names]


def _day(instant: date | None) -> str | None:
    return f"{instant:%Y-%m-%d}" if instant else None


def _state(key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "valid"
