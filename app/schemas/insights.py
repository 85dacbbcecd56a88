"""The parameters of the insights routes, and what they answer with."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from app.schemas.answers import Answer, example
from app.schemas.email import EmailAddress
from app.schemas.examples import AT, ID
from app.schemas.queries import WindowQuery, one

TOKENS_MAX = 32_000

Confidence = Literal["not enough data", "low", "medium", "high"]


class InsightQuery(WindowQuery):
    user_email: Annotated[
        list[EmailAddress], one("Whose; a user token's own user needs no naming.")
    ]


class ContextQuery(InsightQuery):
    purpose: Literal["standup", "project_wizard", "email_categorization"] = Field(
        default="standup", description="What it is for: what comes first."
    )
    max_tokens: int = Field(
        default=1500, ge=100, le=TOKENS_MAX, description="The text has at most so many tokens."
    )
    format: Literal["json", "text"] = Field(
        default="json", description="`text` is the text alone, to paste into a prompt."
    )


class PatternsQuery(InsightQuery):
    pass


class LineOut(Answer):
    section: Literal[
        "summary", "days", "completed", "open", "projects", "emails", "runs", "patterns"
    ]
    text: str
    event_ids: list[UUID] = Field(description="Of the events that it is about, the latest first.")
    events: int = Field(description="How many those are, listed or not.")


class ContextAnswer(Answer):
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

    user_email: str
    purpose: str
    start: datetime
    end: datetime
    timezone: str
    text: str = Field(description="For a prompt: `[1]` is the first of `lines`.")
    lines: list[LineOut]
    omitted: int = Field(description="Lines that there was no room for.")
    tokens_at_most: int = Field(description="A bound on the tokens of `text`, in any tokenizer.")
    context_hash: str = Field(description="Of `text` and the ids: the same for the same events.")
    events_read: int
    truncated: bool = Field(description="Older events of the window were left out.")
    opted_out: bool = Field(description="The user doesn't want this: there is nothing.")


class FindingOut(Answer):
    value: Any = Field(description="Null where there is not enough data.")
    samples: int = Field(description="How many events, pairs or things it is made of.")
    confidence: Confidence
    spread: Any


FINDING = {"value": [9, 14, 10], "samples": 64, "confidence": "high", "spread": {"9": 0.25}}
NOTHING = {"value": None, "samples": 2, "confidence": "not enough data", "spread": None}


class PatternsAnswer(Answer):
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

    user_email: str
    start: datetime
    end: datetime
    timezone: str
    most_productive_hours: FindingOut = Field(
        description="Hours of the day with the most work done, the best first; `spread` is the "
        "share of each hour."
    )
    preferred_project_priorities: FindingOut = Field(
        description="Of the user's projects, the most frequent first; `spread` has the shares."
    )
    avg_task_completion_time: FindingOut = Field(
        description="From a sub-task's creation to its completion; `spread` has the quartiles and "
        "the mean."
    )
    task_duration: FindingOut = Field(description="The same, by the `duration_ms` of completions.")
    email_response_time: FindingOut = Field(
        description="From an email's first opening to the reply to the same email."
    )
    feature_usage: FindingOut = Field(
        description="By category; `trend` is the change from the first half of the window."
    )
    focus_sessions: FindingOut = Field(
        description="Stretches of 25 minutes and more without a pause of 30, mostly of one kind."
    )
    streak: FindingOut = Field(
        description="Working days without a gap: the longest, and up to today."
    )
    weekday_profile: FindingOut = Field(description="The share of each weekday, Monday first.")
    events_read: int
    truncated: bool
    opted_out: bool
