"""Responses of the analytics routes about events."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from app.schemas.analytics_response import AnalyticsResponse, EventType, example_of
from app.schemas.fields import plain
from app.schemas.responses import ApiModel

TotalEvents = Annotated[int, plain("Number of events in the window that pass the filters.")]


class OtherEventsOut(ApiModel):
    event_category: int = plain("Events whose category is not listed.")
    event_type: int = plain("Events whose type is not listed.")
    device_type: int = plain("Events whose type of device is not listed.")


class SummaryResponse(AnalyticsResponse):
    model_config = example_of(
        total_events=3,
        events_by_category={"email": 2, "project": 1},
        events_by_type={"email_opened": 2, "project_created": 1},
        most_active_day="2026-11-17",
        most_common_action="opened",
        events_by_day={"2026-11-16": 1, "2026-11-17": 2},
        events_by_hour=[0] * 9 + [1, 2] + [0] * 13,
        events_by_device={"desktop": 3},
        unique_sessions=2,
        avg_duration_ms_by_type={"email_opened": 5400.0},
        other_events={"event_category": 0, "event_type": 0, "device_type": 0},
    )

    total_events: TotalEvents
    events_by_category: dict[str, int] = plain("Events by category, in descending order.")
    events_by_type: dict[str, int] = plain("Events by type, in descending order.")
    most_active_day: date | None = plain("Day with the most events; null without events.")
    most_common_action: str | None = plain("Action of the most events; null without events.")
    events_by_day: dict[date, int] = plain("Events on each local day, including days without any.")
    events_by_hour: list[int] = plain(
        "Events in each hour of the local day, from 0 to 23.", min_length=24, max_length=24
    )
    events_by_device: dict[str, int] = plain("Events by type of device, in descending order.")
    unique_sessions: int = plain("Number of distinct sessions with an event in the window.")
    avg_duration_ms_by_type: dict[str, float] = plain(
        "Mean duration in milliseconds, of the types whose events have one."
    )
    other_events: OtherEventsOut = Field(
        description="Events whose category, type or device is not listed above: the rarest values "
        "of more than 500, and those of days with more kinds of events than are counted separately."
    )


class SeriesOut(ApiModel):
    value: str | None = Field(
        description="Value of `split_by`; null without `split_by` and for `is_other`."
    )
    is_other: bool = Field(description="True for the series of all values that are not listed.")
    total: int = Field(description="Number of events in the series.")
    events: list[int] = Field(description="Number of events in each of `buckets`.")


class Buckets(ApiModel):
    bucket: Literal["minute", "hour", "day", "week", "month"] = Field(
        description="Width of a time bucket."
    )
    split_by: str | None = Field(description="Field by which the events are split; null if none.")
    total_events: TotalEvents
    buckets: list[datetime] = Field(
        description="Start of each time bucket, with the offset of `tz` at that time."
    )
    series: list[SeriesOut] = Field(
        description="A single series, or with `split_by` one for each value, largest first."
    )


class PreviousWindowOut(Buckets):
    previous: None = Field(description="Always null.")


class TimeseriesResponse(Buckets, AnalyticsResponse):
    model_config = example_of(
        bucket="day",
        split_by=None,
        total_events=3,
        buckets=["2026-11-16T00:00:00Z", "2026-11-17T00:00:00Z"],
        series=[{"value": None, "is_other": False, "total": 3, "events": [1, 2]}],
        previous=None,
    )

    previous: PreviousWindowOut | None = Field(
        description="The preceding window of the same length; null without `compare`."
    )


class TopRowOut(ApiModel):
    value: Any = Field(
        description="The counted value: text, or any JSON with `by=metadata`. To list the events "
        "of a metadata row, pass its value in the filter `metadata`; this works for text, numbers, "
        "booleans and null if `key` is not a path. The filter tests containment: a list or an "
        "object also matches events whose value contains it, and a path matches events that have "
        "the value there, as well as events with a key of the path's exact name."
    )
    entity_type: str | None = Field(description="Type of the entity, with `by=entity`.")
    events: int = Field(description="Number of events with this value.")
    share: float = Field(description="Share of `total_events`, from 0 to 1.")


class TopResponse(AnalyticsResponse):
    model_config = example_of(
        by="event_type",
        key=None,
        total_events=3,
        distinct_values=2,
        rows=[
            {"value": "email_opened", "entity_type": None, "events": 2, "share": 0.6667},
            {"value": "project_created", "entity_type": None, "events": 1, "share": 0.3333},
        ],
        other_events=0,
        note=None,
    )

    by: str = Field(description="Dimension whose values are counted.")
    key: str | None = Field(description="Metadata key whose values are counted.")
    total_events: int = Field(description="Number of events that have a value, listed or not.")
    distinct_values: int = Field(
        description="Number of distinct values, listed or not. Types, categories, actions and "
        "devices that are not counted separately are not included."
    )
    rows: list[TopRowOut] = Field(description="The most frequent values, in descending order.")
    other_events: int = Field(
        description="Number of `total_events` whose value is not listed; 0 with `elements`."
    )
    note: str | None = Field(
        description="Explains why there are no rows, if no event has the `key`."
    )


class DurationOut(ApiModel):
    event_type: EventType
    events: int = Field(description="Number of events of this type that have a duration.")
    mean_ms: float = Field(description="Mean duration in milliseconds.")
    p50_ms: float = Field(description="Median duration in milliseconds.")
    p90_ms: float = Field(description="90th percentile of the durations, in milliseconds.")
    p99_ms: float = Field(description="99th percentile of the durations, in milliseconds.")


class DurationsResponse(AnalyticsResponse):
    model_config = example_of(
        rows=[
            {"event_type": "email_opened", "events": 2, "mean_ms": 1500.0, "p50_ms": 1500.0,
             "p90_ms": 1900.0, "p99_ms": 1990.0}
        ]
    )  # fmt: skip

    rows: list[DurationOut] = Field(
        description="One row for each event type, in descending order of events."
    )


class HeatmapResponse(AnalyticsResponse):
    model_config = example_of(
        total_events=1,
        weekdays=["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        events=[[0] * 9 + [1] + [0] * 14, *([0] * 24 for _ in range(6))],
    )

    total_events: TotalEvents
    weekdays: list[str] = Field(description="Names of the weekdays, beginning with `week_start`.")
    events: list[list[int]] = Field(
        description="Number of events as `events[weekday][hour]`, in the order of `weekdays`."
    )
