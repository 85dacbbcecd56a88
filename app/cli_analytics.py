"""`activity-events query` and `activity-events analytics`: what the API answers, as tables."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from app.cli_asking import Asked, asking
from app.console import echo
from app.errors import InvalidRequest
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
from app.read.metadata_values import check_key
from app.read.zones import Period, Unit, WeekStart
from app.schemas.names import normalise_name

analytics_app = typer.Typer(
    no_args_is_help=True,
    help="Ask an analytics question; each has its own options. By default about all users and the "
    "last 7 days.",
)

SHADES = " ░▒▓█"  # of the busiest hour: nothing, and a quarter more each


WeekStartOption = Annotated[WeekStart, typer.Option(help="The first day of weeks.")]
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
        echo(f"There are more: these are the newest {limit}.", error=True)


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
    week_start: WeekStartOption = "monday",
    limit: LimitOption = 10,
) -> None:
    """Events over time, whole or split."""
    asked.answer(timeseries, bucket=bucket, week_start=week_start, split_by=split_by, limit=limit)


@analytics_app.command("top")
@asking
def top_command(
    asked: Asked,
    by: Annotated[TopOf, typer.Option(help="Of what.")] = "event_type",
    key: Annotated[str | None, typer.Option(help="Of the metadata, with --by metadata.")] = None,
    elements: Annotated[bool, typer.Option(help="Count the elements of lists.")] = False,
    limit: LimitOption = 10,
) -> None:
    """What there is most of."""
    check_key(key, needed=by == "metadata", option="--by metadata", name="--key")
    if elements and by != "metadata":
        raise InvalidRequest("`--elements` is only allowed with `--by metadata`")
    found = asked.answer(top, by=by, key=key, elements=elements, limit=limit)
    if found.note:
        echo(found.note, error=True)


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
    week_start: WeekStartOption = "monday",
) -> None:
    """Who comes back, by when they first came; of the filters, only users count."""
    asked.answer(retention, period=period, periods=periods, week_start=week_start)


@analytics_app.command("funnel")
@asking
def funnel_command(
    asked: Asked,
    step: Annotated[
        list[str],
        typer.Option(help="In order: a type, or JSON with event_type and metadata."),
    ],
    within_minutes: Annotated[int, typer.Option(min=1, help="From the first step.")] = 10_080,
    after_end: Annotated[
        bool, typer.Option(help="Count later steps after the window's end, too.")
    ] = False,
    order: Annotated[Order, typer.Option(help="strict: nothing else between.")] = "loose",
    split_by: Annotated[FunnelSplit | None, typer.Option(help="Groups by the first step.")] = None,
    key: Annotated[str | None, typer.Option(help="With --split-by metadata.")] = None,
) -> None:
    """How far users get through some steps."""
    check_key(key, needed=split_by == "metadata", option="--split-by metadata", name="--key")
    found = asked.answer(
        funnel,
        [parse_step(each) for each in step],
        within=timedelta(minutes=within_minutes),
        after_end=after_end,
        now=datetime.now(UTC),
        order=order,
        split_by=split_by,
        key=key,
    )
    if asked.format == "table":
        until = found.about.complete_before.astimezone(asked.window.zone)
        echo(
            f"complete_before {until.isoformat(timespec='minutes')}: users who began earlier have "
            f"had all {within_minutes} minutes to convert."
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
    asked.answer(
        paths, normalise_name(anchor), direction=direction, steps=steps, gap=gap, limit=limit
    )


@analytics_app.command("durations")
@asking
def durations_command(asked: Asked, limit: LimitOption = 100) -> None:
    """How long things took, by type."""
    asked.answer(durations, limit=limit)


@analytics_app.command("heatmap")
@asking
def heatmap_command(asked: Asked, week_start: WeekStartOption = "monday") -> None:
    """Events by weekday and hour."""
    found = asked.answer(heatmap, show=asked.format == "csv", week_start=week_start)
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
