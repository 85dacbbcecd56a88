"""The part of the settings that says what is told of the service's own work."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class WatchSettings(BaseSettings):
    """A part of `app.settings.Settings`."""

    log_format: Literal["text", "json"] = Field(
        default="text", description="How the log is written: for people, or a JSON object a line."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least of what the service says that goes into its log."
    )
    log_requests: Literal["none", "notable", "all"] = Field(
        default="notable",
        description="Which requests have a line in the log; `notable` are those answered with 5xx, "
        "the slow ones, and those whose answer failed on its way.",
    )
    log_slow_ms: int = Field(
        default=1000, ge=0, description="A request that took as long is a slow one."
    )
