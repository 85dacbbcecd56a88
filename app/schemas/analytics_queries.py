"""The query parameters of the analytics routes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.schemas.email import EmailAddress
from app.schemas.queries import (
    METADATA_MAX_CHARS,
    EventFilterQuery,
    NormalName,
    Values,
    WindowQuery,
)

ROWS_MAX = 100

TableFormat = Literal["json", "csv"]
WeekStart = Literal["monday", "sunday", "saturday"]
WEEK_START: Any = Field(default="monday", description="The first day of weeks.")
TABLE_DESCRIPTION = "JSON, or the answer's table as CSV (RFC 4180)."


class AnalyticsQuery(EventFilterQuery):
    pass


class TableQuery(EventFilterQuery):
    format: TableFormat = Field(default="json", description=TABLE_DESCRIPTION)


class UsersQuery(WindowQuery):
    """Questions about users: a filter of events would leave out some of what they did."""

    user_email: Annotated[list[EmailAddress], Values]
    format: TableFormat = Field(default="json", description=TABLE_DESCRIPTION)


class TimeseriesQuery(TableQuery):
    bucket: Literal["minute", "hour", "day", "week", "month"] = Field(
        default="day", description="Days, hours and weeks are those of `tz`."
    )
    week_start: WeekStart = WEEK_START
    split_by: Literal["event_category", "event_type", "event_action", "device_type"] | None = Field(
        default=None, description="A series for each of the most frequent values, and the others."
    )
    limit: int = Field(default=10, ge=1, le=ROWS_MAX, description="Most series, beside the others.")
    compare: bool = Field(default=False, description="Also the window before, of the same length.")


class TopQuery(TableQuery):
    by: Literal[
        "event_type",
        "event_category",
        "event_action",
        "device_type",
        "entity",
        "user",
        "metadata",
    ] = Field(default="event_type", description="Of what.")
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="With `by=metadata`: of which key the values. `cart.total` is the key of that "
        "name, where an event has it, else `total` within `cart`.",
    )
    elements: bool = Field(
        default=False,
        description="With `by=metadata`: count the elements of lists rather than whole lists.",
    )
    limit: int = Field(default=10, ge=1, le=ROWS_MAX)


class RetentionQuery(UsersQuery):
    period: Literal["day", "week", "month"] = Field(
        default="week", description="Of the cohorts, and of what comes after."
    )
    periods: int = Field(default=8, ge=1, le=60, description="How many after the first.")
    week_start: WeekStart = WEEK_START


class FunnelQuery(TableQuery):
    step: list[Annotated[str, Field(max_length=METADATA_MAX_CHARS)]] = Field(
        min_length=2,
        max_length=10,
        description="The steps in order: a type of event, or a JSON object with `event_type` and "
        "`metadata`, which the event's must contain.",
        examples=[["project_created", '{"event_type": "wizard_completed"}']],
    )
    within_minutes: int = Field(
        default=7 * 24 * 60,
        ge=1,
        le=366 * 24 * 60,
        description="How long after the first step a later one still counts.",
    )
    after_end: bool = Field(
        default=False,
        description="Count later steps after the window's end, too, so that whoever began in the "
        "window has all of `within_minutes`.",
    )
    order: Literal["loose", "strict"] = Field(
        default="loose",
        description="`strict`: no other event that passes the filters lies between the steps.",
    )
    split_by: Literal["device_type", "entity_type", "metadata"] | None = Field(
        default=None, description="Groups by a value of the event of the first step."
    )
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="With `split_by=metadata`: of which key, or path, as in `top`.",
    )
    users_at: int | None = Field(
        default=None, ge=1, le=10, description="Also name users at this step, from 1."
    )
    users: Literal["stopped", "reached"] = Field(
        default="stopped", description="Which of them: `stopped` there, or `reached` it."
    )
    users_limit: int = Field(default=100, ge=1, le=1000)


class PathsQuery(TableQuery):
    anchor: NormalName = Field(description="The type of event at which the paths begin.")
    direction: Literal["after", "before"] = "after"
    steps: int = Field(default=3, ge=1, le=10)
    gap_minutes: int = Field(
        default=30, ge=1, le=24 * 60, description="A path ends where nothing follows for so long."
    )
    limit: int = Field(default=50, ge=1, le=1000, description="Most links of a step.")


class HeatmapQuery(TableQuery):
    week_start: WeekStart = WEEK_START


class DurationsQuery(TableQuery):
    limit: int = Field(default=100, ge=1, le=1000, description="Most types.")
