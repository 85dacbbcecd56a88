"""The fields that all analytics responses share."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from app.schemas.examples import WINDOW
from app.schemas.fields import Timezone, WindowEnd, WindowStart, plain
from app.schemas.responses import ApiModel

EventType = Annotated[str, plain("Event type.")]


def example_of(**fields: Any) -> ConfigDict:
    """Return a model's configuration with an example: these fields and the shared ones."""
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [{**fields, **WINDOW}]})


class AnalyticsResponse(ApiModel):
    """The window that was analysed and where the numbers come from."""

    start: WindowStart
    end: WindowEnd
    timezone: Timezone
    generated_at: datetime = plain("Time at which the response was computed.")
    source: Literal["events", "totals", "user_days", "sessions"] = Field(
        description="Data that the response is computed from: the events themselves, or counts "
        "that are kept up to date in the same transactions (`totals`, `user_days`, `sessions`)."
    )
    rows_read: int = Field(description="Number of rows read from that source.")
    truncated: bool = Field(description="True if a limit left something out of the lists.")
