"""What the environment may say."""

import re
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.formats.environment import names_of, unknown_variables
from app.settings import Settings
from tests.conftest import ROOT

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
    ("ACTIVITY_JWT_MAX_LIFETIME_HOURS", "1.5", "jwt_max_lifetime_hours", 1.5),
    ("ACTIVITY_LOCAL_MODE", "off", "local_mode", "off"),
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
    ("ACTIVITY_PAGES", "docs, demo", "pages", ("docs", "demo")),
    ("ACTIVITY_PAGES", "none", "pages", ()),
    ("ACTIVITY_BASE_PATH", "events/", "base_path", "/events"),
    ("ACTIVITY_TRACKER_SCRIPT_PATH", "/js/app.js", "tracker_script_path", "/js/app.js"),
    ("ACTIVITY_TRACKER_BATCH_PATH", "in/", "tracker_batch_path", "/in"),
    ("ACTIVITY_RETENTION_DAYS", "30", "retention_days", 30),
    ("ACTIVITY_PARTITIONS_AHEAD_MONTHS", "3", "partitions_ahead_months", 3),
    ("ACTIVITY_BATCH_MAX_EVENTS", "10", "batch_max_events", 10),
    ("ACTIVITY_ROLLUP_KINDS_PER_DAY", "100", "rollup_kinds_per_day", 100),
    ("ACTIVITY_CONNECTIONS_MAX", "100", "connections_max", 100),
    ("ACTIVITY_BODIES_MAX_BYTES", "2097152", "bodies_max_bytes", 2097152),
    *(
        (f"ACTIVITY_RATE_LIMIT_{who.upper()}_PER_MINUTE", "7000000", f"{name}_per_minute", 7000000)
        for who in ("key_events", "user_events", "key_bytes", "user_bytes")
        for name in [f"rate_limit_{who}"]
    ),
    ("ACTIVITY_BODY_MAX_BYTES", "2048", "body_max_bytes", 2048),
    ("ACTIVITY_BODY_MAX_INFLATED_BYTES", "65536", "body_max_inflated_bytes", 65536),
    ("ACTIVITY_BODY_TIMEOUT_SECONDS", "2.5", "body_timeout_seconds", 2.5),
    ("ACTIVITY_EVENT_MAX_BYTES", "1024", "event_max_bytes", 1024),
    ("ACTIVITY_JSON_DEPTH_MAX", "8", "json_depth_max", 8),
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
    if field == "jwt_jwks":
        monkeypatch.setenv("ACTIVITY_JWT_AUDIENCE", "activity")
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
        ("clock_skew_tolerance_seconds", -0.5),
        ("statement_timeout_ms", 99),
        ("database_pool_size", 0),
        ("llm_model", "test"),
        ("llm_model", "openai:"),
        ("llm_timeout_seconds", 0),
        ("llm_concurrency", 0),
        ("write_keys", "short"),
        ("jwt_secret", "short"),
        ("jwt_max_lifetime_hours", 0),
        ("local_mode", "on"),
        ("allowed_origins", "example.com"),
        ("allowed_origins", "https://example.com/path"),
        ("allowed_origins", "https://*.example.com"),
        ("allowed_origins", "null"),
        ("allowed_origins", "javascript:alert(1)"),
    ],
)
def test_bounds(field: str, value: float | str) -> None:
    with pytest.raises(ValidationError, match=field):
        Settings(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["database_url", "read_database_url"])
def test_a_mistake_in_a_database_url_is_told_when_settings_are_read(field: str) -> None:
    """What is wrong with it: tests/unit/test_database_url.py."""
    with pytest.raises(ValidationError, match="a port must be a number") as caught:
        Settings(**{field: "postgresql://u:SECRETX@h:SECRETY/d"})  # type: ignore[arg-type]
    assert "SECRET" not in f"{caught.value} {caught.value!r}"


@pytest.mark.fault("E4")
@pytest.mark.parametrize(
    "given",
    [
        "redis://:SECRETX/SECRETY@h:6379",
        "redis://:SECRETX@SECRETY@h:6379",
        "redis://:SECRETX#SECRETY@h:6379",
        "redis://:SECRETX?SECRETY@h:6379",
        "redis://:[SECRETX@h:6379",
        "redis://:SECRETX@h:port",
    ],
)
def test_a_password_of_the_store_of_rates_is_not_quoted(given: str) -> None:
    with pytest.raises(ValidationError, match="percent-encode the password") as caught:
        Settings(rate_limit_storage=given)
    assert "SECRET" not in f"{caught.value}"


def test_an_event_has_to_fit_into_a_body() -> None:
    with pytest.raises(ValidationError, match="event_max_bytes must be at most"):
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
    monkeypatch.setenv("ACTIVITYPUB_KEYS", "1")
    assert Settings() == Settings(host="127.0.0.1")


@pytest.mark.fault("N23")
@pytest.mark.parametrize("nothing", ["", " ", "\n", '""', "''", '" "'])
def test_an_empty_variable_is_one_that_is_not_set(
    monkeypatch: pytest.MonkeyPatch, nothing: str
) -> None:
    unset = Settings()
    for name, info in Settings.model_fields.items():
        for variable in names_of(name, info):
            monkeypatch.setenv(variable, nothing)
    assert Settings() == unset


@pytest.mark.fault("N23")
def test_an_empty_variable_leaves_its_other_name_to_set_the_field(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("ACTIVITY_DATABASE_URL", "postgresql://h/d")
    assert Settings().database_url == "postgresql://h/d"


@pytest.mark.parametrize("form", ["{}", " {} ", "{}\n", "{}\r\n", '"{}"', "'{}'", '"{}"\n'])
@pytest.mark.parametrize(("variable", "given", "field", "value"), VARIABLES)
def test_quotes_and_whitespace_around_a_value_are_not_of_it(
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    given: str,
    field: str,
    value: object,
    form: str,
) -> None:
    if field == "jwt_jwks":  # it needs one
        monkeypatch.setenv("ACTIVITY_JWT_AUDIENCE", "activity")
    monkeypatch.setenv(variable, form.format(given))
    assert getattr(Settings(), field) == value


def test_each_of_a_list_may_be_in_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_READ_KEYS", f'"{KEY}", "{OTHER_KEY}"\n')
    assert Settings().read_keys == (SecretStr(KEY), SecretStr(OTHER_KEY))


def test_a_quote_within_a_value_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_JWT_SECRET", f'"{KEY}"x"')
    assert Settings().jwt_secret == SecretStr(f'"{KEY}"x"')


@pytest.mark.fault("newcomer-19")
@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("ACTIVITY_ADMN_KEYS", "ACTIVITY_ADMN_KEYS is not a setting; did you mean"),
        ("ACTIVITY_ADMN_KEYS", "did you mean ACTIVITY_ADMIN_KEYS?"),
        ("activity_admn_keys", "activity_admn_keys is not a setting; did you mean"),
        ("ACTIVITY_READ_KEY", "did you mean ACTIVITY_READ_KEYS?"),
        ("ACTIVITY_JWT_SECRETS", "did you mean ACTIVITY_JWT_SECRET?"),
        ("ACTIVITY_RETENTION", "did you mean ACTIVITY_RETENTION_DAYS?"),
        ("ACTIVITY_NO_SUCH", "ACTIVITY_NO_SUCH is not a setting: unset it"),
        ("ACTIVITY_PORTS", "did you mean ACTIVITY_PORT?"),
    ],
)
@pytest.mark.parametrize("value", ["k" * 32, ""])
def test_a_variable_by_a_name_that_is_no_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError, match=re.escape(said)):
        Settings()


@pytest.mark.fault("newcomer-19")
def test_what_kubernetes_says_of_a_service_called_activity_is_no_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = "tcp://10.96.12.7:8000"
    for service in ("ACTIVITY", "ACTIVITY_EVENTS", "ACTIVITY_DATABASE", "ACTIVITY_READ"):
        for name, value in {
            "SERVICE_HOST": "10.96.12.7",
            "SERVICE_PORT": "8000",
            "SERVICE_PORT_HTTP": "8000",
            "PORT": at,
            "PORT_8000_TCP": at,
            "PORT_8000_TCP_PROTO": "tcp",
            "PORT_8000_TCP_PORT": "8000",
            "PORT_8000_TCP_ADDR": "10.96.12.7",
        }.items():
            monkeypatch.setenv(f"{service}_{name}", value)
    assert Settings() == Settings(port=8000)
    monkeypatch.setenv("PORT", "9000")
    assert Settings().port == 9000


@pytest.mark.fault("newcomer-19")
def test_every_variable_that_this_repository_reads_is_known() -> None:
    files = subprocess.run(
        ["git", "ls-files"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    # Records say what there once was; here are names that are wrong on purpose.
    named = set()
    for path in (ROOT / each for each in files if not each.startswith("docs/decisions/")):
        if path.suffix in {".lock", ".png"} or path == Path(__file__) or not path.exists():
            continue
        text = path.read_text(errors="ignore")
        named |= set(re.findall(r"(?<![A-Za-z_])ACTIVITY_[A-Z_]*[A-Z]\b(?!_)", text))
    assert named >= {"ACTIVITY_ADMIN_KEYS", "ACTIVITY_URL", "ACTIVITY_SCREENSHOTS"}
    assert unknown_variables(dict.fromkeys(named, "x"), Settings.model_fields) == {}


def test_a_file_in_the_working_folder_sets_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=9\nACTIVITY_WORKERS=9\nACTIVITY_NO_SUCH=1\n")
    expected = Settings()
    monkeypatch.chdir(tmp_path)
    assert Settings() == expected


@pytest.mark.fault("newcomer-11")
def test_the_data_is_in_the_same_place_from_everywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().data_dir == ROOT / ".data"
    monkeypatch.setattr("app.settings.ROOT", tmp_path / "site-packages")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert Settings().data_dir == Path("/var/lib/activity-events")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert Settings().data_dir == tmp_path / "home" / ".local" / "share" / "activity-events"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert Settings().data_dir == tmp_path / "xdg" / "activity-events"


def test_a_data_folder_of_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_DATA_DIR", "~nobody-is-called-so/data")
    with pytest.raises(ValidationError, match=r"the home folder in .* is unknown"):
        Settings()


@pytest.mark.fault("newcomer-18")
@pytest.mark.parametrize(
    "field",
    ["write_keys", "read_keys", "admin_keys", "metrics_keys", "jwt_secret", "erasure_secret"],
)
def test_a_secret_that_is_too_short_is_told_so_in_plain_words(field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**{field: "abc"})  # type: ignore[arg-type]
    (error,) = caught.value.errors()
    assert "must have at least 32 characters (got 3)" in error["msg"]
    assert "at least 32 characters" in (Settings.model_fields[field].description or "")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", ""),
        ("/", ""),
        ("events", "/events"),
        ("/events/", "/events"),
        (" /a/b-c_d.e~1 ", "/a/b-c_d.e~1"),
    ],
)
def test_the_base_path_has_one_form(given: str, path: str) -> None:
    assert Settings(base_path=given).base_path == path
    assert Settings(base_path=given).url_at(8000) == f"http://127.0.0.1:8000{path}"


@pytest.mark.parametrize(
    "given",
    ["//a//b", "/a/../b", "/.", "/a b", '/"x', "/ä", "/%2F", "/a?b", "http://h/a", "/" + "a" * 101],
)
def test_a_base_path_that_is_no_path_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="must be a path such as /events"):
        Settings(base_path=given)
