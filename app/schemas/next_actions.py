"""The parameters of `GET /api/insights/next-actions` and its calibration, and the answers."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.schemas.answers import Answer, example
from app.schemas.email import EmailAddress
from app.schemas.examples import AT, ID
from app.schemas.insights import Confidence
from app.schemas.queries import Query, WindowQuery, one


class NextActionsQuery(Query):
    user_email: Annotated[
        list[EmailAddress], one("Whose; a user token's own user needs no naming.")
    ]
    limit: int = Field(default=3, ge=1, le=20)
    tz: str = Field(
        default="UTC",
        max_length=64,
        description="The IANA time zone of the hours in `suggestions`.",
        examples=["Europe/London"],
    )


class CalibrationQuery(WindowQuery):
    user_email: Annotated[
        list[EmailAddress], one("Whose predictions; without, everybody's, or a user token's own.")
    ]


class NextActionOut(Answer):
    event_type: str
    probability: float
    entity_type: str | None
    entity_id: str | None = Field(description="Where the user mostly stays with the same thing.")


class EvidenceOut(Answer):
    times: int
    out_of: int
    share: float
    lower_bound: float = Field(description="Of the share's 95 % interval (Wilson 1927).")
    lift: float | None = Field(
        description="How many times as often as otherwise, at the least: the lower bound over the "
        "upper bound of the share otherwise. Null where there is nothing to compare with."
    )
    last_week: int = Field(description="Of `times`, those of the last 7 days.")


class ThresholdOut(Answer):
    lower_bound: float
    out_of: int
    last_week: int
    lift: float | None


class SuggestionOut(Answer):
    kind: Literal["email_rule", "sequence", "dropped", "email_hours", "schedule"]
    text: str = Field(description="One sentence; what users wrote stands in double quotes.")
    evidence: EvidenceOut
    threshold: ThresholdOut = Field(description="What the evidence had to reach, all of it.")
    event_ids: list[UUID] = Field(description="Of the latest times, the latest first: 20 at most.")


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
        suggestions=[
            {
                "kind": "email_rule",
                "text": 'You archive emails labelled "newsletter" soon after opening them, 93% of '
                "the time, 12 times in the last 7 days: a rule could do that.",
                "evidence": {
                    "times": 41,
                    "out_of": 44,
                    "share": 0.9318,
                    "lower_bound": 0.8177,
                    "lift": 2.3,
                    "last_week": 12,
                },
                "threshold": {"lower_bound": 0.75, "out_of": 10, "last_week": 3, "lift": 1.5},
                "event_ids": [ID],
            }
        ],
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
    suggestions: list[SuggestionOut] = Field(
        description="What could be done with less effort, the best evidence first: 5 at most."
    )


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
