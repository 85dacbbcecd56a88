"""The part of the settings that says where to read."""

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings


class ReplicaSettings(BaseSettings):
    """A part of `app.settings.Settings`."""

    read_database_url: str | None = Field(
        default=None,
        repr=False,
        validation_alias=AliasChoices("READ_DATABASE_URL", "ACTIVITY_READ_DATABASE_URL"),
        description="A streaming replica to read from, or several, as hosts of one libpq URL.",
    )
    read_max_lag_seconds: float = Field(
        default=10,
        gt=0,
        le=3600,
        validation_alias=AliasChoices("READ_MAX_LAG_SECONDS", "ACTIVITY_READ_MAX_LAG_SECONDS"),
        description="A replica that is further behind than this is not read from.",
    )
