"""Responses of the analytics routes about users: activity, retention, funnels, paths, sessions."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from app.schemas.analytics_response import AnalyticsResponse, EventType, example_of
from app.schemas.examples import STATS, STEPS
from app.schemas.responses import ApiModel


class ActiveDayOut(ApiModel):
    day: date = Field(description="Local day.")
    dau: int = Field(description="Daily active users.")
    wau: int = Field(description="Weekly active users: of the 7 days ending with this day.")
    mau: int = Field(description="Monthly active users: of the 30 days ending with this day.")
    stickiness: float = Field(description="`dau / mau`.")
    new: int = Field(description="Active users who were never active before this day.")
    returning: int = Field(description="Active users who were active before this day.")


class ActiveUsersResponse(AnalyticsResponse):
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

    active_users: int = Field(description="Users active on any of the days.")
    new_users: int = Field(description="Users whose first activity ever lies on one of the days.")
    rows: list[ActiveDayOut] = Field(description="One row for each local day, in order.")


class CohortOut(ApiModel):
    cohort: date = Field(description="First day of the cohort's period.")
    size: int = Field(description="Number of users whose first activity lies in the period.")
    users: list[int | None] = Field(
        description="Users of the cohort active in the n-th period after; null for future periods."
    )
    rates: list[float | None] = Field(
        description="`users` as a share of `size`; null for future periods."
    )


class RetentionResponse(AnalyticsResponse):
    model_config = example_of(
        period="day",
        rows=[
            {"cohort": "2026-11-16", "size": 2, "users": [2, 1], "rates": [1.0, 0.5]},
            {"cohort": "2026-11-17", "size": 1, "users": [1, None], "rates": [1.0, None]},
        ],
    )

    period: Literal["day", "week", "month"] = Field(
        description="Length of a cohort and of the periods that follow it."
    )
    rows: list[CohortOut] = Field(description="One row for each cohort, in order.")


class FunnelStepOut(ApiModel):
    step: int = Field(description="Number of the step, from 1.")
    event_type: EventType
    users: int = Field(description="Users who reached this step.")
    share_of_first: float = Field(description="`users` as a share of the users of the first step.")
    share_of_previous: float = Field(
        description="`users` as a share of the users of the previous step."
    )
    dropped: int | None = Field(
        description="Users who reached this step but not the next; null for the last step."
    )
    median_ms: float | None = Field(
        description="Median time from the previous step, in milliseconds."
    )
    p90_ms: float | None = Field(
        description="90th percentile of the time from the previous step, in milliseconds."
    )


class FunnelGroupOut(ApiModel):
    value: Any = Field(description="Value of the group: text, or any JSON from the metadata.")
    has_value: bool = Field(
        description="False for the group of users whose first step has no such value. Null in the "
        "metadata counts as a value."
    )
    steps: list[FunnelStepOut] = Field(description="The funnel of this group.")


class FunnelResponse(AnalyticsResponse):
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

    order: Literal["loose", "strict"] = Field(
        description="Whether other events are allowed between the steps."
    )
    within_minutes: int = Field(description="Conversion window in minutes.")
    users: int = Field(description="Users who reached the first step.")
    converted: int = Field(description="Users who reached the last step.")
    conversion: float = Field(description="`converted` as a share of `users`.")
    steps: list[FunnelStepOut] = Field(description="The funnel of all users, in order.")
    groups: list[FunnelGroupOut] = Field(description="The funnel of each group, with `split_by`.")
    user_emails: list[str] | None = Field(
        description="Email addresses of users at the step `users_at`; null without `users_at`."
    )
    complete_before: datetime = Field(
        description="Users who started before this time have had the full conversion window. Users "
        "who started later may still convert."
    )


class LinkOut(ApiModel):
    step: int = Field(description="Number of the step, from 1.")
    source: str = Field(description="Event type at the end of the link nearer to the anchor.")
    target: str | None = Field(
        description="Event type at the other end; null if the path ends at `source`."
    )
    events: int = Field(description="Number of paths that take this link.")


class PathsResponse(AnalyticsResponse):
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

    anchor: str = Field(description="Event type at which the paths start.")
    direction: Literal["after", "before"] = Field(
        description="Whether the paths lead to the events after or before the anchor."
    )
    steps: int = Field(description="Maximum number of steps of a path.")
    occurrences: int = Field(description="Number of events of the anchor's type.")
    links: list[LinkOut] = Field(
        description="Links between event types, by step, most frequent first."
    )


class SessionStatsOut(ApiModel):
    sessions: int = Field(description="Number of sessions.")
    events: int = Field(description="Number of events in the sessions.")
    events_per_session: float | None = Field(
        description="Mean number of events per session; null without sessions."
    )
    bounces: int = Field(description="Sessions with a single event.")
    bounce_rate: float | None = Field(
        description="`bounces` as a share of `sessions`; null without sessions."
    )
    mean_length_ms: float | None = Field(
        description="Mean time from the first to the last event, in milliseconds."
    )
    median_length_ms: float | None = Field(description="Median length in milliseconds.")
    p90_length_ms: float | None = Field(
        description="90th percentile of the lengths, in milliseconds."
    )


class DaySessionsOut(ApiModel):
    day: date = Field(description="Local day on which the sessions started.")
    stats: SessionStatsOut = Field(description="Statistics of these sessions.")


class SessionsResponse(AnalyticsResponse):
    model_config = example_of(
        total=STATS, made_by_time=1, rows=[{"day": "2026-11-16", "stats": STATS}]
    )

    total: SessionStatsOut = Field(description="Statistics of all sessions in the window.")
    made_by_time: int = Field(
        description="Number of sessions derived from the times of events without a session id."
    )
    rows: list[DaySessionsOut] = Field(description="One row for each local day, in order.")
