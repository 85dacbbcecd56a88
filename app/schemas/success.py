"""Query parameters and response of the success metrics."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.schemas.examples import AT
from app.schemas.queries import Query
from app.schemas.responses import ApiModel, example

DAYS_MAX = 31


class SuccessQuery(Query):
    days: int = Field(
        default=28, ge=1, le=DAYS_MAX, description="Number of days to evaluate, until now."
    )


class SuccessMetricOut(ApiModel):
    """A metric and its target; `value` and `met` are null without enough data."""

    name: Literal["capture_rate", "overhead_p95", "events_per_active_user_and_week", "errors"] = (
        Field(description="Name of the metric.")
    )
    value: float | None = Field(description="Value of the metric.")
    unit: str = Field(description="Unit of `value`.")
    target: str = Field(description="Target for `value`, such as `>= 0.99`.")
    met: bool | None = Field(description="True if the target is met.")
    sample: dict[str, int] = Field(description="Numbers that `value` is computed from.")
    computed: str = Field(description="Definition of the metric.")


class SuccessResponse(ApiModel):
    model_config = example(
        days=28,
        generated_at=AT,
        metrics=[
            {
                "name": "capture_rate",
                "value": 0.9987,
                "unit": "share of events",
                "target": ">= 0.99",
                "met": True,
                "sample": {"sessions": 310, "events": 7990, "numbers_given": 8000},
                "computed": "...",
            }
        ],
    )

    days: int = Field(description="Number of days that were evaluated.")
    generated_at: datetime = Field(description="Time at which the response was computed.")
    metrics: list[SuccessMetricOut] = Field(description="The metrics, in a fixed order.")
