"""The documentation is complete, and what it says is so."""

import inspect
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

from activity_events import ActivityClient, Backoff
from app.cli.main import app as command_line
from app.main import create_app
from app.schemas.event_types import KNOWN_TYPES
from app.settings import Settings
from tests.conftest import ROOT, LiveServer, fresh_database, running_service
from tools.reference import PAGES as GENERATED
from tools.reference import setting_groups

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
# As a reader meets them, so that one example may build on another.
READING_ORDER = (
    "index", "quickstart", "tracking-plan", "http-api", "import-export", "tracker",
    "python-client", "analytics", "insights", "mcp", "privacy", "access", "operations",
    "monitoring", "scaling", "settings", "command-line", "metrics", "architecture", "glossary",
)  # fmt: skip
PAGES = {name: (DOCS / f"{name}.md").read_text() for name in READING_ORDER}
TEXTS = {"README": README, **PAGES}
EVERYTHING = "\n".join(TEXTS.values())
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
BLOCKS = FENCE.findall(EVERYTHING)
# Their curl examples run one after the other, on a database that is empty at first.
RUN = ("README", "quickstart", "analytics", "insights", "privacy", "monitoring")
ANYTHING = "..."
OF_THE_CLIENT = {"ACTIVITY_URL", "ACTIVITY_KEY"}
OF_KUBERNETES = {"ACTIVITY_PORT"}  # where a service is called `activity`
README_MAX_BYTES = 10_000


def variables() -> Iterator[tuple[str, object, str]]:
    for name, field in Settings.model_fields.items():
        alias = getattr(field.validation_alias, "choices", [f"ACTIVITY_{name.upper()}"])[0]
        default = "" if field.default_factory else field.default
        yield str(alias), default, field.description or ""


def test_the_readme_can_be_read_in_one_go() -> None:
    assert len(README.encode()) <= README_MAX_BYTES


def test_every_page_is_known_here_in_the_index_and_in_the_readme() -> None:
    assert {path.stem for path in DOCS.glob("*.md")} == set(PAGES)
    for name in set(PAGES) - {"index"}:
        assert f"({name}.md" in PAGES["index"]
        assert f"(docs/{name}.md" in README


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_up_to_date(name: str) -> None:
    """Otherwise: `make reference`."""
    assert (DOCS / name).read_text() == GENERATED[name]()


def test_every_setting_is_in_a_group() -> None:
    grouped = [name for names in setting_groups().values() for name in names]
    assert sorted(grouped) == sorted(Settings.model_fields)
    assert min(len(names) for names in setting_groups().values()) > 1


def test_every_setting_is_documented_with_its_default() -> None:
    for name, default, description in variables():
        default = ",".join(default) if isinstance(default, tuple) else default
        shown = "" if default in (None, "") else f"`{default}`".replace("False", "false")
        assert f"| `{name}` | {shown} | {description} |" in PAGES["settings"]


def test_the_documentation_names_no_setting_that_is_not_there() -> None:
    known = {name for name, _, _ in variables()} | OF_THE_CLIENT | OF_KUBERNETES
    assert set(re.findall(r"\bACTIVITY_[A-Z_]+\b", EVERYTHING)) <= known


def test_every_route_is_documented() -> None:
    paths = create_app(Settings(), "postgresql://unused").openapi()["paths"]
    for path, operations in paths.items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in PAGES["http-api"]


def test_every_command_is_documented() -> None:
    written = EVERYTHING.replace(PAGES["command-line"], "")
    for name in get_command(command_line).commands:  # type: ignore[attr-defined]
        assert f"### `activity-events {name}`" in PAGES["command-line"]
        assert f"activity-events {name}" in written


def test_every_make_target_that_the_documentation_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = BLOCKS + FENCE.findall((ROOT / "CONTRIBUTING.md").read_text())
    named = set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join(text for _, text in blocks)))
    named |= set(re.findall(r"`make ([a-z-]+)", EVERYTHING))
    assert named <= targets


def anchors(text: str) -> set[str]:
    """Those of a page's headings, as both the site and repository hosts make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.M)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


def test_links_lead_to_pages_and_headings_that_are_there() -> None:
    sources = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
    links = 0
    for source in (*sources, *DOCS.rglob("*.md")):
        text = re.sub(r"```.*?```|`[^`\n]+`", "", source.read_text(), flags=re.DOTALL)
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            name, _, anchor = link.partition("#")
            target = source.parent / name if name else source
            assert target.exists(), f"{source.name}: {link}"
            assert not anchor or anchor in anchors(target.read_text()), f"{source.name}: {link}"
            # The site holds nothing else.
            assert source in sources or target.is_relative_to(DOCS), f"{source.name}: {link}"
            links += 1
    assert links > 100


def test_pages_and_decision_records_that_the_code_names_are_there() -> None:
    named = {
        name
        for path in ROOT.glob("app/**/*.py")
        for name in re.findall(r"docs/[\w/-]+\.md", path.read_text())
    }
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_known_event_type_is_in_the_tracking_plan() -> None:
    for name, (category, _) in KNOWN_TYPES.items():
        row = rf"^\| `{category}` \| .*`{name}`"
        assert re.search(row, PAGES["tracking-plan"], re.MULTILINE), name


@pytest.fixture(scope="module")
def empty(server_url: str) -> Iterator[LiveServer]:
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as server:
        yield server


def test_the_curl_examples_give_the_answers_shown(empty: LiveServer, tmp_path: Path) -> None:
    texts = {name: TEXTS[name] for name in RUN}
    # The part before it asks about this repository's own history, which grows.
    first = texts["quickstart"].index("## Log your own events")
    texts["quickstart"] = texts["quickstart"][first:]
    examples = FENCE.findall("\n".join(texts.values()))
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
    assert compared == 11


def test_every_page_with_a_curl_example_is_run() -> None:
    for name, text in TEXTS.items():
        if any(language == "sh" and "curl" in block for language, block in FENCE.findall(text)):
            assert name in RUN


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
    page = PAGES["python-client"]
    # Those of frameworks are run by tests/client/test_python_projects.py.
    of_frameworks = re.findall(r"^## FastAPI.*?(?=^## )", page, re.MULTILINE | re.DOTALL)
    page = page.replace(of_frameworks[0], "")
    snippets = [each for each in FENCE.findall(page) if each[0] == "python"]
    assert len(snippets) == 3
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


def test_the_python_example_of_the_readme_runs(server_url: str, tmp_path: Path) -> None:
    (source,) = (text for language, text in FENCE.findall(README) if language == "python")
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url) as server:
        source = source.replace("http://127.0.0.1:8000", server.url)
        source += (
            "client.flush()\nprint([e['event_type'] for e in client.recent('ada@example.com')])"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        said = subprocess.check_output(
            [sys.executable, "-c", source], cwd=tmp_path, env=environment, text=True, timeout=60
        )
    assert said == "['email_opened', 'project_created']\n"


def test_every_method_of_the_client_is_documented() -> None:
    page = PAGES["python-client"]
    methods = [name for name in vars(ActivityClient) if not name.startswith("_")]
    assert [name for name in [*methods, "track", "counts"] if f"`{name}`" not in page] == []


@pytest.mark.fault("newcomer-44")
def test_every_option_of_the_client_is_documented_with_its_default() -> None:
    options = list(inspect.signature(ActivityClient).parameters.values())
    assert len(options) >= 10
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| \w", PAGES["python-client"], re.MULTILINE)
    shown = {name: eval(default, {"Backoff": Backoff}) for name, default in rows}  # noqa: S307
    assert shown == {option.name: option.default for option in options}


def bash(folder: Path, *lines: str) -> str:
    command = ["/bin/bash", "-euc", "\n".join(lines)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=30, check=True
    ).stdout


def assert_like(found: object, shown: object) -> None:
    """Equal, in the order of its keys too, but where the documentation shows dots."""
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
    names -= {"activity-events"}  # it is installed from clients/python
    assert [name for name in sorted(names) if f"\n{name}==" not in f"\n{locked}"] == []
    assert "://" not in locked


def test_the_lock_file_of_the_site_holds_its_generator() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    locked = (ROOT / "requirements" / "docs.lock").read_text()
    assert "://" not in locked
    for each in groups["docs"]:
        name = re.split(r"[\[>=;]", each)[0].strip()
        assert f"\n{name}==" in f"\n{locked}"
        for lock in ("service", "run", "dev"):  # the service does not need it
            assert f"\n{name}==" not in f"\n{(ROOT / 'requirements' / f'{lock}.lock').read_text()}"
