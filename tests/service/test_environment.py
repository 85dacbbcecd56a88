"""The command line, wherever it is called, with whatever environment; and installed, without the
checkout."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest

from activity_events import ActivityClient
from tests.commands import printed_by
from tests.conftest import ROOT, LiveServer, fresh_database

COMMAND = Path(sys.executable).with_name("activity-events")
# Not in one piece: every name in one piece in this repository is a setting.
MISSPELT = "ACTIVITY_" + "ADMN_KEYS"


def run(
    *words: str | Path,
    cwd: Path,
    code: int = 0,
    command: Path = COMMAND,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """What it prints; the variables that are set to nothing are none."""
    variables = {"DATABASE_URL": "", **environment}
    return printed_by(command, *words, cwd=cwd, environment=variables, code=code)


@pytest.mark.fault("newcomer-11", "N23")
def test_a_command_that_finds_no_data_makes_none(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for words in (["query"], ["keys", "create", "x", "--scope", "read"]):
        said = run(*words, cwd=tmp_path, code=1, environment={"ACTIVITY_DATA_DIR": str(data)})
        assert said.startswith(f"Error: There is no database in {data}. Start the service")
        assert "ACTIVITY_DATA_DIR or DATABASE_URL" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("newcomer-58")
def test_a_file_of_variables_is_read_wherever_it_is_named(
    live: LiveServer, server_url: str, tmp_path: Path
) -> None:
    with fresh_database(server_url) as url:
        file = tmp_path / "events.env"
        file.write_text(
            "# of root, mode 600\n; as systemd has it\nACTIVITY_RETENTION_DAYS=30\n"
            f'export DATABASE_URL="{url}"\nACTIVITY_LLM_MODEL=\n'
        )
        elsewhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}
        made = run(
            "keys", "create", "website", "--scope", "write", "--env-file", file,
            cwd=tmp_path, environment=elsewhere,
        )  # fmt: skip
        assert "(write)" in made
        assert "website" in run(
            f"--env-file={file}", "keys", "list", cwd=tmp_path, environment=elsewhere
        )


@pytest.mark.fault("newcomer-58")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read: No such file or directory"),
        ("A=1\nDATABASE_URL\n", "line 2: expected NAME=VALUE"),
        ("A='1\n", "line 1: expected NAME=VALUE"),
        (f"{MISSPELT}=x\n", f"{MISSPELT} is not a setting; did you mean ACTIVITY_ADMIN_KEYS?"),
    ],
)
def test_a_file_of_variables_that_is_none_is_refused(
    tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "events.env"
    if content is not None:
        file.write_text(content)
    printed = run("keys", "list", "--env-file", file, cwd=tmp_path, code=1)
    assert said in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.fault("newcomer-19")
@pytest.mark.parametrize("words", [["serve"], ["query"], ["mcp"], ["keys", "list"]])
def test_every_command_refuses_a_variable_that_is_no_setting(
    tmp_path: Path, words: list[str]
) -> None:
    said = run(*words, cwd=tmp_path, code=1, environment={MISSPELT: "k" * 32})
    assert said == f"Error: {MISSPELT} is not a setting; did you mean ACTIVITY_ADMIN_KEYS?\n"


@pytest.mark.fault("proxy-loopback")
def test_no_proxy_lies_between_this_machine_and_itself(
    live: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{live.url}/health/live")
    with ActivityClient(live.url) as client:
        assert client.log("project_created", user_email="ada@example.com").status == "accepted"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `pip install` puts it into a folder, of a copy without what was built."""
    copy, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")
    kept = {"app", "alembic", "pyproject.toml", "setup.py", "README.md", "MANIFEST.in"}
    for name in files:
        if name.split("/")[0] in kept and (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--target", str(target), str(copy)],
        check=True,
    )
    return target


@pytest.mark.fault("newcomer-57")
def test_an_installed_package_migrates_from_any_folder(
    installed: Path, server_url: str, tmp_path: Path
) -> None:
    for name in ("app", "alembic"):  # an application of this layout
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n")
    (tmp_path / ".env").write_text("DATABASE_URL=mysql://theirs\n")
    command, home = installed / "bin" / "activity-events", tmp_path / "home"
    with fresh_database(server_url, migrated=False) as url:
        environment = {
            "DATABASE_URL": url,
            "PYTHONPATH": str(installed),
            "XDG_DATA_HOME": str(home),
        }
        for words in (["migrate"], ["keys", "create", "x", "--scope", "read"]):
            run(*words, cwd=tmp_path, command=command, environment=environment)
        assert " 0 faults" in run("verify", cwd=tmp_path, command=command, environment=environment)
    where = [
        sys.executable,
        "-c",
        "import app.database.migrations as m; print(m.__file__, m.config())",
    ]
    said = subprocess.check_output(
        where, cwd="/", env={**os.environ, "PYTHONPATH": str(installed)}, text=True
    )
    assert said.startswith(str(installed))
