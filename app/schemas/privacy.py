"""Bodies of the privacy routes."""

from pydantic import BaseModel, ConfigDict, Field


class OptOutIn(BaseModel):
    """True is opted out; what is not named stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"analytics": True, "learning": True}]},
    )

    analytics: bool | None = Field(default=None, description="Recording, and all analytics.")
    ai_context: bool | None = Field(default=None, description="What assistants read.")
    learning: bool | None = Field(default=None, description="What is learned from the events.")
