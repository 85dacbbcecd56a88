"""What the analytics routes answer with."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from app.schemas.analytics_about import AnalyticsAnswer, example_of
from app.schemas.answers import Answer
from app.schemas.examples import STATS, STEPS


class OtherEventsOut(Answer):
    event_category: int
    event_type: int
    device_type: int


class SummaryAnswer(AnalyticsAnswer):
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

    total_events: int
    events_by_category: dict[str, int]
    events_by_type: dict[str, int]
    most_active_day: date | None
    most_common_action: str | None
    events_by_day: dict[date, int]
    events_by_hour: list[int] = Field(min_length=24, max_length=24)
    events_by_device: dict[str, int]
    unique_sessions: int
    avg_duration_ms_by_type: dict[str, float]
    other_events: OtherEventsOut = Field(
        description="Events whose category, type or device is not listed above: the rarest values "
        "of more than 500, and those of days with more kinds of events than are counted separately."
    )


class SeriesOut(Answer):
    value: str | None = Field(description="Null for the whole, and for `is_other`.")
    is_other: bool = Field(description="All values that are not listed.")
    total: int
    events: list[int] = Field(description="One number for each of `buckets`.")


class Buckets(Answer):
    bucket: Literal["minute", "hour", "day", "week", "month"]
    split_by: str | None
    total_events: int
    buckets: list[datetime] = Field(description="Where each begins, on the clock of `tz`.")
    series: list[SeriesOut]


class EarlierAnswer(Buckets):
    previous: None = Field(description="Nothing is compared with this.")


class TimeseriesAnswer(Buckets, AnalyticsAnswer):
    model_config = example_of(
        bucket="day",
        split_by=None,
        total_events=3,
        buckets=["2026-11-16T00:00:00Z", "2026-11-17T00:00:00Z"],
        series=[{"value": None, "is_other": False, "total": 3, "events": [1, 2]}],
        previous=None,
    )

    previous: EarlierAnswer | None = Field(description="The window before, with `compare`.")


class TopRowOut(Answer):
    value: Any = Field(
        description="Text; with `by=metadata` any JSON. The filter `metadata` finds a row's events "
        "where the value is a text, number, boolean or null and `key` no path. The filter is "
        "containment: of a list or an object it finds those whose value contains it, too; of a "
        "path, those that have the value there and also a key of the path's very name."
    )
    entity_type: str | None = Field(description="Of `by=entity`.")
    events: int
    share: float = Field(description="Of `total_events`, from 0 to 1.")


class TopAnswer(AnalyticsAnswer):
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

    by: str
    key: str | None
    total_events: int = Field(description="Those that have a value, listed or not.")
    distinct_values: int = Field(
        description="Of types, categories, actions and devices, as far as they are counted "
        "separately."
    )
    rows: list[TopRowOut]
    other_events: int = Field(
        description="Those of `total_events` whose value is not listed; 0 with `elements`."
    )
    note: str | None = Field(description="Why there are no rows: no event has the `key`.")


class ActiveDayOut(Answer):
    day: date
    dau: int = Field(description="Users active on the day.")
    wau: int = Field(description="Users active in the 7 days that end with it.")
    mau: int = Field(description="Users active in the 30 days that end with it.")
    stickiness: float = Field(description="`dau / mau`.")
    new: int = Field(description="Of `dau`, those who were never active before the day.")
    returning: int


class ActiveUsersAnswer(AnalyticsAnswer):
    model_config = example_of(
        active_users=2,
        new_users=1,
        rows=[
            {"day": "2026-11-16", "dau": 1, "wau": 1, "mau": 1, "stickiness": 1.0, "new": 0,
             "returning": 1},
            {"day": "2026-11-17", "dau": 1, "wau": 2, "mau": 2, "stickiness": 0.5, "new": 1,
             "returning": 0},
        ],
    )  # fmt: skip

    active_users: int
    new_users: int
    rows: list[ActiveDayOut]


class CohortOut(Answer):
    cohort: date
    size: int
    users: list[int | None] = Field(description="Active in the n-th period after; null is future.")
    rates: list[float | None]


class RetentionAnswer(AnalyticsAnswer):
    model_config = example_of(
        period="day",
        rows=[
            {"cohort": "2026-11-16", "size": 2, "users": [2, 1], "rates": [1.0, 0.5]},
            {"cohort": "2026-11-17", "size": 1, "users": [1, None], "rates": [1.0, None]},
        ],
    )

    period: Literal["day", "week", "month"]
    rows: list[CohortOut]


class FunnelStepOut(Answer):
    step: int
    event_type: str
    users: int
    share_of_first: float
    share_of_previous: float
    dropped: int | None = Field(
        description="Reached this step, and no further one; null for the last step."
    )
    median_ms: float | None = Field(description="From the step before.")
    p90_ms: float | None


class FunnelGroupOut(Answer):
    value: Any = Field(description="Text, or any JSON of the metadata.")
    has_value: bool = Field(
        description="False for the users whose first step has no such value; a null of the "
        "metadata is a value."
    )
    steps: list[FunnelStepOut]


class FunnelAnswer(AnalyticsAnswer):
    model_config = example_of(
        order="loose",
        within_minutes=10080,
        users=4,
        converted=1,
        conversion=0.25,
        steps=STEPS,
        groups=[],
        user_emails=["ada@example.com"],
        complete_before="2026-11-13T12:00:00Z",
    )

    order: Literal["loose", "strict"]
    within_minutes: int
    users: int = Field(description="Who reached the first step.")
    converted: int = Field(description="Who reached the last one.")
    conversion: float
    steps: list[FunnelStepOut]
    groups: list[FunnelGroupOut] = Field(description="With `split_by`.")
    user_emails: list[str] | None = Field(description="With `users_at`.")
    complete_before: datetime = Field(
        description="Who began before then has had all of `within_minutes` to convert; the others "
        "may do so yet."
    )


class LinkOut(Answer):
    step: int
    source: str
    target: str | None = Field(description="Null: the path ends there.")
    events: int


class PathsAnswer(AnalyticsAnswer):
    model_config = example_of(
        anchor="email_opened",
        direction="after",
        steps=2,
        occurrences=3,
        links=[
            {"step": 1, "source": "email_opened", "target": "email_replied", "events": 2},
            {"step": 1, "source": "email_opened", "target": None, "events": 1},
            {"step": 2, "source": "email_replied", "target": None, "events": 2},
        ],
    )

    anchor: str
    direction: Literal["after", "before"]
    steps: int
    occurrences: int
    links: list[LinkOut]


class DurationOut(Answer):
    event_type: str
    events: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float


class DurationsAnswer(AnalyticsAnswer):
    model_config = example_of(
        rows=[
            {"event_type": "email_opened", "events": 2, "mean_ms": 1500.0, "p50_ms": 1500.0,
             "p90_ms": 1900.0, "p99_ms": 1990.0}
        ]
    )  # fmt: skip

    rows: list[DurationOut]


class HeatmapAnswer(AnalyticsAnswer):
    model_config = example_of(
        total_events=1,
        weekdays=["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        events=[[0] * 9 + [1] + [0] * 14, *([0] * 24 for _ in range(6))],
    )

    total_events: int
    weekdays: list[str]
    events: list[list[int]] = Field(description="`events[weekday][hour]`, as `weekdays` has them.")


class SessionStatsOut(Answer):
    sessions: int
    events: int
    events_per_session: float | None
    bounces: int = Field(description="Sessions of a single event.")
    bounce_rate: float | None
    mean_length_ms: float | None = Field(description="From the first event to the last.")
    median_length_ms: float | None
    p90_length_ms: float | None


class DaySessionsOut(Answer):
    day: date
    stats: SessionStatsOut


class SessionsAnswer(AnalyticsAnswer):
    model_config = example_of(
        total=STATS, made_by_time=1, rows=[{"day": "2026-11-16", "stats": STATS}]
    )

    total: SessionStatsOut
    made_by_time: int = Field(description="Of all, those of events without a session id.")
    rows: list[DaySessionsOut]
