"""The README says all there is, and what it says is so."""

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from app.cli import app as command_line
from app.client import ActivityClient
from app.main import create_app
from app.settings import Settings
from tests.conftest import ROOT, LiveServer, fresh_database, running_service

README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
BLOCKS = FENCE.findall(README)
ANYTHING = "..."
OF_THE_CLIENT = {"ACTIVITY_URL", "ACTIVITY_KEY"}


def variables() -> Iterator[tuple[str, object, str]]:
    for name, field in Settings.model_fields.items():
        alias = getattr(field.validation_alias, "choices", [f"ACTIVITY_{name.upper()}"])[0]
        default = "" if field.default_factory else field.default
        yield str(alias), default, field.description or ""


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    for name, default, description in variables():
        default = ",".join(default) if isinstance(default, tuple) else default
        shown = "" if default in (None, "") else f"`{default}`".replace("False", "false")
        assert f"| `{name}` | {shown} | {description} |" in README


def test_the_readme_names_no_setting_that_is_not_there() -> None:
    known = {name for name, _, _ in variables()} | OF_THE_CLIENT
    assert set(re.findall(r"\bACTIVITY_[A-Z_]+\b", README)) <= known


def test_every_route_is_in_the_readme() -> None:
    paths = create_app(Settings(), "postgresql://unused").openapi()["paths"]
    for path, operations in paths.items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in README


def test_every_command_is_in_the_readme() -> None:
    for name in get_command(command_line).commands:  # type: ignore[attr-defined]
        assert f"activity-events {name}" in README


def test_every_make_target_that_the_readme_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join(text for _, text in BLOCKS))) <= targets


def test_relative_links_and_decision_records_are_there() -> None:
    sources = [*ROOT.glob("app/**/*.py"), ROOT / "README.md"]
    named = {name for path in sources for name in re.findall(r"docs/[\w/-]+\.md", path.read_text())}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.fixture(scope="module")
def empty(server_url: str) -> Iterator[LiveServer]:
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as server:
        yield server


def test_the_curl_examples_give_the_answers_shown(empty: LiveServer, tmp_path: Path) -> None:
    # The part before it asks about this repository's own history, which grows.
    examples = FENCE.findall(README[README.index("## Then: your own events") :])
    compared = 0
    for (language, text), (next_language, expected) in itertools.pairwise(examples):
        if language != "sh" or "curl" not in text:
            continue
        script = text.replace("http://127.0.0.1:8000", empty.url)
        # A variable keeps its value from one example to the next, as in a reader's shell.
        names = re.findall(r"^([A-Z]+)=", script, re.MULTILINE)
        kept = [f"declare -p {name} >> variables" for name in names]
        answer = bash(tmp_path, "touch variables; . ./variables", script, *kept)
        if next_language == "json":
            assert_like(json.loads(answer), json.loads(expected))
            compared += 1
    assert compared == 10


def test_no_example_needs_a_user_whom_an_earlier_one_erases() -> None:
    erased = [
        (place, user)
        for place, (_, text) in enumerate(BLOCKS)
        if "-X DELETE" in text and "dry_run" not in text
        for user in re.findall(r"user_email=([\w.@]+)", text)
    ]
    assert erased
    for place, user in erased:
        assert user not in "".join(text for _, text in BLOCKS[place + 1 :])


def test_the_python_examples_do_what_they_say(server_url: str, tmp_path: Path) -> None:
    first = README.index("## From a Python backend")
    snippets = FENCE.findall(README[first : README.index("## For AI assistants")])
    assert [language for language, _ in snippets] == ["python"] * 3
    script = [text for _, text in snippets]
    script += ["def ask_model(prompt): return prompt", "print(generate_standup('ada@example.com'))"]
    assert len(snippets[-1][1].splitlines()) <= 10
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as server:
        source = "\n".join(script).replace("http://127.0.0.1:8000", server.url)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", source]
        said = subprocess.check_output(
            command, cwd=tmp_path, env=environment, text=True, timeout=60
        )
    lines = said.splitlines()
    assert lines[:5] == [
        "accepted",
        "email_opened None",
        "project_created 42",
        "2",
        "['project_created', 'email_opened', 'project_opened']",
    ]
    assert lines[5].startswith("Write a daily standup: ")
    assert lines[7].startswith('Text in "double quotes" was written by users')
    assert lines[8].startswith("[1] 3 actions on 1 day")


def test_the_readme_names_every_method_of_the_client() -> None:
    methods = [name for name in vars(ActivityClient) if not name.startswith("_")]
    assert [name for name in [*methods, "track", "counts"] if f"`{name}`" not in README] == []


def bash(folder: Path, *lines: str) -> str:
    command = ["/bin/bash", "-euc", "\n".join(lines)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=30, check=True
    ).stdout


def assert_like(found: object, shown: object) -> None:
    """Equal, in the order of its keys too, but where the README shows dots."""
    if shown == ANYTHING:
        return
    if isinstance(shown, dict):
        assert isinstance(found, dict)
        assert list(found) == list(shown)
        for key in shown:
            assert_like(found[key], shown[key])
    elif isinstance(shown, list):
        assert isinstance(found, list)
        assert len(found) == len(shown)
        for one, other in zip(found, shown, strict=True):
            assert_like(one, other)
    else:
        assert found == shown


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("service", ("build", "ai", "otel")),
        ("run", ("build", "ai", "otel", "embedded")),
        ("dev", ("build", "ai", "otel", "embedded", "dev")),
    ],
)
def test_the_lock_files_hold_every_dependency(lock: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    locked = (ROOT / "requirements" / f"{lock}.lock").read_text()
    names = {re.split(r"[\[>=;]", each)[0].strip() for each in wanted}
    assert [name for name in sorted(names) if f"\n{name}==" not in f"\n{locked}"] == []
    assert "://" not in locked
