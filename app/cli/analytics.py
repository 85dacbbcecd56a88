"""`activity-events query` and `activity-events analytics`: results of the API, as tables."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from app.analytics.active_users import active_users
from app.analytics.durations import durations
from app.analytics.funnel import funnel
from app.analytics.funnel_chains import FunnelSplit, Order
from app.analytics.heatmap import heatmap
from app.analytics.paths import paths
from app.analytics.result import Table
from app.analytics.retention import retention
from app.analytics.sessions import sessions
from app.analytics.summary import summary
from app.analytics.timeseries import Split, timeseries
from app.analytics.top import TopOf, top
from app.cli.common import echo
from app.cli.query_options import Asked, asking
from app.errors import InvalidRequest
from app.read.conditions import Direction, parse_step
from app.read.events import list_events
from app.read.metadata_values import check_key
from app.read.time_buckets import Period, Unit, WeekStart
from app.schemas.names import normalise_name

analytics_app = typer.Typer(
    no_args_is_help=True,
    help="Run an analytics query. By default it covers all users and the last 7 days.",
)

SHADES = " ░▒▓█"  # none, then one step per quarter of the busiest hour


WeekStartOption = Annotated[WeekStart, typer.Option(help="First day of the week.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of rows.")]


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
        echo(f"Only the newest {limit} events are shown; there are more.", error=True)


@analytics_app.command("summary")
@asking
def summary_command(asked: Asked) -> None:
    """Show totals: events by category, type, device and day, and sessions."""
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
    bucket: Annotated[Unit, typer.Option(help="Width of a time bucket.")] = "day",
    split_by: Annotated[Split | None, typer.Option(help="Return one series per value.")] = None,
    week_start: WeekStartOption = "monday",
    limit: LimitOption = 10,
) -> None:
    """Show events over time, in total or by segment."""
    asked.answer(timeseries, bucket=bucket, week_start=week_start, split_by=split_by, limit=limit)


@analytics_app.command("top")
@asking
def top_command(
    asked: Asked,
    by: Annotated[TopOf, typer.Option(help="Field to count by.")] = "event_type",
    key: Annotated[str | None, typer.Option(help="Metadata key, for --by metadata.")] = None,
    elements: Annotated[bool, typer.Option(help="Count the elements of lists.")] = False,
    limit: LimitOption = 10,
) -> None:
    """Show the top values of a field or a metadata key."""
    check_key(key, needed=by == "metadata", option="--by metadata", name="--key")
    if elements and by != "metadata":
        raise InvalidRequest("`--elements` is only allowed with `--by metadata`")
    found = asked.answer(top, by=by, key=key, elements=elements, limit=limit)
    if found.note:
        echo(found.note, error=True)


@analytics_app.command("active-users")
@asking
def active_users_command(asked: Asked) -> None:
    """Show daily, weekly and monthly active users; the only filter is --user-email."""
    asked.answer(active_users)


@analytics_app.command("retention")
@asking
def retention_command(
    asked: Asked,
    period: Annotated[Period, typer.Option(help="Length of a cohort's period.")] = "week",
    periods: Annotated[
        int, typer.Option(min=1, max=60, help="Number of periods after the first.")
    ] = 8,
    week_start: WeekStartOption = "monday",
) -> None:
    """Show retention by cohort of first activity; the only filter is --user-email."""
    asked.answer(retention, period=period, periods=periods, week_start=week_start)


@analytics_app.command("funnel")
@asking
def funnel_command(
    asked: Asked,
    step: Annotated[
        list[str],
        typer.Option(
            help="Event type, or JSON with event_type and metadata; repeat for each step, in order."
        ),
    ],
    within_minutes: Annotated[
        int, typer.Option(min=1, help="Conversion window, in minutes from the first step.")
    ] = 10_080,
    after_end: Annotated[
        bool, typer.Option(help="Also count later steps after the end of the window.")
    ] = False,
    order: Annotated[
        Order, typer.Option(help="`strict` allows no other events between the steps.")
    ] = "loose",
    split_by: Annotated[
        FunnelSplit | None, typer.Option(help="Group users by a field of the first step.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Metadata key, for --split-by metadata.")] = None,
) -> None:
    """Show the conversion of users through a sequence of steps."""
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
            f"complete_before {until.isoformat(timespec='minutes')}: the conversion window of "
            f"{within_minutes} minutes has passed for users who started earlier."
        )


@analytics_app.command("paths")
@asking
def paths_command(
    asked: Asked,
    anchor: Annotated[str, typer.Option(help="Event type at which paths start.")],
    direction: Annotated[
        Direction, typer.Option(help="Follow events after or before the anchor.")
    ] = "after",
    steps: Annotated[int, typer.Option(min=1, max=10, help="Length of a path, in steps.")] = 3,
    gap_minutes: Annotated[
        int, typer.Option(min=1, help="Minutes without events that end a path.")
    ] = 30,
    limit: LimitOption = 10,
) -> None:
    """Show the most frequent paths after or before an event type."""
    gap = timedelta(minutes=gap_minutes)
    asked.answer(
        paths, normalise_name(anchor), direction=direction, steps=steps, gap=gap, limit=limit
    )


@analytics_app.command("durations")
@asking
def durations_command(asked: Asked, limit: LimitOption = 100) -> None:
    """Show event durations, by type."""
    asked.answer(durations, limit=limit)


@analytics_app.command("heatmap")
@asking
def heatmap_command(asked: Asked, week_start: WeekStartOption = "monday") -> None:
    """Show events by weekday and hour."""
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
    """Show the number, duration and size of sessions; the only filter is --user-email."""
    asked.answer(sessions)
