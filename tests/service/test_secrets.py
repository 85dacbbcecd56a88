"""No secret of the settings is printed, logged, answered or counted, whatever goes wrong."""

import itertools
import logging
import re
import subprocess

import httpx
import pytest

from app.auth.keys import Key
from app.observability.logs import JsonFormatter, TextFormatter, configure_logs
from app.settings import Settings
from tests.conftest import ROOT, fresh_database, running_service
from tests.service.test_serve import COMMAND, TIMEOUT_SECONDS

pytestmark = pytest.mark.fault("N4", "E4")

MARK = "PLANTED"
# Each setting that is a secret or may hold one, with one that is long enough.
SECRETS = {
    "DATABASE_URL": f"postgresql://u:{MARK}pw@127.0.0.1:1/x",
    "READ_DATABASE_URL": f"postgresql://u:{MARK}pw@127.0.0.1:1/x",
    "ACTIVITY_WRITE_KEYS": f"{MARK}-write-{'k' * 40}",
    "ACTIVITY_READ_KEYS": f"{MARK}-read-{'k' * 40}",
    "ACTIVITY_ADMIN_KEYS": f"{MARK}-admin-{'k' * 40}",
    "ACTIVITY_METRICS_KEYS": f"{MARK}-metrics-{'k' * 40}",
    "ACTIVITY_JWT_SECRET": f"{MARK}-jwt-{'k' * 40}",
    "ACTIVITY_JWT_AUDIENCE": "activity",
    "ACTIVITY_JWT_JWKS": f"http://u:{MARK}pw@127.0.0.1:1/jwks.json",
    "ACTIVITY_ERASURE_SECRET": f"{MARK}-erasure-{'k' * 40}",
    "ACTIVITY_RATE_LIMIT_STORAGE": f"redis://:{MARK}pw@127.0.0.1:1",
    "OPENAI_API_KEY": f"{MARK}-openai-{'k' * 40}",
}
WRONG = {
    "DATABASE_URL": [
        f"postgresql://u:{MARK}pw@127.0.0.1:1/x?sslmode=nonsense",
        f"mysql://u:{MARK}pw@127.0.0.1/x",
        f"postgresql://u:{MARK}pw@no-such-host.invalid/x",
    ],
    "READ_DATABASE_URL": [f"mysql://u:{MARK}pw@127.0.0.1/x"],
    "ACTIVITY_ADMIN_KEYS": [f"{MARK}-short", f"{MARK}-a,{MARK}-b"],
    "ACTIVITY_JWT_SECRET": [f"{MARK}-short"],
    "ACTIVITY_ERASURE_SECRET": [f"{MARK}-short"],
    "ACTIVITY_RATE_LIMIT_STORAGE": [f"tape://:{MARK}pw@127.0.0.1", f"redis://:{MARK}pw@h:x"],
    "ACTIVITY_ALLOWED_ORIGINS": [f"https://u:{MARK}pw@app.example.com"],
}


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], env={"PATH": "", **environment}, cwd=ROOT, capture_output=True,
        text=True, timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_start_that_fails(name: str, value: str) -> None:
    done = run("serve", "--port", "0", **{**SECRETS, name: value})
    assert done.returncode == 1, done.stdout
    assert done.stderr
    assert MARK not in done.stdout + done.stderr


def test_other_commands_without_a_database() -> None:
    for words in (["migrate"], ["keys", "list"], ["verify"], ["erase", "a@x.io", "--yes"]):
        done = run(*words, **SECRETS)
        assert done.returncode == 1
        assert MARK not in done.stdout + done.stderr, words


def test_a_run_in_which_everything_fails(server_url: str) -> None:
    """A replica and an issuer that can't be reached; keys and tokens sent to every door."""
    secrets = {
        name: value
        for name, value in SECRETS.items()
        if "RATE" not in name and "OPENAI" not in name
    }
    with fresh_database(server_url) as url:
        given = {**secrets, "DATABASE_URL": url, "ACTIVITY_LOG_LEVEL": "debug",
                 "ACTIVITY_LOG_REQUESTS": "all"}  # fmt: skip
        answers = []
        with (
            running_service(**given) as server,
            httpx.Client(base_url=server.url, timeout=60) as client,
        ):
            keys = [value for name, value in secrets.items() if "KEYS" in name]
            token = f"eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJ{MARK}.c2ln"
            for key, path in itertools.product((*keys, token), ("/api/events/", "/metrics")):
                for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
                    answers.append(client.get(path, headers=headers))
            for path in ("/health/ready", "/mcp", "/nothing", "/openapi.json"):
                answers.append(client.post(path, headers={"X-API-Key": keys[0]}))
            answers.append(client.get("/api/events/", headers={"Authorization": f"Basic {MARK}"}))
            server.process.terminate()
            assert server.process.stdout is not None
            written = server.greeting + server.process.stdout.read()
    assert {200, 401, 403} <= {answer.status_code for answer in answers}
    assert len(written.splitlines()) > 20
    assert MARK not in written
    for answer in answers:
        assert MARK not in answer.text + repr(dict(answer.headers)), answer.request.url


def test_what_is_shown_of_settings_and_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.database_url is not None
    assert MARK in settings.database_url  # it is read
    assert MARK not in repr(settings) + str(settings)
    described = [
        (name, field) for name, field in Settings.model_fields.items()
        if re.search(r"url|key|secret|jwks|storage|password|token", name)
    ]  # fmt: skip
    shown = {name for name, _ in described if f" {name}=" in f" {settings!r}"}
    # Of those that may hold a secret, only what hides itself is shown, and what is none.
    assert shown == {
        "write_keys", "read_keys", "admin_keys", "metrics_keys", "jwt_secret", "erasure_secret",
        "pii_keys", "rate_limit_key_per_minute", "rate_limit_key_events_per_minute",
        "rate_limit_key_bytes_per_minute", "llm_max_tokens",
    }  # fmt: skip
    assert "secret" not in {each for each in Key.__dataclass_fields__ if each != "hash"}


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_line_that_would_hold_one(
    monkeypatch: pytest.MonkeyPatch, formatter: logging.Formatter
) -> None:
    """Whatever a library of others writes, of whatever form the secret is."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logs(Settings())
        for name, value in SECRETS.items():
            if name == "OPENAI_API_KEY":
                continue  # its library's, not ours
            record = logging.LogRecord("other", 40, "f.py", 1, "sent %s", (value,), None)
            record.fields = {"of": value}
            assert MARK not in formatter.format(record), name
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
