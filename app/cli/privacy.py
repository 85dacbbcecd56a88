"""`activity-events keys ...` and `activity-events erase`."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
from pydantic import ValidationError

from app.auth.keys import Key, create_key, list_keys, return_to_local_mode, revoke_key
from app.auth.principal import Scope
from app.cli.common import (
    FormatOption,
    echo,
    echo_json,
    echo_table,
    email_of,
    progress_bar,
    translated,
    with_database,
)
from app.database.migrations import migrate_at
from app.database.sessions import Database
from app.errors import InvalidRequest
from app.privacy.erase import count_events, erase_user
from app.privacy.receipts import is_genuine, signed
from app.schemas.privacy import ReceiptIn
from app.settings import Settings

keys_app = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys.")


@keys_app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="Purpose of the key, such as `website` or `ci`.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help=f"Scope of the key: {', '.join(Scope)}. Separate several by commas, or repeat "
            "the option.",
        ),
    ],
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until the key expires.")
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Restrict a write key to pages of this origin; can be repeated."),
    ] = None,
) -> None:
    """Create a key and show it once; only its hash is stored."""
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
    echo(
        f"Key {key.prefix} ({key.shown_scopes}). Copy it now; it won't be shown again:", error=True
    )
    echo(text)


@keys_app.command("list")
def list_command(format_: FormatOption = "table") -> None:
    """List all keys, newest first."""

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
    columns = ("prefix", "name", "scopes", "created", "last used", "expires", "origins", "state")
    echo_table(columns, rows, format_)


@keys_app.command("revoke")
def revoke_command(
    prefix: Annotated[str, typer.Argument(help="Prefix of the key, as in `keys list`.")],
) -> None:
    """Revoke a key; running services reject it within seconds."""

    async def run(database: Database, _: Settings) -> Key:
        return await revoke_key(database, prefix, datetime.now(UTC))

    key = with_database(run)
    echo(f"{key.prefix} ({key.name}, {key.shown_scopes}) is revoked")


@keys_app.command("local-mode")
def local_mode_command(
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")] = False,
) -> None:
    """Return to local mode: delete all keys, which must be revoked or expired.

    After the next start on loopback, requests from this machine have full access without a key.
    """

    async def run(database: Database, settings: Settings) -> None:
        if settings.has_credentials:
            raise InvalidRequest(
                "The environment sets keys, or a way to verify user tokens. Unset "
                "ACTIVITY_*_KEYS, ACTIVITY_JWT_SECRET and ACTIVITY_JWT_JWKS first."
            )
        if not yes:
            typer.confirm(
                "Delete all keys, and give everyone on this machine full access?", abort=True
            )
        await return_to_local_mode(database, datetime.now(UTC))

    with_database(run)
    echo("Local mode is on after the next restart of the service.")


def erase_command(
    user_email: Annotated[str, typer.Argument(help="Email address of the user to erase.")],
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")] = False,
) -> None:
    """Permanently delete all data of a user, and print the receipt."""
    email = email_of(user_email, "USER_EMAIL")

    async def run(database: Database, settings: Settings) -> None:
        events = await count_events(database, email)
        if not yes:
            typer.confirm(
                f"Permanently delete {events} events and the profile of {email}?", abort=True
            )
        with progress_bar("Erasing", events) as advance:
            receipt = await erase_user(
                database, settings, email, datetime.now(UTC), on_deleted=advance
            )
        echo_json(await signed(database, settings, receipt))

    with_database(run)


def verify_receipt_command(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help="File with the receipt; `-` reads stdin.")
    ],
) -> None:
    """Verify that an erasure receipt is genuine; exit with code 1 if it is not."""
    try:
        receipt = ReceiptIn.model_validate_json(file.read())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise typer.BadParameter(
            f"the file is not a receipt: {place}: {first['msg']}", param_hint="FILE"
        ) from None

    async def run(database: Database, settings: Settings) -> bool:
        return await is_genuine(database, settings, receipt.model_dump())

    if not with_database(run):
        echo("Not genuine: it was not signed with this service's erasure secret.", error=True)
        raise typer.Exit(1)
    echo("Genuine.")


def _scopes(texts: list[str]) -> list[Scope]:
    """Parse scopes, such as `read,write`.

    Raises:
        typer.BadParameter: A scope does not exist.
    """
    names = [name.strip().lower() for text in texts for name in text.split(",")]
    for name in names:
        if name not in set(Scope):
            raise typer.BadParameter(
                f"{name!r} is not a scope; expected one of {', '.join(Scope)}.",
                param_hint="--scope",
            )
    return [Scope(name) for name in names]


def _day(instant: date | None) -> str | None:
    return f"{instant:%Y-%m-%d}" if instant else None


def _state(key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "valid"
