"""`activity-events query` and `activity-events analytics`: what the API answers, as tables."""

import csv
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
import typer
from rich import box
from rich.table import Table as RichTable

from app.console import email_of, err, out, with_database
from app.db import Database
from app.read.analytics.active_users import active_users
from app.read.analytics.durations import durations
from app.read.analytics.funnel import funnel
from app.read.analytics.funnel_chains import FunnelSplit, Order
from app.read.analytics.heatmap import heatmap
from app.read.analytics.paths import paths
from app.read.analytics.retention import retention
from app.read.analytics.sessions import sessions
from app.read.analytics.summary import summary
from app.read.analytics.timeseries import Split, timeseries
from app.read.analytics.top import TopOf, top
from app.read.answer import Table
from app.read.conditions import Direction, parse_step
from app.read.events import list_events
from app.read.filters import EventFilter, json_object
from app.read.window import resolve_window
from app.read.zones import Period, Unit
from app.settings import Settings

analytics_app = typer.Typer(
    no_args_is_help=True,
    help="Ask an analytics question; each has its own options. By default about all users and the "
    "last 7 days.",
)

Format = Literal["table", "csv", "json"]
DAYS_DEFAULT = 7
SHADES = " ░▒▓█"  # of the busiest hour: nothing, and a quarter more each


def common(
    user_email: Annotated[list[str] | None, typer.Option(help="Repeat for several.")] = None,
    event_type: Annotated[list[str] | None, typer.Option(help="Repeat for any of.")] = None,
    event_category: Annotated[list[str] | None, typer.Option(help="Repeat for any of.")] = None,
    device_type: Annotated[list[str] | None, typer.Option(help="Repeat for any of.")] = None,
    metadata: Annotated[
        str | None, typer.Option(help="A JSON object that an event's must contain.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="The last so many days.")] = None,
    start: Annotated[str | None, typer.Option(help="From then on, ISO 8601.")] = None,
    end: Annotated[str | None, typer.Option(help="Until before then; by default now.")] = None,
    tz: Annotated[str, typer.Option(help="IANA time zone of days and hours.")] = "UTC",
    format_: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
) -> None:
    """The options that every question has."""


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """A command that is given what was `Asked`, beside options of its own."""
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
    """The window, the filter and the format of a question, taken off the options of a command."""

    def __init__(self, options: dict[str, Any]) -> None:
        given = {name: options.get(name) for name in ("days", "start", "end")}
        self.window = resolve_window(
            datetime.now(UTC), **given, tz=options["tz"], default_days=DAYS_DEFAULT
        )
        metadata = options.get("metadata")
        if metadata is not None:
            json_object(metadata, "metadata")
        self.filter_ = EventFilter(
            user_email=tuple(
                email_of(each, "--user-email") for each in options.get("user_email") or ()
            ),
            event_type=tuple(options.get("event_type") or ()),
            event_category=tuple(options.get("event_category") or ()),
            device_type=tuple(options.get("device_type") or ()),
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
        """Asks, and prints the answer's table (where it has one, and is to `show`), or JSON."""

        async def run(database: Database, _: Settings) -> Any:
            async with database.read(heavy=True) as session:
                return await question(session, self.filter_, self.window, *args, **more)

        found = with_database(run)
        if self.format == "json":
            options = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
            sys.stdout.write(orjson.dumps(found, option=options).decode() + "\n")
        elif show and hasattr(found, "table"):
            self.show(found.table())
        if getattr(found, "about", None) is not None and found.about.truncated:
            err.print("There is more: a limit left something out.")
        return found

    def show(self, table: Table) -> None:
        rows = [[_plain(value) for value in row] for row in table.rows]
        if self.format == "csv":
            writer = csv.writer(sys.stdout)
            writer.writerow(table.columns)
            writer.writerows(rows)
            return
        shown = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for column, values in zip(table.columns, zip(*table.rows, strict=True), strict=False):
            is_number = all(isinstance(value, int | float | None) for value in values)
            justify: Literal["left", "right"] = "right" if is_number else "left"
            shown.add_column(column.replace("_", " "), justify=justify, overflow="fold")
        for row in rows:
            shown.add_row(*map(str, row))
        if table.rows:
            out.print(shown, markup=False)
        else:
            out.print("Nothing in this window.")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else value


LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="Most rows.")]


@asking
def query_command(asked: Asked, limit: LimitOption = 20) -> None:
    """List events, newest first."""
    page = asked.answer(list_events, limit=limit)
    if asked.format != "json":
        names = ("event_timestamp", "user_email", "event_type", "entity_type", "entity_id",
                 "session_id", "device_type", "duration_ms")  # fmt: skip
        zone = asked.window.zone
        rows = [
            (each["event_timestamp"].astimezone(zone), *(each[name] for name in names[1:]))
            for each in page.events
        ]
        asked.show(Table(names, rows))
    if page.next_cursor:
        err.print(f"There are more: these are the newest {limit}.", highlight=False)


@analytics_app.command("summary")
@asking
def summary_command(asked: Asked) -> None:
    """How much, of what, and when."""
    found = asked.answer(summary)
    if asked.format == "json":
        return
    rows: list[tuple[Any, ...]] = [
        ("total", "", found.total_events),
        ("sessions", "", found.unique_sessions),
    ]
    for name in ("category", "type", "device", "day"):
        counts: dict[Any, int] = getattr(found, f"events_by_{name}")
        rows += [(name, str(value), events) for value, events in counts.items() if events]
    asked.show(Table(("by", "value", "events"), rows))


@analytics_app.command("timeseries")
@asking
def timeseries_command(
    asked: Asked,
    bucket: Annotated[Unit, typer.Option(help="How wide.")] = "day",
    split_by: Annotated[Split | None, typer.Option(help="One series for each value.")] = None,
    limit: LimitOption = 10,
) -> None:
    """Events over time, whole or split."""
    asked.answer(timeseries, bucket=bucket, split_by=split_by, limit=limit)


@analytics_app.command("top")
@asking
def top_command(
    asked: Asked,
    by: Annotated[TopOf, typer.Option(help="Of what.")] = "event_type",
    key: Annotated[str | None, typer.Option(help="Of the metadata, with --by metadata.")] = None,
    limit: LimitOption = 10,
) -> None:
    """What there is most of."""
    asked.answer(top, by=by, key=key, limit=limit)


@analytics_app.command("active-users")
@asking
def active_users_command(asked: Asked) -> None:
    """Active users by day, week and month; of the filters, only users count."""
    asked.answer(active_users)


@analytics_app.command("retention")
@asking
def retention_command(
    asked: Asked,
    period: Annotated[Period, typer.Option(help="Of the cohorts.")] = "week",
    periods: Annotated[int, typer.Option(min=1, max=60, help="How many after the first.")] = 8,
) -> None:
    """Who comes back, by when they first came; of the filters, only users count."""
    asked.answer(retention, period=period, periods=periods)


@analytics_app.command("funnel")
@asking
def funnel_command(
    asked: Asked,
    step: Annotated[
        list[str],
        typer.Option(help="In order: a type, or JSON with event_type and metadata."),
    ],
    within_minutes: Annotated[int, typer.Option(min=1, help="From the first step.")] = 10_080,
    order: Annotated[Order, typer.Option(help="strict: nothing else between.")] = "loose",
    split_by: Annotated[FunnelSplit | None, typer.Option(help="Groups by the first step.")] = None,
    key: Annotated[str | None, typer.Option(help="With --split-by metadata.")] = None,
) -> None:
    """How far users get through some steps."""
    asked.answer(
        funnel,
        [parse_step(each) for each in step],
        within=timedelta(minutes=within_minutes),
        order=order,
        split_by=split_by,
        key=key,
    )


@analytics_app.command("paths")
@asking
def paths_command(
    asked: Asked,
    anchor: Annotated[str, typer.Option(help="The type at which the paths begin.")],
    direction: Annotated[Direction, typer.Option()] = "after",
    steps: Annotated[int, typer.Option(min=1, max=10)] = 3,
    gap_minutes: Annotated[int, typer.Option(min=1, help="A longer one ends a path.")] = 30,
    limit: LimitOption = 10,
) -> None:
    """What users do after, or before, something."""
    gap = timedelta(minutes=gap_minutes)
    asked.answer(paths, anchor, direction=direction, steps=steps, gap=gap, limit=limit)


@analytics_app.command("durations")
@asking
def durations_command(asked: Asked, limit: LimitOption = 100) -> None:
    """How long things took, by type."""
    asked.answer(durations, limit=limit)


@analytics_app.command("heatmap")
@asking
def heatmap_command(asked: Asked) -> None:
    """Events by weekday and hour."""
    found = asked.answer(heatmap, show=asked.format == "csv")
    if asked.format == "table":
        most = max(1, *(events for by_hour in found.events for events in by_hour))
        rows = [
            (name, "".join(SHADES[-(-4 * events // most)] for events in by_hour), sum(by_hour))
            for name, by_hour in zip(found.weekdays, found.events, strict=True)
        ]
        asked.show(Table(("", "0     6     12    18    ", "events"), rows))


@analytics_app.command("sessions")
@asking
def sessions_command(asked: Asked) -> None:
    """How many sessions, how long, how busy; of the filters, only users count."""
    asked.answer(sessions)
