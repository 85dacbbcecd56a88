"""Query parameters and responses of the insights routes."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from app.schemas.examples import AT, ID
from app.schemas.fields import (
    EventsRead,
    EvidenceEventCount,
    OlderTruncated,
    OptedOut,
    Timezone,
    UserEmail,
    WindowEnd,
    WindowStart,
    plain,
)
from app.schemas.queries import OneUser, WindowQuery
from app.schemas.responses import ApiModel, example

TOKENS_MAX = 32_000

Confidence = Annotated[
    Literal["not enough data", "low", "medium", "high"],
    plain("Confidence in the value, by the number of samples."),
]
EvidenceIds = Annotated[list[UUID], plain("Ids of the latest underlying events, newest first.")]


class InsightQuery(WindowQuery):
    user_email: OneUser


class ContextQuery(InsightQuery):
    purpose: Literal["standup", "project_wizard", "email_categorization"] = Field(
        default="standup", description="Use of the context; it decides which lines come first."
    )
    max_tokens: int = Field(
        default=1500, ge=100, le=TOKENS_MAX, description="Maximum number of tokens of `text`."
    )
    format: Literal["json", "text"] = Field(
        default="json",
        description="Response format: `json`, or `text` for the plain text, ready for a prompt.",
    )


class PatternsQuery(InsightQuery):
    pass


class LineOut(ApiModel):
    section: Literal[
        "summary", "days", "completed", "open", "projects", "emails", "runs", "patterns"
    ] = plain("Section of the context that the line belongs to.")
    text: str = plain("The line without its number.")
    event_ids: EvidenceIds
    events: EvidenceEventCount


class ContextResponse(ApiModel):
    model_config = example(
        user_email="ada@example.com",
        purpose="standup",
        start=AT,
        end=AT,
        timezone="UTC",
        text="[1] 1 action on 1 day; most active on Fri 20 Nov (1)",
        lines=[
            {
                "section": "summary",
                "text": "1 action on 1 day; most active on Fri 20 Nov (1)",
                "event_ids": [ID],
                "events": 1,
            }
        ],
        omitted=0,
        tokens_at_most=30,
        context_hash="0" * 64,
        events_read=1,
        truncated=False,
        opted_out=False,
    )

    user_email: UserEmail
    purpose: str = plain("Use of the context.")
    start: WindowStart
    end: WindowEnd
    timezone: Timezone
    text: str = Field(description="The context for a prompt; `[1]` refers to the first of `lines`.")
    lines: list[LineOut] = plain("The lines of the context, with the events behind them.")
    omitted: int = Field(description="Number of lines that exceeded `max_tokens`.")
    tokens_at_most: int = Field(description="Upper bound of the tokens of `text`.")
    context_hash: str = Field(description="Hash of `text` and the ids: equal for equal events.")
    events_read: EventsRead
    truncated: OlderTruncated
    opted_out: OptedOut


class FindingOut(ApiModel):
    value: Any = Field(description="Null if there is not enough data.")
    samples: int = Field(description="Number of events, pairs or items behind the value.")
    confidence: Confidence
    spread: Any = plain("Distribution behind the value, such as shares or quartiles.")


FINDING = {"value": [9, 14, 10], "samples": 64, "confidence": "high", "spread": {"9": 0.25}}
NOTHING = {"value": None, "samples": 2, "confidence": "not enough data", "spread": None}


class PatternsResponse(ApiModel):
    model_config = example(
        user_email="ada@example.com",
        start=AT,
        end=AT,
        timezone="UTC",
        most_productive_hours=FINDING,
        **dict.fromkeys(
            (
                "preferred_project_priorities",
                "avg_task_completion_time",
                "task_duration",
                "email_response_time",
                "feature_usage",
                "focus_sessions",
                "streak",
                "weekday_profile",
            ),
            NOTHING,
        ),
        events_read=64,
        truncated=False,
        opted_out=False,
    )

    user_email: UserEmail
    start: WindowStart
    end: WindowEnd
    timezone: Timezone
    most_productive_hours: FindingOut = Field(
        description="Hours of the day with the most work completed, best first; `spread` has the "
        "share of each hour."
    )
    preferred_project_priorities: FindingOut = Field(
        description="Priorities of the user's projects, most frequent first; `spread` has the "
        "shares."
    )
    avg_task_completion_time: FindingOut = Field(
        description="Time from a sub-task's creation to its completion, in milliseconds; `spread` "
        "has the quartiles and the mean."
    )
    task_duration: FindingOut = Field(
        description="The same, measured by the `duration_ms` of completions."
    )
    email_response_time: FindingOut = Field(
        description="Time from first opening an email to replying to it, in milliseconds."
    )
    feature_usage: FindingOut = Field(
        description="Events by category; `trend` is the change between the halves of the window."
    )
    focus_sessions: FindingOut = Field(
        description="Periods of at least 25 minutes without a break of 30 minutes, mostly in one "
        "category."
    )
    streak: FindingOut = Field(
        description="Consecutive working days: the longest streak and the current one."
    )
    weekday_profile: FindingOut = Field(description="Share of each weekday, Monday first.")
    events_read: EventsRead
    truncated: OlderTruncated
    opted_out: OptedOut
