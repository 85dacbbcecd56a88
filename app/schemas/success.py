"""The parameters of the success metrics, and the answer."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.schemas.answers import Answer, example
from app.schemas.examples import AT
from app.schemas.queries import Query

DAYS_MAX = 31


class SuccessQuery(Query):
    days: int = Field(default=28, ge=1, le=DAYS_MAX, description="The last so many days.")


class SuccessMetricOut(Answer):
    """`value` and `met` are null where there is too little to tell."""

    name: Literal["capture_rate", "overhead_p95", "events_per_active_user_and_week", "errors"]
    value: float | None
    unit: str
    target: str
    met: bool | None
    sample: dict[str, int] = Field(description="Of how many.")
    computed: str = Field(description="How.")


class SuccessAnswer(Answer):
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

    days: int
    generated_at: datetime
    metrics: list[SuccessMetricOut]
