"""What the environment may say."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings

KEY, OTHER_KEY = "k" * 32, "o" * 40

# Variable, what it is set to, and what the field of that name then holds.
VARIABLES: list[tuple[str, str, str, object]] = [
    ("READ_DATABASE_URL", "postgresql://copy/x", "read_database_url", "postgresql://copy/x"),
    ("READ_MAX_LAG_SECONDS", "2.5", "read_max_lag_seconds", 2.5),
    ("DATABASE_URL", "postgresql://h/d", "database_url", "postgresql://h/d"),
    ("ACTIVITY_DATABASE_URL", "postgresql://h/d", "database_url", "postgresql://h/d"),
    ("ACTIVITY_DATA_DIR", "/data", "data_dir", Path("/data")),
    ("ACTIVITY_HOST", "::1", "host", "::1"),
    ("PORT", "0", "port", 0),
    ("ACTIVITY_PORT", "9000", "port", 9000),
    ("ACTIVITY_WORKERS", "2", "workers", 2),
    ("WEB_CONCURRENCY", "4", "workers", 4),
    (
        "ACTIVITY_WRITE_KEYS",
        f"{KEY}, {OTHER_KEY}",
        "write_keys",
        (SecretStr(KEY), SecretStr(OTHER_KEY)),
    ),
    ("ACTIVITY_READ_KEYS", KEY, "read_keys", (SecretStr(KEY),)),
    ("ACTIVITY_ADMIN_KEYS", KEY, "admin_keys", (SecretStr(KEY),)),
    ("ACTIVITY_METRICS_KEYS", KEY, "metrics_keys", (SecretStr(KEY),)),
    ("ACTIVITY_LOG_FORMAT", "json", "log_format", "json"),
    ("ACTIVITY_LOG_LEVEL", "warning", "log_level", "warning"),
    ("ACTIVITY_LOG_REQUESTS", "all", "log_requests", "all"),
    ("ACTIVITY_LOG_SLOW_MS", "50", "log_slow_ms", 50),
    ("ACTIVITY_JWT_SECRET", KEY, "jwt_secret", SecretStr(KEY)),
    ("ACTIVITY_JWT_JWKS", "keys.json", "jwt_jwks", "keys.json"),
    ("ACTIVITY_JWT_AUDIENCE", "activity", "jwt_audience", "activity"),
    ("ACTIVITY_JWT_ISSUER", "https://id.example.com", "jwt_issuer", "https://id.example.com"),
    ("ACTIVITY_JWT_EMAIL_CLAIM", "mail", "jwt_email_claim", "mail"),
    ("ACTIVITY_ERASURE_SECRET", KEY, "erasure_secret", SecretStr(KEY)),
    ("ACTIVITY_JWT_LEEWAY_SECONDS", "0", "jwt_leeway_seconds", 0),
    (
        "ACTIVITY_ALLOWED_ORIGINS",
        "https://a.example.com, http://localhost:5173",
        "allowed_origins",
        ("https://a.example.com", "http://localhost:5173"),
    ),
    ("ACTIVITY_PII_MODE", "reject", "pii_mode", "reject"),
    ("ACTIVITY_PII_KEYS", "name, badge", "pii_keys", ("name", "badge")),
    ("ACTIVITY_RATE_LIMIT_KEY_PER_MINUTE", "5", "rate_limit_key_per_minute", 5),
    ("ACTIVITY_RATE_LIMIT_USER_PER_MINUTE", "0", "rate_limit_user_per_minute", 0),
    ("ACTIVITY_RATE_LIMIT_STORAGE", "redis://r", "rate_limit_storage", "redis://r"),
    ("ACTIVITY_RETENTION_DAYS", "30", "retention_days", 30),
    ("ACTIVITY_PARTITIONS_AHEAD_MONTHS", "3", "partitions_ahead_months", 3),
    ("ACTIVITY_BATCH_MAX_EVENTS", "10", "batch_max_events", 10),
    ("ACTIVITY_BODY_MAX_BYTES", "2048", "body_max_bytes", 2048),
    ("ACTIVITY_BODY_MAX_INFLATED_BYTES", "65536", "body_max_inflated_bytes", 65536),
    ("ACTIVITY_BODY_TIMEOUT_SECONDS", "2.5", "body_timeout_seconds", 2.5),
    ("ACTIVITY_EVENT_MAX_BYTES", "1024", "event_max_bytes", 1024),
    ("ACTIVITY_CLOCK_SKEW_TOLERANCE_SECONDS", "5", "clock_skew_tolerance_seconds", 5.0),
    ("ACTIVITY_WRITER_TASKS", "3", "writer_tasks", 3),
    ("ACTIVITY_QUEUE_MAX_EVENTS", "1000", "queue_max_events", 1000),
    ("ACTIVITY_QUEUE_MAX_BYTES", "2000000", "queue_max_bytes", 2_000_000),
    ("ACTIVITY_GROUP_MAX_EVENTS", "50", "group_max_events", 50),
    ("ACTIVITY_STATEMENT_TIMEOUT_MS", "500", "statement_timeout_ms", 500),
    ("ACTIVITY_STREAM_RESUME_MINUTES", "5", "stream_resume_minutes", 5),
    ("ACTIVITY_STREAMS_MAX", "5", "streams_max", 5),
    ("ACTIVITY_EXPORTS_MAX", "4", "exports_max", 4),
    ("ACTIVITY_LLM_MODEL", "openai:gpt-oss", "llm_model", "openai:gpt-oss"),
    ("ACTIVITY_LLM_TIMEOUT_SECONDS", "5", "llm_timeout_seconds", 5.0),
    ("ACTIVITY_LLM_MAX_TOKENS", "900", "llm_max_tokens", 900),
    ("ACTIVITY_LLM_CONCURRENCY", "1", "llm_concurrency", 1),
    ("ACTIVITY_ANALYTICS_POOL_SIZE", "9", "analytics_pool_size", 9),
    ("ACTIVITY_DATABASE_POOL_SIZE", "3", "database_pool_size", 3),
    ("ACTIVITY_DATABASE_TIMEOUT_SECONDS", "1", "database_timeout_seconds", 1.0),
    ("ACTIVITY_SHUTDOWN_GRACE_SECONDS", "0", "shutdown_grace_seconds", 0),
]


@pytest.mark.parametrize(("variable", "given", "field", "value"), VARIABLES)
def test_a_variable_sets_its_field(
    monkeypatch: pytest.MonkeyPatch, variable: str, given: str, field: str, value: object
) -> None:
    assert getattr(Settings(), field) != value
    monkeypatch.setenv(variable, given)
    assert getattr(Settings(), field) == value


def test_every_field_can_be_set_and_is_described() -> None:
    assert {field for _, _, field, _ in VARIABLES} == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_every_number_has_a_bound() -> None:
    for name, field in Settings.model_fields.items():
        if field.annotation in {int, float}:
            assert field.metadata, name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", -1),
        ("port", 65_536),
        ("workers", 0),
        ("workers", 65),
        ("retention_days", 0),
        ("partitions_ahead_months", 0),
        ("batch_max_events", 1001),
        ("body_timeout_seconds", 0),
        ("clock_skew_tolerance_seconds", 0.5),
        ("statement_timeout_ms", 99),
        ("database_pool_size", 0),
        ("llm_model", "test"),
        ("llm_model", "openai:"),
        ("llm_timeout_seconds", 0),
        ("llm_concurrency", 0),
        ("write_keys", "short"),
        ("jwt_secret", "short"),
        ("allowed_origins", "example.com"),
        ("allowed_origins", "https://example.com/"),
    ],
)
def test_bounds(field: str, value: float | str) -> None:
    with pytest.raises(ValidationError, match=field):
        Settings(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgresql://u:p@h:5432/d?sslmode=require", "postgresql://u:p@h:5432/d?sslmode=require"),
        ("postgres://h/d", "postgresql://h/d"),
        ("postgresql+asyncpg://h/d", "postgresql://h/d"),
        (" postgresql://h/d\n", "postgresql://h/d"),
        ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
    ],
)
def test_database_urls(given: str, kept: str) -> None:
    assert Settings(database_url=given).database_url == kept


@pytest.mark.parametrize("given", ["", "mysql://h/d", "h/d", "sqlite:///x", "postgresqlx://h"])
def test_other_database_urls(given: str) -> None:
    with pytest.raises(ValidationError, match="must begin with postgresql://"):
        Settings(database_url=given)


def test_an_event_has_to_fit_into_a_body() -> None:
    with pytest.raises(ValidationError, match="event_max_bytes cannot exceed"):
        Settings(event_max_bytes=2049, body_max_inflated_bytes=2048)
    assert Settings(event_max_bytes=2048, body_max_inflated_bytes=2048).event_max_bytes == 2048


def test_settings_do_not_change() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_variables_that_are_not_ours_are_none_of_our_concern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")  # noqa: S104 (that it is ignored is the point)
    monkeypatch.setenv("ACTIVITY_NO_SUCH_FIELD", "1")
    assert Settings() == Settings(host="127.0.0.1")
