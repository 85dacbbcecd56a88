"""Query parameters of the analytics routes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.schemas.queries import (
    METADATA_MAX_CHARS,
    EventFilterQuery,
    NormalName,
    Users,
    WindowQuery,
)

ROWS_MAX = 100

TableFormat = Literal["json", "csv"]
WeekStart = Literal["monday", "sunday", "saturday"]
WEEK_START: Any = Field(default="monday", description="First day of the week.")
TABLE_DESCRIPTION = (
    "Response format: `json`, or `csv` for the result as a table (RFC 4180), which generated "
    "clients read as text."
)


class AnalyticsQuery(EventFilterQuery):
    pass


class TableQuery(EventFilterQuery):
    format: TableFormat = Field(default="json", description=TABLE_DESCRIPTION)


class UsersQuery(WindowQuery):
    """Parameters of questions about users. They take no event filters, which would hide part of
    what a user did."""

    user_email: Users
    format: TableFormat = Field(default="json", description=TABLE_DESCRIPTION)


class TimeseriesQuery(TableQuery):
    bucket: Literal["minute", "hour", "day", "week", "month"] = Field(
        default="day",
        description="Width of a time bucket. Hours, days, weeks and months are local to `tz`.",
    )
    week_start: WeekStart = WEEK_START
    split_by: Literal["event_category", "event_type", "event_action", "device_type"] | None = Field(
        default=None,
        description="Return one series for each of the most frequent values, and one for all "
        "others.",
    )
    limit: int = Field(
        default=10,
        ge=1,
        le=ROWS_MAX,
        description="Maximum number of series, not counting the one for all others.",
    )
    compare: bool = Field(
        default=False, description="Also return the preceding window of the same length."
    )


class TopQuery(TableQuery):
    by: Literal[
        "event_type",
        "event_category",
        "event_action",
        "device_type",
        "entity",
        "user",
        "metadata",
    ] = Field(default="event_type", description="Dimension whose values are counted.")
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Metadata key whose values are counted; required with `by=metadata`. "
        "`cart.total` is the key of that name if the event has one, otherwise `total` inside "
        "`cart`.",
    )
    elements: bool = Field(
        default=False,
        description="With `by=metadata`: count the elements of lists instead of whole lists.",
    )
    limit: int = Field(default=10, ge=1, le=ROWS_MAX, description="Maximum number of rows.")


class RetentionQuery(UsersQuery):
    period: Literal["day", "week", "month"] = Field(
        default="week", description="Length of a cohort and of the periods that follow it."
    )
    periods: int = Field(default=8, ge=1, le=60, description="Number of periods after the first.")
    week_start: WeekStart = WEEK_START


class FunnelQuery(TableQuery):
    step: list[Annotated[str, Field(max_length=METADATA_MAX_CHARS)]] = Field(
        min_length=2,
        max_length=10,
        description="The funnel's steps, in order. A step is an event type, or a JSON object with "
        "`event_type` and `metadata` that the event's metadata must contain.",
        examples=[["project_created", '{"event_type": "wizard_completed"}']],
    )
    within_minutes: int = Field(
        default=7 * 24 * 60,
        ge=1,
        le=366 * 24 * 60,
        description="Conversion window: minutes after the first step in which later steps count.",
    )
    after_end: bool = Field(
        default=False,
        description="Also count later steps after the end of the time window, so that every user "
        "who starts within it has the full conversion window.",
    )
    order: Literal["loose", "strict"] = Field(
        default="loose",
        description="`loose` allows other events between the steps; `strict` does not (only events "
        "that pass the filters count).",
    )
    split_by: Literal["device_type", "entity_type", "metadata"] | None = Field(
        default=None, description="Group users by a value of their first step's event."
    )
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Metadata key or path to group by, as in `top`; required with "
        "`split_by=metadata`.",
    )
    users_at: int | None = Field(
        default=None,
        ge=1,
        le=10,
        description="Also return email addresses of users at this step (1 is the first).",
    )
    users: Literal["stopped", "reached"] = Field(
        default="stopped",
        description="Users to return: those who `stopped` at the step or `reached` it.",
    )
    users_limit: int = Field(
        default=100, ge=1, le=1000, description="Maximum number of email addresses."
    )


class PathsQuery(TableQuery):
    anchor: NormalName = Field(description="Event type at which the paths start.")
    direction: Literal["after", "before"] = Field(
        default="after", description="Follow the events `after` the anchor or `before` it."
    )
    steps: int = Field(default=3, ge=1, le=10, description="Maximum number of steps of a path.")
    gap_minutes: int = Field(
        default=30,
        ge=1,
        le=24 * 60,
        description="A path ends after this many minutes without an event.",
    )
    limit: int = Field(default=50, ge=1, le=1000, description="Maximum number of links per step.")


class HeatmapQuery(TableQuery):
    week_start: WeekStart = WEEK_START


class DurationsQuery(TableQuery):
    limit: int = Field(default=100, ge=1, le=1000, description="Maximum number of event types.")
