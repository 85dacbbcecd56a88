"""The part of the settings that bounds what callers take: connections, bodies, rates."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

MIB = 1024 * 1024
EVENTS_MIN = 1000  # of one batch; one that can never be sent would be tried for ever


class HttpSettings(BaseSettings):
    """A part of `app.settings.Settings`."""

    connections_max: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Most open connections, in each process; 0 takes as many as the system's limit "
        "of open files leaves, and at most 4096. Beyond that, idle connections are closed for new "
        "ones, or there is a 503 with Retry-After.",
    )
    bodies_max_bytes: int = Field(
        default=64 * MIB,
        ge=1 * MIB,
        description="Most bytes of request bodies that a process holds at one time, on the wire "
        "and unzipped; beyond that, 503 with Retry-After. One caller gets at most half of it.",
    )
    rate_limit_key_events_per_minute: int = Field(
        default=6_000_000,
        ge=0,
        description="Most events a minute of one key; 0 is no limit, else at least 1000.",
    )
    rate_limit_user_events_per_minute: int = Field(
        default=120_000,
        ge=0,
        description="Most events a minute of one user's tokens; 0 is no limit, else at least 1000.",
    )
    rate_limit_key_bytes_per_minute: int = Field(
        default=2048 * MIB,
        ge=0,
        description="Most bytes of bodies a minute of one key, unzipped; 0 is no limit, else at "
        "least `ACTIVITY_BODY_MAX_INFLATED_BYTES`.",
    )
    rate_limit_user_bytes_per_minute: int = Field(
        default=128 * MIB,
        ge=0,
        description="Most bytes of bodies a minute of one user's tokens, unzipped; 0 is no limit, "
        "else at least `ACTIVITY_BODY_MAX_INFLATED_BYTES`.",
    )

    @field_validator("rate_limit_key_events_per_minute", "rate_limit_user_events_per_minute")
    @classmethod
    def _has_room_for_a_batch(cls, value: int) -> int:
        if 0 < value < EVENTS_MIN:
            raise ValueError(f"must be 0 (no limit) or at least {EVENTS_MIN}")
        return value
