"""Schemathesis over the whole OpenAPI document, against a real process.

All of its checks run, but for two that `schemathesis.toml` gives the reasons for: statuses, media
types, headers and bodies as documented, what the document forbids refused, methods that there are
not, and never a failure of the server. Its pytest plugin can't make subtests under our pytest, so
that its command runs.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.schemathesis_hooks import STREAM
from tests.conftest import LiveServer, fresh_database, running_service

FOLDER = Path(__file__).parent
PHASES = {"examples", "coverage", "fuzzing", "stateful"}

ADMIN_KEY = "a" * 32


@pytest.fixture
def keyed(server_url: str) -> Iterator[LiveServer]:
    """A service that knows its callers, so that what needs no key is found out, too."""
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, ACTIVITY_ADMIN_KEYS=ADMIN_KEY) as service,
    ):
        yield service
        assert httpx.get(f"{service.url}/health/ready").status_code == 200


def test_every_operation_keeps_to_the_document(keyed: LiveServer, tmp_path: Path) -> None:
    document = f"{keyed.url}/openapi.json"
    report = tmp_path / "report.json"
    command: list[str | Path] = [Path(sys.executable).with_name("schemathesis")]
    command += ["--config-file", FOLDER / "schemathesis.toml", "--no-color"]
    command += ["run", document, "--header", f"Authorization: Bearer {ADMIN_KEY}"]
    command += ["--report", "json", "--report-json-path", report]
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(FOLDER / "schemathesis_hooks.py")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    # It ran at all, and over everything.
    found = json.loads(report.read_text())
    paths = httpx.get(document).json()["paths"]
    del paths[STREAM]
    operations = sum(len(methods) for methods in paths.values())
    assert found["operations"]["tested"] == operations >= 8
    assert {name: phase["status"] for name, phase in found["phases"].items()} == dict.fromkeys(
        PHASES, "success"
    )
    assert found["test_cases"]["generated"] > 500
    assert found["failures"] == found["errors"] == []
