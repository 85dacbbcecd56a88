"""What the analytics routes answer with."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.schemas.answers import Answer
from app.schemas.examples import STATS, STEPS, WINDOW


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [{**fields, **WINDOW}]})


class AnalyticsAnswer(Answer):
    """What every analytics answer says about itself."""

    start: datetime
    end: datetime
    timezone: str
    generated_at: datetime
    source: Literal["events", "totals", "user_days", "sessions"] = Field(
        description="Where the answer is from: the events themselves, or what is counted beside "
        "them in the same transactions."
    )
    rows_read: int = Field(description="Of that source.")
    truncated: bool = Field(description="A limit left something out of the lists.")


class SummaryAnswer(AnalyticsAnswer):
    model_config = _example(
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
    model_config = _example(
        bucket="day",
        split_by=None,
        total_events=3,
        buckets=["2026-11-16T00:00:00Z", "2026-11-17T00:00:00Z"],
        series=[{"value": None, "is_other": False, "total": 3, "events": [1, 2]}],
        previous=None,
    )

    previous: EarlierAnswer | None = Field(description="The window before, with `compare`.")


class TopRowOut(Answer):
    value: str | None
    entity_type: str | None = Field(description="Of `by=entity`.")
    events: int
    share: float = Field(description="Of `total_events`, from 0 to 1.")


class TopAnswer(AnalyticsAnswer):
    model_config = _example(
        by="event_type",
        key=None,
        total_events=3,
        distinct_values=2,
        rows=[
            {"value": "email_opened", "entity_type": None, "events": 2, "share": 0.6667},
            {"value": "project_created", "entity_type": None, "events": 1, "share": 0.3333},
        ],
    )

    by: str
    key: str | None
    total_events: int = Field(description="Those that have a value, listed or not.")
    distinct_values: int
    rows: list[TopRowOut]


class ActiveDayOut(Answer):
    day: date
    dau: int = Field(description="Users active on the day.")
    wau: int = Field(description="Users active in the 7 days that end with it.")
    mau: int = Field(description="Users active in the 30 days that end with it.")
    stickiness: float = Field(description="`dau / mau`.")
    new: int = Field(description="Of `dau`, those who were never active before the day.")
    returning: int


class ActiveUsersAnswer(AnalyticsAnswer):
    model_config = _example(
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
    model_config = _example(
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
    dropped: int = Field(description="Reached this step, and no further one.")
    median_ms: float | None = Field(description="From the step before.")
    p90_ms: float | None


class FunnelGroupOut(Answer):
    value: str | None
    steps: list[FunnelStepOut]


class FunnelAnswer(AnalyticsAnswer):
    model_config = _example(
        order="loose",
        within_minutes=10080,
        users=4,
        converted=1,
        conversion=0.25,
        steps=STEPS,
        groups=[],
        user_emails=["ada@example.com"],
    )

    order: Literal["loose", "strict"]
    within_minutes: int
    users: int = Field(description="Who reached the first step.")
    converted: int = Field(description="Who reached the last one.")
    conversion: float
    steps: list[FunnelStepOut]
    groups: list[FunnelGroupOut] = Field(description="With `split_by`.")
    user_emails: list[str] | None = Field(description="With `users_at`.")


class LinkOut(Answer):
    step: int
    source: str
    target: str | None = Field(description="Null: the path ends there.")
    events: int


class PathsAnswer(AnalyticsAnswer):
    model_config = _example(
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
    model_config = _example(
        rows=[
            {"event_type": "email_opened", "events": 2, "mean_ms": 1500.0, "p50_ms": 1500.0,
             "p90_ms": 1900.0, "p99_ms": 1990.0}
        ]
    )  # fmt: skip

    rows: list[DurationOut]


class HeatmapAnswer(AnalyticsAnswer):
    model_config = _example(
        total_events=1,
        weekdays=["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        events=[[0] * 9 + [1] + [0] * 14, *([0] * 24 for _ in range(6))],
    )

    total_events: int
    weekdays: list[str]
    events: list[list[int]] = Field(description="`events[weekday][hour]`, Monday first.")


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
    model_config = _example(
        total=STATS, made_by_time=1, rows=[{"day": "2026-11-16", "stats": STATS}]
    )

    total: SessionStatsOut
    made_by_time: int = Field(description="Of all, those of events without a session id.")
    rows: list[DaySessionsOut]
