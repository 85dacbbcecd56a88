"""Query parameters and responses of `GET /api/insights/next-actions` and its calibration."""

from typing import Annotated, Literal

from pydantic import Field

from app.schemas.email import EmailAddress
from app.schemas.examples import AT, ID
from app.schemas.fields import EventsRead, OptedOut, UserEmail, WindowEnd, WindowStart, plain
from app.schemas.insights import Confidence, EvidenceIds
from app.schemas.queries import OneUser, Query, WindowQuery, one
from app.schemas.responses import ApiModel, example


class NextActionsQuery(Query):
    user_email: OneUser
    limit: int = Field(default=3, ge=1, le=20, description="Maximum number of predicted actions.")
    tz: str = Field(
        default="UTC",
        max_length=64,
        description="IANA time zone of the hours in `suggestions`.",
        examples=["Europe/London"],
    )


class CalibrationQuery(WindowQuery):
    user_email: Annotated[
        list[EmailAddress],
        one(
            "Email address of the user whose predictions are evaluated. The default is all users, "
            "or with a user token its own user."
        ),
    ]


class NextActionOut(ApiModel):
    event_type: str = plain("Predicted event type.")
    probability: float = plain("Probability that it is the user's next event.")
    entity_type: str | None = plain("Type of the entity it will probably be about.")
    entity_id: str | None = Field(
        description="Set if the user mostly continues with the same entity."
    )


class EvidenceOut(ApiModel):
    times: int = plain("Number of times the habit was observed.")
    out_of: int = plain("Number of times it could have been observed.")
    share: float = plain("`times` as a share of `out_of`.")
    lower_bound: float = Field(
        description="Lower bound of the 95 % confidence interval of `share` (Wilson 1927)."
    )
    lift: float | None = Field(
        description="Minimum ratio to the share in all other cases: the lower bound divided by the "
        "upper bound of that share. Null if there are no other cases."
    )
    last_week: int = Field(description="Number of `times` in the last 7 days.")


class ThresholdOut(ApiModel):
    lower_bound: float = plain("Minimum of `evidence.lower_bound`.")
    out_of: int = plain("Minimum of `evidence.out_of`.")
    last_week: int = plain("Minimum of `evidence.last_week`.")
    lift: float | None = plain("Minimum of `evidence.lift`; null if it is not required.")


class WorkSuggestion(ApiModel):
    kind: Literal["email_rule", "sequence", "dropped", "email_hours", "schedule"] = plain(
        "Kind of suggestion."
    )
    text: str = Field(description="One sentence; text written by users is in double quotes.")
    evidence: EvidenceOut = plain("Observations that support the suggestion.")
    threshold: ThresholdOut = Field(description="Minimum values that the evidence had to reach.")
    event_ids: EvidenceIds


class NextActionsResponse(ApiModel):
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

    user_email: UserEmail
    actions: list[NextActionOut] = plain("Predicted next actions, most probable first.")
    after: list[str] = Field(
        description="Event types up to now that the prediction is based on: the longest sequence "
        "that occurred before. An empty string is the start of a session."
    )
    samples: int = Field(description="Number of times that sequence was followed by an event.")
    confidence: Confidence
    source: Literal["user", "everybody", "nothing"] = plain(
        "Events the prediction is based on: the user's own, those of all users, or none."
    )
    events_read: EventsRead
    opted_out: OptedOut
    suggestions: list[WorkSuggestion] = Field(
        description="Ways to save effort, best evidence first; at most 5."
    )


class BinOut(ApiModel):
    low: float = Field(description="Lower bound of the probability, inclusive.")
    high: float = Field(description="Upper bound of the probability, exclusive.")
    predictions: int = Field(description="Number of predictions in the bin.")
    mean_probability: float | None = Field(
        description="Mean probability of the first choices; null without predictions."
    )
    hit_rate: float | None = Field(
        description="Share of predictions whose first choice was right; null without predictions."
    )


class CalibrationResponse(ApiModel):
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

    start: WindowStart
    end: WindowEnd
    predictions: int = Field(
        description="Number of scored predictions that were served on these days (UTC)."
    )
    pending: int = Field(
        description="Number of served predictions whose user has had no event since."
    )
    hit_at_1: float | None = Field(description="Share of predictions whose first choice was right.")
    hit_at_3: float | None = Field(
        description="Share of predictions with the actual event among the first three choices."
    )
    brier: float | None = Field(
        description="Brier score: mean over the predictions of the squared errors, summed over all "
        "event types. 0 is best, 2 is worst."
    )
    log_loss: float | None = Field(
        description="Log loss: mean of -ln of the probability of the actual event. 0 is best."
    )
    calibration_error: float | None = Field(
        description="Expected calibration error: mean distance between `mean_probability` and "
        "`hit_rate`."
    )
    bins: list[BinOut] = Field(
        description="Reliability of the predictions, in ten bins by the first choice's probability."
    )
