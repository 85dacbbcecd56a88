"""What every analytics answer says about itself."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.schemas.answers import Answer
from app.schemas.examples import WINDOW


def example_of(**fields: Any) -> ConfigDict:
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
