"""Configuration, read once from the environment. Each field is described here and in the README."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from app.settings_replica import ReplicaSettings
from app.settings_watch import WatchSettings

MIB = 1024 * 1024
SECRET_MIN_CHARS = 32
_MODEL = re.compile(r"[a-z0-9/-]+:\S+")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s?#@]+")


def _parts(value: object) -> object:
    """`a, b` -> `["a", "b"]`."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts)]
Secrets = Annotated[
    tuple[Annotated[SecretStr, Field(min_length=SECRET_MIN_CHARS)], ...],
    NoDecode,
    BeforeValidator(_parts),
]


PII_KEYS = (
    "name", "first_name", "last_name", "middle_name", "full_name", "display_name", "username",
    "user_name", "email", "user_email", "email_address", "phone", "phone_number", "mobile",
    "address", "street", "street_address", "postal_code", "zip_code", "date_of_birth", "birthday",
    "dob", "ssn", "passport", "tax_id", "iban", "card_number", "credit_card", "cvv", "ip",
    "ip_address", "password", "passwd", "secret", "token", "access_token", "refresh_token",
    "api_key", "authorization", "cookie",
)  # fmt: skip


class Settings(ReplicaSettings, WatchSettings):
    """Environment variables are `ACTIVITY_<FIELD>`; those with an alias go by that, too."""

    model_config = SettingsConfigDict(
        env_prefix="ACTIVITY_", frozen=True, extra="ignore", populate_by_name=True
    )

    database_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "ACTIVITY_DATABASE_URL"),
        description="PostgreSQL 15+ or Citus, as a libpq URL. Without it, the embedded PostgreSQL.",
    )
    data_dir: Path = Field(
        default=Path(".data"), description="Where the embedded PostgreSQL keeps its data."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("PORT", "ACTIVITY_PORT"),
        description="Port to listen on; 0 takes any free one.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        validation_alias=AliasChoices("ACTIVITY_WORKERS", "WEB_CONCURRENCY"),
        description="Processes that serve, on one socket; `WEB_CONCURRENCY` says the same.",
    )
    write_keys: Secrets = Field(
        default=(), description="Keys that may log events, separated by commas."
    )
    read_keys: Secrets = Field(
        default=(), description="Keys that may read all users' events, separated by commas."
    )
    admin_keys: Secrets = Field(
        default=(), description="Keys that may do everything, separated by commas."
    )
    metrics_keys: Secrets = Field(
        default=(), description="Keys that may read the service's metrics, separated by commas."
    )
    jwt_secret: SecretStr | None = Field(
        default=None,
        min_length=SECRET_MIN_CHARS,
        description="The secret that your application signs user tokens with (HS256).",
    )
    jwt_jwks: str | None = Field(
        default=None,
        description="File or URL of the public keys (JWKS) of user tokens (RS256, ES256).",
    )
    jwt_audience: str | None = Field(
        default=None, description="The audience (`aud`) that a user token must be for."
    )
    jwt_issuer: str | None = Field(
        default=None, description="The issuer (`iss`) that a user token must be from."
    )
    jwt_email_claim: str = Field(
        default="email", description="The claim of a user token that holds the user's email."
    )
    jwt_leeway_seconds: int = Field(
        default=30, ge=0, le=600, description="How far the clocks of token and service may differ."
    )
    erasure_secret: SecretStr | None = Field(
        default=None,
        min_length=SECRET_MIN_CHARS,
        description="The key of the hashes that are kept of erased users' emails. Without it, one "
        "is made and kept in the database. Never changed afterwards.",
    )
    pii_mode: Literal["redact", "reject", "off"] = Field(
        default="redact",
        description="Personal data in metadata and context: taken out, refused, or kept.",
    )
    pii_keys: Names = Field(
        default=PII_KEYS,
        description="Keys whose values are personal for their name alone, separated by commas; "
        "`firstName` and `first-name` are `first_name`.",
    )
    allowed_origins: Names = Field(
        default=(),
        description="Origins whose pages may call the service (CORS), separated by commas; "
        "`*` is any.",
    )
    rate_limit_key_per_minute: int = Field(
        default=60_000, ge=0, description="Most requests a minute of one key; 0 is no limit."
    )
    rate_limit_user_per_minute: int = Field(
        default=1_200,
        ge=0,
        description="Most requests a minute of one user's tokens; 0 is no limit.",
    )
    rate_limit_storage: str = Field(
        default="memory://",
        description="Where rates are counted: in each process, or shared by all in a Redis "
        "(`redis://host:6379`; needs the extra `redis`).",
    )
    retention_days: int = Field(
        default=365,
        ge=1,
        le=3650,
        description="Events older than this are refused on the way in and removed by cleanup.",
    )
    partitions_ahead_months: int = Field(
        default=2, ge=1, le=24, description="Monthly partitions kept ready after the present one."
    )
    batch_max_events: int = Field(
        default=1000, ge=1, le=1000, description="Most events in one batch."
    )
    body_max_bytes: int = Field(
        default=1 * MIB, ge=1024, le=64 * MIB, description="Largest request body on the wire."
    )
    body_max_inflated_bytes: int = Field(
        default=5 * MIB, ge=1024, le=256 * MIB, description="Largest request body once unzipped."
    )
    body_timeout_seconds: float = Field(
        default=30,
        gt=0,
        le=600,
        description="How long a client may take to send a header, and then a body.",
    )
    event_max_bytes: int = Field(
        default=32 * 1024,
        ge=1024,
        le=1 * MIB,
        description="Largest single event, as compact JSON.",
    )
    clock_skew_tolerance_seconds: float = Field(
        default=60,
        ge=1,
        description="A client clock that is off by more than this has its times corrected.",
    )
    writer_tasks: int = Field(
        default=2,
        ge=1,
        le=16,
        description="Transactions that write events at one time; each has its own connection.",
    )
    queue_max_events: int = Field(
        default=20_000,
        ge=1000,
        description="Most events that wait to be written; beyond that, 503 with Retry-After.",
    )
    queue_max_bytes: int = Field(
        default=32 * MIB, ge=1 * MIB, description="Most bytes of bodies that wait to be written."
    )
    group_max_events: int = Field(
        default=1000, ge=1, description="Most events of one transaction, but for a single request."
    )
    statement_timeout_ms: int = Field(
        default=10_000, ge=100, description="Longest that one read may run in the database."
    )
    stream_resume_minutes: int = Field(
        default=15,
        ge=1,
        le=1440,
        description="How long after a break a live stream can still be gone on with.",
    )
    streams_max: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Live streams open at one time; beyond that, 503 with Retry-After.",
    )
    exports_max: int = Field(
        default=2,
        ge=1,
        le=50,
        description="Exports streamed at one time; beyond that, 503 with Retry-After.",
    )
    llm_model: str = Field(
        default="",
        description="The language model that writes standups and hints, as `provider:model` "
        "(`openai:...`, `anthropic:...`, `google:...`, `ollama:...`; needs the extra `ai`, and the "
        "provider's key by its own variable). Without one, they are composed by rules.",
    )
    llm_timeout_seconds: float = Field(
        default=30, gt=0, le=600, description="Longest that one generation may take, in all."
    )
    llm_max_tokens: int = Field(
        default=4000, ge=200, le=100_000, description="Most tokens of one answer of the model."
    )
    llm_concurrency: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Generations at one time, in each process; beyond that, and a short queue, "
        "what the rules compose is the answer.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=200, description="Most connections for reading, and for writing."
    )
    analytics_pool_size: int = Field(
        default=4,
        ge=1,
        le=50,
        description="Most connections for questions about all users, which may need much memory.",
    )
    database_timeout_seconds: float = Field(
        default=5, gt=0, description="Longest wait for a connection before a request gets a 503."
    )
    shutdown_grace_seconds: int = Field(
        default=10, ge=0, le=300, description="How long a stop waits for requests being answered."
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: str | None) -> str | None:
        """SQLAlchemy's way of naming the driver is understood, too."""
        if value is None:
            return None
        scheme, separator, rest = value.strip().partition("://")
        if not separator or scheme.split("+")[0] not in {"postgresql", "postgres"}:
            raise ValueError("must begin with postgresql://")
        return f"postgresql://{rest}"

    @model_validator(mode="after")
    def _one_event_fits_in_a_body(self) -> Self:
        if self.event_max_bytes > self.body_max_inflated_bytes:
            raise ValueError("event_max_bytes cannot exceed body_max_inflated_bytes")
        return self

    @field_validator("llm_model")
    @classmethod
    def _names_a_provider(cls, value: str) -> str:
        if value and _MODEL.fullmatch(value) is None:
            raise ValueError("must be provider:model, like openai:gpt-5")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if value != "*" and _ORIGIN.fullmatch(value) is None:
                raise ValueError(f"{value} is no origin, like https://app.example.com")
        return values

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine reaches the service."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def has_credentials(self) -> bool:
        """Whether the environment names a key, or a way to verify user tokens."""
        keys = (self.write_keys, self.read_keys, self.admin_keys, self.metrics_keys)
        return any((*keys, self.jwt_secret, self.jwt_jwks))
