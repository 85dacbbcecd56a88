"""Options and output that all query commands share."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app.analytics.result import Table
from app.cli.common import (
    DaysOption,
    EndOption,
    Format,
    FormatOption,
    StartOption,
    echo,
    echo_json,
    echo_table,
    email_of,
    with_database,
)
from app.database.sessions import Database
from app.read.filters import EventFilter
from app.read.metadata_filter import json_text
from app.read.window import resolve_window
from app.schemas.names import normalise_all
from app.settings import Settings

DAYS_DEFAULT = 7


def common(
    user_email: Annotated[
        list[str] | None, typer.Option(help="Email address of a user; repeat for several.")
    ] = None,
    event_type: Annotated[
        list[str] | None, typer.Option(help="Event type; repeat for several.")
    ] = None,
    event_category: Annotated[
        list[str] | None, typer.Option(help="Event category; repeat for several.")
    ] = None,
    device_type: Annotated[
        list[str] | None, typer.Option(help="Device type; repeat for several.")
    ] = None,
    metadata: Annotated[
        str | None, typer.Option(help="JSON object that the event's metadata must contain.")
    ] = None,
    days: DaysOption = None,
    start: StartOption = None,
    end: EndOption = None,
    tz: Annotated[str, typer.Option(help="IANA time zone of days and hours.")] = "UTC",
    format_: FormatOption = "table",
) -> None:
    """Options of every query."""


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Add the shared options to a command, which receives them as an `Asked`."""
    shared = inspect.signature(common).parameters
    own = list(inspect.signature(command).parameters.values())[1:]

    @functools.wraps(command)
    def run(**options: Any) -> None:
        asked = Asked({name: options.pop(name) for name in shared})
        command(asked, **options)

    merged = [each.replace(kind=each.KEYWORD_ONLY) for each in (*own, *shared.values())]
    run.__signature__ = inspect.Signature(merged)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in merged}
    return run


class Asked:
    """The window, the filter and the output format of a query, parsed from the options."""

    def __init__(self, options: dict[str, Any]) -> None:
        given = {name: options.get(name) for name in ("days", "start", "end")}
        self.window = resolve_window(
            datetime.now(UTC), **given, tz=options["tz"], default_days=DAYS_DEFAULT
        )
        metadata = options.get("metadata")
        if metadata is not None:
            metadata = json_text(metadata, "metadata")
        self.filter_ = EventFilter(
            user_email=tuple(
                email_of(each, "--user-email") for each in options.get("user_email") or ()
            ),
            event_type=normalise_all(options.get("event_type")),
            event_category=normalise_all(options.get("event_category")),
            device_type=normalise_all(options.get("device_type")),
            metadata=metadata,
        )
        self.format: Format = options["format_"]

    def answer(
        self,
        question: Callable[..., Awaitable[Any]],
        *args: Any,
        show: bool = True,
        **more: Any,
    ) -> Any:
        """Run a query, and print its result as JSON, or its table if `show` is set."""

        async def run(database: Database, _: Settings) -> Any:
            async with database.read(heavy=True) as session:
                return await question(session, self.filter_, self.window, *args, **more)

        found = with_database(run)
        if self.format == "json":
            echo_json(found)
        elif show and hasattr(found, "table"):
            self.show(found.table())
        if getattr(found, "about", None) is not None and found.about.truncated:
            echo("The result is incomplete: it reached a limit.", error=True)
        return found

    def show(self, table: Table) -> None:
        if table.rows or self.format != "table":
            echo_table(table.columns, table.rows, self.format)
        else:
            echo("No events in this window.")
