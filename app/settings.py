"""Configuration, read once from the environment. Each field is described here and in the README."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from app.database_url.parse import parse_database_url
from app.origins import ANY, normalise_origin
from app.settings_access import AccessSettings, Secret
from app.settings_data import DataSettings
from app.settings_environment import EnvironmentSettings
from app.settings_http import HttpSettings
from app.settings_listen import ListenSettings
from app.settings_pii import Names, PiiSettings, parts
from app.settings_replica import ReplicaSettings
from app.settings_urls import store_url
from app.settings_watch import WatchSettings

MIB = 1024 * 1024
_MODEL = re.compile(r"[a-z0-9/-]+:\S+")


def _page_names(value: object) -> object:
    """`none` -> none."""
    names = parts(value)
    return () if names == ["none"] else names


Pages = Annotated[
    tuple[Literal["dashboard", "docs", "demo"], ...], NoDecode, BeforeValidator(_page_names)
]


class Settings(
    ListenSettings,
    HttpSettings,
    AccessSettings,
    DataSettings,
    ReplicaSettings,
    WatchSettings,
    PiiSettings,
    EnvironmentSettings,
):
    """Environment variables are `ACTIVITY_<FIELD>`; those with an alias go by that, too."""

    model_config = SettingsConfigDict(
        env_prefix="ACTIVITY_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # a traceback must not show a password
    )

    database_url: str | None = Field(
        default=None,
        repr=False,
        validation_alias=AliasChoices("DATABASE_URL", "ACTIVITY_DATABASE_URL"),
        description="PostgreSQL 15+ or Citus, as a libpq URL or `keyword=value` pairs. Without it, "
        "the embedded PostgreSQL.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        validation_alias=AliasChoices("ACTIVITY_WORKERS", "WEB_CONCURRENCY"),
        description="Processes that serve, on one socket; `WEB_CONCURRENCY` says the same.",
    )
    erasure_secret: Secret | None = Field(
        default=None,
        description="HMAC key for hashes of erased users' emails and for pseudonyms of personal "
        "ids (32 characters or more). If unset, a key for the hashes is generated and stored in "
        "the database, and ids get no pseudonyms. Never change it.",
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
        repr=False,
        description="Where rates are counted: in each process, or shared by all in a Redis "
        "(`redis://host:6379`; needs the extra `redis`).",
    )
    pages: Pages = Field(
        default=("dashboard", "docs", "demo"),
        description="The pages that are served, separated by commas; `none` is none of them. "
        "`/openapi.json` comes with `docs`.",
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
        default=64 * 1024,
        ge=1024,
        le=1 * MIB,
        description="Largest single event, as compact JSON.",
    )
    json_depth_max: int = Field(
        default=32, ge=1, le=100, description="Deepest nesting of metadata; deeper becomes null."
    )
    rollup_kinds_per_day: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="Most kinds of events (type, category, action, device) of a day that totals "
        "over all users count separately; the others are counted together, as `other`.",
    )
    clock_skew_tolerance_seconds: float = Field(
        default=60,
        ge=0,
        description="How far a client's clock may be ahead before its times are corrected.",
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
        description="Most events that wait to be written; one caller can hold half of them (429 "
        "beyond). When the queue is full, 503 with Retry-After.",
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
        description="How long a client can resume a stream after disconnecting.",
    )
    streams_max: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Live streams open at one time; one caller can hold half of them (429 beyond). "
        "When all are open, 503 with Retry-After.",
    )
    exports_max: int = Field(
        default=2,
        ge=1,
        le=50,
        description="Exports streamed at one time; one caller can hold half of them (429 beyond). "
        "When all are running, 503 with Retry-After.",
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
        default=10,
        ge=1,
        le=200,
        description="Most connections for reading, and for writing; one caller can hold half of "
        "them.",
    )
    analytics_pool_size: int = Field(
        default=4,
        ge=1,
        le=50,
        description="Most connections for questions about all users, which may need much memory; "
        "one caller can hold half of them.",
    )
    database_timeout_seconds: float = Field(
        default=5, gt=0, description="Longest wait for a connection before a request gets a 503."
    )
    shutdown_grace_seconds: int = Field(
        default=10, ge=0, le=300, description="How long a stop waits for requests being answered."
    )

    @field_validator("database_url", "read_database_url")
    @classmethod
    def _is_readable(cls, value: str | None) -> str | None:
        """A mistake in it is told before anything is begun."""
        if value is not None:
            parse_database_url(value)
        return value

    @field_validator("rate_limit_storage")
    @classmethod
    def _has_a_readable_address(cls, value: str) -> str:
        return store_url(value)

    @model_validator(mode="after")
    def _what_is_allowed_fits(self) -> Self:
        if self.event_max_bytes > self.body_max_inflated_bytes:
            raise ValueError("event_max_bytes cannot exceed body_max_inflated_bytes")
        for rate in (self.rate_limit_key_bytes_per_minute, self.rate_limit_user_bytes_per_minute):
            if 0 < rate < self.body_max_inflated_bytes:
                raise ValueError(
                    "rate_limit_..._bytes_per_minute must be 0 (no limit) or at least "
                    f"body_max_inflated_bytes = {self.body_max_inflated_bytes}"
                )
        if self.bodies_max_bytes < 2 * self.body_max_bytes:
            raise ValueError(
                "bodies_max_bytes must be at least twice body_max_bytes: one caller gets half of it"
            )
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
        return tuple(dict.fromkeys(v if v == ANY else normalise_origin(v) for v in values))

    @property
    def may_be_local(self) -> bool:
        """Whether this is local mode as long as there never was a key in the database, either."""
        return self.listens_on_loopback and self.local_mode == "auto" and not self.has_credentials


def setting_errors(error: ValidationError) -> Iterator[tuple[str, str]]:
    """What is wrong with the settings: each variable, and what was expected of it."""
    for each in error.errors(include_input=False):
        name = str(each["loc"][0]) if each["loc"] else ""
        variable = f"ACTIVITY_{name.upper()}" if name in Settings.model_fields else name
        yield variable, each["msg"].removeprefix("Value error, ")
