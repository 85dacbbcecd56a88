"""Configuration, read once from the environment. Every field describes itself."""

import ipaddress
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict

from app.database.url.parse import parse_database_url
from app.formats.environment import EnvironmentSettings, text_of
from app.formats.origins import ANY, normalise_origin
from app.formats.urls import key_set_source, store_url

MIB = 1024 * 1024
EVENTS_MIN = 1000  # the largest batch: a client would retry forever if a limit never let it through
SECRET_MIN_CHARS = 32
ANY_AUDIENCE = "*"
ROOT = Path(__file__).resolve().parent.parent
NAME = "activity-events"
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_MODEL = re.compile(r"[a-z0-9/-]+:\S+")


def parts(value: object) -> object:
    """`a, "b"` -> `["a", "b"]`."""
    if isinstance(value, str):
        return [text for part in value.split(",") if (text := text_of(part))]
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(parts)]
PII_KEYS = (
    "name", "first_name", "last_name", "middle_name", "full_name", "display_name", "username",
    "user_name", "email", "user_email", "email_address", "phone", "phone_number", "mobile",
    "address", "street", "street_address", "postal_code", "zip_code", "date_of_birth", "birthday",
    "dob", "ssn", "passport", "tax_id", "national_id", "drivers_license", "iban", "card_number",
    "credit_card", "cvv", "ip", "ip_address", "password", "passwd", "secret", "token",
    "access_token", "refresh_token", "api_key", "private_key", "authorization", "cookie",
)  # fmt: skip


def _long_enough(secret: SecretStr) -> SecretStr:
    length = len(secret.get_secret_value())
    if length < SECRET_MIN_CHARS:
        raise ValueError(
            f"must have at least {SECRET_MIN_CHARS} characters (got {length}); "
            "generate one with `openssl rand -hex 24`"
        )
    return secret


Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
Secrets = Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(parts)]


def _page_names(value: object) -> object:
    """Turn `none` into an empty tuple."""
    names = parts(value)
    return () if names == ["none"] else names


Pages = Annotated[
    tuple[Literal["dashboard", "docs", "demo"], ...], NoDecode, BeforeValidator(_page_names)
]


def _normalise_base_path(value: str) -> str:
    """Return the path without a trailing slash; empty for the root."""
    path = value.strip().strip("/")
    if not path:
        return ""
    if any(part in {"", ".", ".."} or not _SEGMENT.fullmatch(part) for part in path.split("/")):
        raise ValueError(
            "must be a path such as /events: segments of letters, digits and -._~, separated by "
            "slashes"
        )
    return f"/{path}"


BasePath = Annotated[str, AfterValidator(_normalise_base_path)]

# The first segments of the service's own paths.
_OWN_SEGMENTS = frozenset(
    {
        *("api", "assets", "clients", "dashboard", "demo", "docs", "health", "mcp", "metrics"),
        *("openapi.json", "tracker.js", ".well-known"),
    }
)


def _normalise_tracker_path(value: str) -> str:
    """Return a path of the tracker's own; empty for none."""
    path = _normalise_base_path(value)
    if path and path.split("/")[1] in _OWN_SEGMENTS:
        raise ValueError("must not begin like a path of the service itself, such as /api")
    return path


TrackerPath = Annotated[str, AfterValidator(_normalise_tracker_path)]


def default_data_dir() -> Path:
    """Return `.data` in a checkout; for an installed package, a folder of the user or, for root, of
    the machine.

    The current working directory never matters.
    """
    if (ROOT / "alembic.ini").exists() and (ROOT / "pyproject.toml").exists():
        return ROOT / ".data"
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib") / NAME
    named = os.environ.get("XDG_DATA_HOME", "").strip()
    if named and Path(named).is_absolute():
        return Path(named) / NAME
    try:
        return Path.home() / ".local" / "share" / NAME
    except RuntimeError:  # neither HOME nor a line in /etc/passwd
        return Path("/var/lib") / NAME


class Settings(EnvironmentSettings):
    """Settings, each read from `ACTIVITY_<FIELD>` or from an alias of the field."""

    model_config = SettingsConfigDict(
        env_prefix="ACTIVITY_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # a traceback must not show a password
    )

    # Where to listen

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("PORT", "ACTIVITY_PORT"),
        description="Port to listen on; 0 picks a free port.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        validation_alias=AliasChoices("ACTIVITY_WORKERS", "WEB_CONCURRENCY"),
        description="Number of worker processes; they share one socket. `WEB_CONCURRENCY` is an "
        "alias.",
    )
    shutdown_grace_seconds: int = Field(
        default=10,
        ge=0,
        le=300,
        description="How long a graceful shutdown waits for in-flight requests.",
    )
    pages: Pages = Field(
        default=("dashboard", "docs", "demo"),
        description="Pages to serve, separated by commas; `none` serves no page. `docs` includes "
        "`/openapi.json`.",
    )
    base_path: BasePath = Field(
        default="",
        description="The path below which a reverse proxy publishes the service, such as "
        "`/events`. The proxy may remove it from requests or pass it on.",
    )

    tracker_script_path: TrackerPath = Field(
        default="",
        description="A second path of `/tracker.js`, such as `/js/app.js`: of your choice, as ad "
        "blockers know common ones.",
    )
    tracker_batch_path: TrackerPath = Field(
        default="",
        description="A second path of `POST /api/events/log/batch`, such as `/in`; set it as the "
        "tracker's `path`.",
    )

    # The database

    database_url: str | None = Field(
        default=None,
        repr=False,
        validation_alias=AliasChoices("DATABASE_URL", "ACTIVITY_DATABASE_URL"),
        description="PostgreSQL 15+ or Citus, as a libpq URL or `keyword=value` pairs. If unset, "
        "the service runs the embedded PostgreSQL.",
    )
    read_database_url: str | None = Field(
        default=None,
        repr=False,
        validation_alias=AliasChoices("READ_DATABASE_URL", "ACTIVITY_READ_DATABASE_URL"),
        description="Streaming replicas to read from, as a libpq URL with one or more hosts.",
    )
    read_max_lag_seconds: float = Field(
        default=10,
        gt=0,
        le=3600,
        validation_alias=AliasChoices("READ_MAX_LAG_SECONDS", "ACTIVITY_READ_MAX_LAG_SECONDS"),
        description="Maximum replication lag; reads skip a replica that is further behind.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Data directory of the embedded PostgreSQL. Defaults to `.data` in a checkout "
        "and, for an installed package, to `~/.local/share/activity-events` (for root: "
        "`/var/lib/activity-events`).",
    )
    database_pool_size: int = Field(
        default=10,
        ge=1,
        le=200,
        description="Maximum size of the read pool and of the write pool; one caller can hold half "
        "of a pool.",
    )
    analytics_pool_size: int = Field(
        default=4,
        ge=1,
        le=50,
        description="Maximum connections for queries over all users, which can need a lot of "
        "memory; one caller can hold half of them.",
    )
    database_timeout_seconds: float = Field(
        default=5,
        gt=0,
        description="Maximum wait for a database connection before a request fails with 503.",
    )
    statement_timeout_ms: int = Field(
        default=10_000, ge=100, description="Maximum run time of one read query in the database."
    )

    # Access

    local_mode: Literal["auto", "off"] = Field(
        default="auto",
        description="`auto`: while the service listens on loopback and no key exists, requests "
        "from this machine have full access without a key. `off`: every request needs a key or a "
        "user token.",
    )
    write_keys: Secrets = Field(
        default=(),
        description="Keys that can log events, separated by commas; at least 32 characters each.",
    )
    read_keys: Secrets = Field(
        default=(),
        description="Keys that can read all users' events, separated by commas; at least 32 "
        "characters each. A key that is listed in several of these settings has all their scopes.",
    )
    admin_keys: Secrets = Field(
        default=(),
        description="Keys with full access, separated by commas; at least 32 characters each.",
    )
    metrics_keys: Secrets = Field(
        default=(),
        description="Keys that can read the service's metrics, separated by commas; at least 32 "
        "characters each.",
    )
    jwt_secret: Secret | None = Field(
        default=None,
        description="The secret that your application signs user tokens with (HS256); at least 32 "
        "characters.",
    )
    jwt_audience: str | None = Field(
        default=None,
        description="Audience (`aud`) that a user token must name; `*` accepts any token, also one "
        "without an audience.",
    )
    jwt_issuer: str | None = Field(
        default=None, description="Issuer (`iss`) that a user token must name."
    )
    jwt_jwks: str | None = Field(
        default=None,
        repr=False,
        description="File or http(s) URL of the public keys (JWKS) that verify user tokens (RS256, "
        "ES256). Requires `ACTIVITY_JWT_AUDIENCE` or `ACTIVITY_JWT_ISSUER`.",
    )
    jwt_email_claim: str = Field(
        default="email",
        description="Claim of a user token that holds the user's email address.",
    )
    jwt_leeway_seconds: int = Field(
        default=30,
        ge=0,
        le=600,
        description="Tolerated difference between the clocks of the token's issuer and the "
        "service.",
    )
    jwt_max_lifetime_hours: float = Field(
        default=24,
        gt=0,
        le=8784,
        description="Maximum lifetime of a user token (`exp`, counted both from its `iat` and from "
        "now); a longer one is rejected.",
    )
    allowed_origins: Names = Field(
        default=(),
        description="Origins whose pages can call the service (CORS), separated by commas; "
        "`*` allows any origin.",
    )

    # Limits per caller and per process

    rate_limit_key_per_minute: int = Field(
        default=60_000,
        ge=0,
        description="Maximum requests per minute and key; 0 means no limit.",
    )
    rate_limit_user_per_minute: int = Field(
        default=1_200,
        ge=0,
        description="Maximum requests per minute with tokens of one user; 0 means no limit.",
    )
    rate_limit_key_events_per_minute: int = Field(
        default=6_000_000,
        ge=0,
        description="Maximum events per minute and key; 0 means no limit, otherwise at least 1000.",
    )
    rate_limit_user_events_per_minute: int = Field(
        default=120_000,
        ge=0,
        description="Maximum events per minute with tokens of one user; 0 means no limit, "
        "otherwise at least 1000.",
    )
    rate_limit_key_bytes_per_minute: int = Field(
        default=2048 * MIB,
        ge=0,
        description="Maximum bytes of decompressed request bodies per minute and key; 0 means no "
        "limit, otherwise at least `ACTIVITY_BODY_MAX_INFLATED_BYTES`.",
    )
    rate_limit_user_bytes_per_minute: int = Field(
        default=128 * MIB,
        ge=0,
        description="Maximum bytes of decompressed request bodies per minute with tokens of one "
        "user; 0 means no limit, otherwise at least `ACTIVITY_BODY_MAX_INFLATED_BYTES`.",
    )
    rate_limit_storage: str = Field(
        default="memory://",
        repr=False,
        description="Storage of the rate limit counters: the memory of each process, or a Redis "
        "that all processes share (`redis://host:6379`; requires the extra `redis`).",
    )
    connections_max: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Maximum open connections per process; 0 derives it from the system's limit of "
        "open files, up to 4096. Beyond it, new connections replace idle ones, or get a 503 with "
        "Retry-After.",
    )
    bodies_max_bytes: int = Field(
        default=64 * MIB,
        ge=1 * MIB,
        description="Maximum bytes of request bodies in memory per process, as received and "
        "decompressed; beyond it, 503 with Retry-After. One caller can use half of it.",
    )
    streams_max: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description="Maximum live streams open at the same time; one caller can hold half of them "
        "(429 beyond). When all are open, 503 with Retry-After.",
    )
    stream_resume_minutes: int = Field(
        default=15,
        ge=1,
        le=1440,
        description="How long a client can resume a stream after disconnecting.",
    )
    exports_max: int = Field(
        default=2,
        ge=1,
        le=50,
        description="Maximum exports running at the same time; one caller can hold half of them "
        "(429 beyond). When all are running, 503 with Retry-After.",
    )

    # Limits of one request

    batch_max_events: int = Field(
        default=1000, ge=1, le=1000, description="Maximum events in one batch."
    )
    body_max_bytes: int = Field(
        default=1 * MIB,
        ge=1024,
        le=64 * MIB,
        description="Maximum size of a request body as received.",
    )
    body_max_inflated_bytes: int = Field(
        default=5 * MIB,
        ge=1024,
        le=256 * MIB,
        description="Maximum size of a request body after decompression.",
    )
    body_timeout_seconds: float = Field(
        default=30,
        gt=0,
        le=600,
        description="Maximum time for a client to send the header, and again to send the body.",
    )
    event_max_bytes: int = Field(
        default=64 * 1024,
        ge=1024,
        le=1 * MIB,
        description="Maximum size of one event, as compact JSON.",
    )
    json_depth_max: int = Field(
        default=32,
        ge=1,
        le=100,
        description="Maximum nesting of metadata; deeper values are replaced by null.",
    )
    clock_skew_tolerance_seconds: float = Field(
        default=60,
        ge=0,
        description="How far a client's clock can be ahead before its timestamps are corrected.",
    )

    # Writing

    writer_tasks: int = Field(
        default=2,
        ge=1,
        le=16,
        description="Number of concurrent write transactions; each uses its own connection.",
    )
    queue_max_events: int = Field(
        default=20_000,
        ge=1000,
        description="Maximum events in the write queue; one caller can hold half of it (429 "
        "beyond). When the queue is full, 503 with Retry-After.",
    )
    queue_max_bytes: int = Field(
        default=32 * MIB,
        ge=1 * MIB,
        description="Maximum bytes of request bodies in the write queue.",
    )
    group_max_events: int = Field(
        default=1000,
        ge=1,
        description="Maximum events per write transaction; one larger request still gets one "
        "transaction.",
    )
    rollup_kinds_per_day: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="Maximum kinds of events (type, category, action, device) per day that the "
        "rollups over all users count separately; the rest are counted together as `other`.",
    )
    partitions_ahead_months: int = Field(
        default=2,
        ge=1,
        le=24,
        description="Number of monthly partitions to create ahead of the current month.",
    )

    # Privacy

    retention_days: int = Field(
        default=365,
        ge=1,
        le=3650,
        description="Retention period: older events are rejected at ingestion and deleted by the "
        "cleanup.",
    )
    erasure_secret: Secret | None = Field(
        default=None,
        description="HMAC key for hashes of erased users' email addresses and for pseudonyms of "
        "personal ids (at least 32 characters). If unset, a key for the hashes is generated and "
        "stored in the database, and ids get no pseudonyms. Never change it.",
    )
    pii_mode: Literal["redact", "reject", "off"] = Field(
        default="redact",
        description="How to handle personal data in an event: replace it, reject the event, or "
        "keep it.",
    )
    pii_keys: Names = Field(
        default=PII_KEYS,
        description="Metadata keys and URL parameters whose values are redacted if they have the "
        "expected format, separated by commas; `first_name` also matches `firstName` and "
        "`first-name`. Values of keys that you add are redacted in any format.",
    )

    # The language model

    llm_model: str = Field(
        default="",
        description="Language model that writes standups and hints, as `provider:model` "
        "(`openai:...`, `anthropic:...`, `google:...`, `ollama:...`). Requires the extra `ai` and "
        "the provider's API key in the provider's own variable. If unset, rules write them.",
    )
    llm_timeout_seconds: float = Field(
        default=30,
        gt=0,
        le=600,
        description="Maximum total time of one generation, with its retries.",
    )
    llm_max_tokens: int = Field(
        default=4000,
        ge=200,
        le=100_000,
        description="Maximum tokens in one response of the model.",
    )
    llm_concurrency: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Maximum concurrent generations per process; when they and a short queue are "
        "full, the response is written by rules.",
    )

    # Logs

    log_format: Literal["text", "json"] = Field(
        default="text",
        description="Format of the log: readable text, or one JSON object per line.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Minimum level of messages written to the log."
    )
    log_requests: Literal["none", "notable", "all"] = Field(
        default="notable",
        description="Which requests to log; `notable` logs requests that fail with 5xx, slow "
        "requests, and requests whose response was cut off.",
    )
    log_slow_ms: int = Field(
        default=1000, ge=0, description="Duration from which a request counts as slow."
    )

    @field_validator("host")
    @classmethod
    def _is_bare(cls, value: str) -> str:
        """Strip the brackets of an IPv6 address as URLs write it."""
        bare = value.strip()
        return bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url_at(self, port: int) -> str:
        """Return a URL that opens on this machine; nobody can connect to a wildcard address."""
        host = self.host
        try:
            address = ipaddress.ip_address(host or "0.0.0.0")  # noqa: S104 (as bind has it)
            host = f"[{address}]" if address.version == 6 else str(address)
            host = "localhost" if address.is_unspecified else host
        except ValueError:
            pass
        return f"http://{host}:{port}{self.base_path}"

    @field_validator("rate_limit_key_events_per_minute", "rate_limit_user_events_per_minute")
    @classmethod
    def _has_room_for_a_batch(cls, value: int) -> int:
        if 0 < value < EVENTS_MIN:
            raise ValueError(f"must be 0 (no limit) or at least {EVENTS_MIN}")
        return value

    @field_validator("jwt_jwks")
    @classmethod
    def _is_file_or_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Require an audience or an issuer: an issuer also signs tokens for other applications,
        which must not be accepted here by accident."""
        source = key_set_source(value or "")
        if source and not (info.data.get("jwt_audience") or info.data.get("jwt_issuer")):
            raise ValueError(
                "requires ACTIVITY_JWT_AUDIENCE (or at least ACTIVITY_JWT_ISSUER): without them, "
                "tokens that the issuer signs for other applications would be accepted. Set "
                "ACTIVITY_JWT_AUDIENCE=* to accept them on purpose"
            )
        return source

    @property
    def audience(self) -> str | None:
        """The audience that a token must name; None allows any."""
        return None if self.jwt_audience == ANY_AUDIENCE else self.jwt_audience or None

    @property
    def has_credentials(self) -> bool:
        """Whether the environment sets a key, or a way to verify user tokens."""
        keys = (self.write_keys, self.read_keys, self.admin_keys, self.metrics_keys)
        return any((*keys, self.jwt_secret, self.jwt_jwks))

    @field_validator("data_dir")
    @classmethod
    def _is_a_folder(cls, value: Path) -> Path:
        try:
            return value.expanduser()
        except RuntimeError as error:
            raise ValueError(
                f"the home folder in {value} is unknown; set an absolute path"
            ) from error

    @field_validator("database_url", "read_database_url")
    @classmethod
    def _is_readable(cls, value: str | None) -> str | None:
        """Report a malformed URL before anything starts."""
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
            raise ValueError(
                f"event_max_bytes must be at most body_max_inflated_bytes = "
                f"{self.body_max_inflated_bytes} (got {self.event_max_bytes})"
            )
        for rate in (self.rate_limit_key_bytes_per_minute, self.rate_limit_user_bytes_per_minute):
            if 0 < rate < self.body_max_inflated_bytes:
                raise ValueError(
                    "rate_limit_..._bytes_per_minute must be 0 (no limit) or at least "
                    f"body_max_inflated_bytes = {self.body_max_inflated_bytes}"
                )
        if self.bodies_max_bytes < 2 * self.body_max_bytes:
            raise ValueError(
                "bodies_max_bytes must be at least twice body_max_bytes, because one caller can "
                "use half of it"
            )
        return self

    @field_validator("llm_model")
    @classmethod
    def _names_a_provider(cls, value: str) -> str:
        if value and _MODEL.fullmatch(value) is None:
            raise ValueError("must have the form provider:model, such as openai:gpt-5")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v if v == ANY else normalise_origin(v) for v in values))

    @property
    def may_be_local(self) -> bool:
        """Whether local mode is allowed; it also requires that the database never had a key."""
        return self.listens_on_loopback and self.local_mode == "auto" and not self.has_credentials


def setting_errors(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield the name of each invalid variable, and the message about it."""
    for detail in error.errors(include_input=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        variable = f"ACTIVITY_{name.upper()}" if name in Settings.model_fields else name
        yield variable, detail["msg"].removeprefix("Value error, ")
