"""docs/operations.md and deploy/: what they name is there, and what is there they name."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from typer.main import get_command

from app.cli.main import app as command_line
from app.database.postgres_binaries import run
from app.ingest.accept import SUPPRESSED
from app.settings import Settings
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "operations.md").read_text()
UNIT = ROOT / "deploy" / "activity-events.service"
ENVIRONMENT = ROOT / "deploy" / "activity-events.env"
BIN = Path(sys.executable).parent
EXPOSURE_MAX = 2.0  # of 10, as `systemd-analyze security` counts


def blocks_of(heading: str, language: str) -> list[str]:
    """The code blocks of one language under a heading."""
    section = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE
    )
    assert section is not None
    return re.findall(rf"```{language}\n(.*?)```", section[1], re.DOTALL)


def known_variables() -> set[str]:
    known = set()
    for name, setting in Settings.model_fields.items():
        aliases = getattr(setting.validation_alias, "choices", [])
        known |= {f"ACTIVITY_{name.upper()}", *map(str, aliases)}
    return known


def codes_in_the_code() -> Iterator[str]:
    """Each code that an error or a verdict can have, and those of the client."""
    yield from (outcome.value for outcome in SUPPRESSED)
    client = ROOT / "clients" / "python" / "src"
    for path in [*(ROOT / "app").rglob("*.py"), *client.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
                if name in {"Fault", "Mark", "error_body"} and node.args:
                    yield from texts_of(node.args[0])
                if name == "_leave_out":
                    yield from texts_of(node.args[1])
                given = [each.value for each in node.keywords if each.arg == "code"]
                yield from (text for each in given for text in texts_of(each))
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                name = getattr(target, "id", None)
                if name == "code" and path.name == "errors.py":
                    yield from texts_of(node.value)
                elif name in {"_CODES", "_STATUS_CODES"} and isinstance(node.value, ast.Dict):
                    yield from (text for each in node.value.values for text in texts_of(each))


def texts_of(node: ast.expr) -> Iterator[str]:
    """The texts that an expression can be: of `a if b else c`, `a or b` and `get(a, b)`, each."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*texts_of(node.body), *texts_of(node.orelse))
    elif isinstance(node, ast.BoolOp):
        yield from (text for each in node.values for text in texts_of(each))
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "get":
        yield from (text for each in node.args[1:] for text in texts_of(each))


def test_every_error_code_is_listed_and_every_listed_one_is_there() -> None:
    listed = re.findall(r"^\| `([a-z_0-9]+)` \| [\d, a-z]+ \| \S", DOCUMENT, re.MULTILINE)
    assert len(listed) == len(set(listed)) > 40
    assert sorted(listed) == sorted(set(codes_in_the_code()))


def test_the_codes_are_read_off_every_way_to_give_one() -> None:
    """One of each, so that a reader of the syntax tree that misses a way is noticed."""
    assert {
        "internal",  # a class
        "wrong_scope",  # an argument
        "all_rejected",  # a body
        "rejected",  # `verdict.code or "rejected"`
        "bad_request",  # a status of the framework's
        "http_error",  # any other of those
        "invalid_envelope",  # one of two
        "number_out_of_range",  # a mark in JSON
        "missing_field",  # a fault of pydantic's
    } <= set(codes_in_the_code())


def test_every_warning_is_documented() -> None:
    table = (ROOT / "docs" / "http-api.md").read_text().partition("| warning | meaning |")[2]
    rows = re.findall(r"^\| (`.*?) \| \S", table.partition("\n\n")[0], re.MULTILINE)
    listed = {code for row in rows for code in re.findall(r"`([a-z_]+)`", row)}
    given = {"truncated_body", "event_too_large"}
    # The kinds of personal data that `pii_walk` notes are in the message, not codes.
    readers = {*(ROOT / "app/ingest").glob("*.py")} - {ROOT / "app/ingest/pii_walk.py"}
    for path in (*readers, ROOT / "app/schemas/strict_json.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = isinstance(node, ast.Call) and (
                getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            )
            if isinstance(node, ast.Call) and name in {"Warn", "_note", "Mark", "_leave_out"}:
                given |= set(texts_of(node.args[1 if name == "_leave_out" else 0]))
    assert {"too_deep", "hashed_id", "clock_corrected"} < given
    assert sorted(given - listed) == []


def test_it_names_no_setting_and_no_command_that_is_not_there() -> None:
    known = known_variables()
    named = set(re.findall(r"\b(?:ACTIVITY|READ)_[A-Z_]+[A-Z]\b", DOCUMENT))
    assert named > {"ACTIVITY_ADMIN_KEYS", "ACTIVITY_ERASURE_SECRET"}
    assert sorted(named - known) == []
    commands = get_command(command_line).commands  # type: ignore[attr-defined]
    words = set(re.findall(r"activity-events (?!of )([a-z]+)\b", DOCUMENT))
    assert sorted(words - set(commands)) == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert sorted(set(re.findall(r"(?:`|^)make ([a-z-]+)", DOCUMENT, re.MULTILINE)) - targets) == []


def test_its_links_and_files_are_there() -> None:
    headings = re.findall(r"^#+ (.+)$", DOCUMENT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
    linked = re.findall(r"\]\(#([^)]+)\)", DOCUMENT)
    assert len(linked) > 8
    assert sorted(set(linked) - anchors) == []
    files = set(re.findall(r"`((?:deploy|tests|alembic|docs)/[\w./-]+)`", DOCUMENT))
    assert {"deploy/compose.yaml", "tests/service/test_backup.py"} <= files
    made_by_its_reader = {"deploy/.env"}
    assert [each for each in sorted(files - made_by_its_reader) if not (ROOT / each).exists()] == []


def test_files_of_platforms_can_be_read() -> None:
    heroku, render = (yaml.safe_load(each) for each in blocks_of("On a platform", "yaml"))
    assert heroku["release"]["command"] == ["activity-events migrate"]
    (service,) = render["services"]
    assert service["preDeployCommand"] == "activity-events migrate"
    assert {each["key"] for each in service["envVars"]} <= known_variables()
    (fly,) = (tomllib.loads(each) for each in blocks_of("On a platform", "toml"))
    assert fly["deploy"]["release_command"] == "activity-events migrate"
    assert int(fly["env"]["PORT"]) == fly["http_service"]["internal_port"]
    started = {heroku["run"]["web"], service["dockerCommand"], fly["processes"]["app"]}
    assert started == {"activity-events serve --host 0.0.0.0 --no-migrate"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    return loaded


def test_compose_names_settings_of_the_service(compose: dict[str, Any]) -> None:
    for name in ("migrate", "service"):
        environment = compose["services"][name]["environment"]
        assert environment.keys() <= known_variables()
        given = {
            key: re.sub(r"\$\{\w+:\?[^}]+\}", "ab" * 24, environment[key]) for key in environment
        }
        settings = Settings.model_validate(
            {key.removeprefix("ACTIVITY_").lower(): each for key, each in given.items()}
        )
        assert settings.has_credentials
        assert settings.erasure_secret is not None
    secrets = re.findall(r"^([A-Z_]+)=\$\(openssl", DOCUMENT, re.MULTILINE)
    needed = set(re.findall(r"\$\{(\w+):\?", (ROOT / "deploy" / "compose.yaml").read_text()))
    assert set(secrets) == needed


def test_compose_waits_for_what_it_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    waits = {
        name: {on: each["condition"] for on, each in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert waits == {
        "database": {},
        "migrate": {"database": "service_healthy"},
        "service": {"migrate": "service_completed_successfully"},
    }
    assert services["database"]["image"] == "postgres:18"
    assert services["database"]["healthcheck"]["test"][1] == "pg_isready"
    (volume,) = services["database"]["volumes"]
    assert volume.split(":") == ["data", "/var/lib/postgresql"]
    assert "data" in compose["volumes"]
    assert services["migrate"]["restart"] == "on-failure"
    assert all(each.startswith("127.0.0.1:") for each in services["service"]["ports"])
    commands = get_command(command_line).commands  # type: ignore[attr-defined]
    for name in ("migrate", "service"):
        program, command, *options = services[name]["command"]
        assert (program, services[name]["build"]) == ("activity-events", "..")
        known = {
            option
            for each in commands[command].params
            for option in (*each.opts, *each.secondary_opts)
        }
        assert {each for each in options if each.startswith("--")} <= known


def test_compose_gives_postgresql_options_that_it_knows(compose: dict[str, Any]) -> None:
    known = {
        line.split("\t")[0]
        for line in run("postgres", "--describe-config", account=None).splitlines()
    }
    program, *options = compose["services"]["database"]["command"]
    given = [re.fullmatch(r"--(\w+)=(\w+)", each) for each in options]
    assert program == "postgres"
    assert {each[1] for each in given if each is not None} <= known
    assert len(options) >= 1
    assert None not in given


def unit() -> RawConfigParser:
    parser = RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    return parser


def test_the_unit_runs_commands_that_are_there() -> None:
    service = unit()["Service"]
    commands = get_command(command_line).commands  # type: ignore[attr-defined]
    for key in ("ExecStartPre", "ExecStart"):
        program, command, *_ = service[key].split()
        assert program == "/opt/activity-events/.venv/bin/activity-events"
        assert command in commands
    assert service["EnvironmentFile"] == "/etc/activity-events.env"
    grace = Settings.model_fields["shutdown_grace_seconds"].default
    assert int(service["TimeoutStopSec"]) > grace
    assert service["DynamicUser"] == service["NoNewPrivileges"] == "yes"


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"),
    reason="there is no systemd here",
)
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    there = tmp_path / UNIT.name
    there.write_text(UNIT.read_text().replace("/opt/activity-events/.venv/bin", str(BIN)))
    for words in (
        ["verify"],
        ["security", "--offline=true", f"--threshold={EXPOSURE_MAX * 10:.0f}", "--no-pager"],
    ):
        done = subprocess.run(
            ["systemd-analyze", *words, str(there)],  # noqa: S607 (that of the machine)
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        assert UNIT.name not in done.stderr


def test_the_environment_file_is_complete_and_refused_until_it_is_filled_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [each for each in ENVIRONMENT.read_text().splitlines() if not each.startswith("#")]
    given = dict(each.split("=", 1) for each in lines)
    assert given.keys() <= known_variables()
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert {str(each["loc"][0]) for each in refused.value.errors()} == {
        "admin_keys",
        "erasure_secret",
    }
    monkeypatch.setenv("ACTIVITY_ADMIN_KEYS", "ab" * 24)
    monkeypatch.setenv("ACTIVITY_ERASURE_SECRET", "cd" * 32)
    assert Settings().has_credentials


def test_the_image_is_built_of_what_is_there() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    assert {"app", "alembic", "setup.py", "requirements/service.lock", "frontend"} <= set(copied)
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    for each in copied:
        assert (ROOT / each).exists()
        assert each.split("/")[0] in allowed


@pytest.mark.fault("newcomer-56")
def test_an_upgrade_brings_all_that_is_new() -> None:
    (words,) = [each for each in blocks_of("With systemd", "bash") if "make upgrade" in each]
    assert words.strip().endswith("make upgrade && systemctl restart activity-events")
    done = subprocess.run(
        ["make", "--dry-run", "upgrade"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    steps = [
        "git pull",
        "requirements/service.lock",
        "frontend",
        "rm -rf build",
        "--force-reinstall .",
    ]
    places = [done.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.fault("newcomer-69")
def test_files_with_secrets_are_not_for_git() -> None:
    named = set(re.findall(r"cat > (\S+) <<END", DOCUMENT)) & {"deploy/.env"}
    assert named
    ignored = subprocess.run(
        ["git", "check-ignore", *named, ".env"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert set(ignored) == named | {".env"}
