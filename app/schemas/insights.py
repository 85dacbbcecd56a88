"""The parameters of the insights routes, and what they answer with."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from app.schemas.answers import Answer, example
from app.schemas.email import EmailAddress
from app.schemas.examples import AT, ID
from app.schemas.queries import Query, WindowQuery, one

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


class NextActionsQuery(Query):
    user_email: Annotated[
        list[EmailAddress], one("Whose; a user token's own user needs no naming.")
    ]
    limit: int = Field(default=3, ge=1, le=20)


class CalibrationQuery(WindowQuery):
    user_email: Annotated[
        list[EmailAddress], one("Whose predictions; without, everybody's, or a user token's own.")
    ]


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


class NextActionOut(Answer):
    event_type: str
    probability: float
    entity_type: str | None
    entity_id: str | None = Field(description="Where the user mostly stays with the same thing.")


class NextActionsAnswer(Answer):
    model_config = example(
        user_email="ada@example.com",
        actions=[
            {
                "event_type": "email_archived",
                "probability": 0.62,
                "entity_type": "email",
                "entity_id": "m-7",
            }
        ],
        after=["", "email_opened"],
        samples=41,
        confidence="medium",
        source="user",
        events_read=412,
        opted_out=False,
    )

    user_email: str
    actions: list[NextActionOut]
    after: list[str] = Field(
        description="The longest series of types up to now that was seen before; an empty text is "
        "the beginning of a session."
    )
    samples: int = Field(description="How often something followed it.")
    confidence: Confidence
    source: Literal["user", "everybody", "nothing"]
    events_read: int
    opted_out: bool


class BinOut(Answer):
    low: float
    high: float
    predictions: int
    mean_probability: float | None = Field(description="Of the first choices.")
    hit_rate: float | None = Field(description="How often the first choice came.")


class CalibrationAnswer(Answer):
    model_config = example(
        start=AT,
        end=AT,
        predictions=412,
        pending=3,
        hit_at_1=0.62,
        hit_at_3=0.83,
        brier=0.51,
        log_loss=1.09,
        calibration_error=0.03,
        bins=[
            {
                "low": 0.6,
                "high": 0.7,
                "predictions": 412,
                "mean_probability": 0.65,
                "hit_rate": 0.62,
            }
        ],
    )

    start: datetime
    end: datetime
    predictions: int = Field(description="Scored ones that were served on these days (UTC).")
    pending: int = Field(description="Served ones whose next event hasn't come.")
    hit_at_1: float | None = Field(description="How often the first choice came.")
    hit_at_3: float | None = Field(description="How often one of the first three came.")
    brier: float | None = Field(
        description="The mean of the summed squared errors over all types: 0 is best, 2 worst."
    )
    log_loss: float | None = Field(description="The mean of -ln of what came; 0 is best.")
    calibration_error: float | None = Field(
        description="How far `mean_probability` and `hit_rate` are apart, on the average."
    )
    bins: list[BinOut] = Field(description="By the first choice's probability, in tenths.")
