"""Clients that are generated from the OpenAPI document, as the page on the HTTP API says: they
compile, log an event with metadata, and read it.

The generators are installed once, by lock files, into a folder below `.venv`.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, LiveServer, fresh_database, running_service
from tests.installed import installed, npm_packages, run

HERE = Path(__file__).parent
UV = Path(sys.executable).with_name("uv")
PAGE = (ROOT / "docs" / "http-api.md").read_text()
EXAMPLE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DOCUMENTED_URL = "http://127.0.0.1:8000"
KEY = "k" * 32


@pytest.fixture(scope="module")
def service(server_url: str) -> Iterator[LiveServer]:
    """A service with a key that logs and reads."""
    keys = {"ACTIVITY_WRITE_KEYS": KEY, "ACTIVITY_READ_KEYS": KEY}
    with fresh_database(server_url) as url, running_service(DATABASE_URL=url, **keys) as server:
        yield server


def documented(title: str, service: LiveServer) -> str:
    """An example of the page, for this service and a user of its own."""
    text = dict(EXAMPLE.findall(PAGE))[title]
    return str(text).replace(DOCUMENTED_URL, service.url).replace("ada@", f"{title[-2:]}@")


def generator_options(name: str, service: LiveServer) -> list[str]:
    """The options of the page's command that runs a generator."""
    (line,) = [
        line
        for block in SHELL.findall(PAGE)
        for line in block.splitlines()
        if re.match(rf"(npx )?{name} ", line)
    ]
    return str(line).replace(DOCUMENTED_URL, service.url).partition(f"{name} ")[2].split()


@pytest.mark.fault("newcomer-85", "newcomer-86")
def test_a_generated_client_in_typescript(service: LiveServer, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        assert "CI" not in os.environ
        pytest.skip("LEFT OUT: Node.js is not installed")

    packages = npm_packages(HERE / "typescript")
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(HERE / "typescript" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(packages)
    programs = packages / ".bin"
    options = generator_options("openapi-typescript", service)
    told = run(tmp_path, programs / "openapi-typescript", *options)
    assert "warn" not in told.lower()
    (tmp_path / "generated-client.ts").write_text(documented("generated-client.ts", service))
    run(tmp_path, programs / "tsc")
    printed = run(tmp_path, "node", "generated-client.js", ACTIVITY_KEY=KEY)
    assert printed.splitlines() == ["project_created high", "1", "project_created,,1,1.0"]


@pytest.mark.fault("newcomer-87")
def test_a_generated_client_in_python(service: LiveServer, tmp_path: Path) -> None:
    lock = HERE / "python" / "requirements.lock"

    def install(folder: Path) -> None:
        command = (UV, "pip", "install", "--quiet", "--require-hashes", "--requirement", lock)
        run(folder, *command, "--target", folder)

    packages = installed(lock, install)
    path = f"{packages / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {"PYTHONPATH": str(packages), "PATH": path, "PYTHONWARNINGS": "error"}
    options = generator_options("openapi-python-client", service)
    told = run(tmp_path, packages / "bin" / "openapi-python-client", *options, **environment)
    assert told.split() == ["Generating", str(tmp_path / "activity-events-client")]
    client = tmp_path / "activity-events-client"
    example = client / "generated_client.py"
    example.write_text(documented("generated_client.py", service))
    run(client, sys.executable, "-m", "mypy", "--strict", example.name, **environment)
    printed = run(client, sys.executable, example.name, ACTIVITY_KEY=KEY, **environment)
    assert printed == "project_created high\n"
