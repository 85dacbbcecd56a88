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
from pathlib import Path

import httpx
import pytest

from tests.conftest import LiveServer

FOLDER = Path(__file__).parent
PHASES = {"examples", "coverage", "fuzzing", "stateful"}

pytestmark = pytest.mark.usefixtures("still_serving")


def test_every_operation_keeps_to_the_document(live: LiveServer, tmp_path: Path) -> None:
    document = f"{live.url}/openapi.json"
    report = tmp_path / "report.json"
    command: list[str | Path] = [Path(sys.executable).with_name("schemathesis")]
    command += ["--config-file", FOLDER / "schemathesis.toml", "--no-color"]
    command += ["run", document, "--report", "json", "--report-json-path", report]
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
    operations = sum(len(methods) for methods in httpx.get(document).json()["paths"].values())
    assert found["operations"]["tested"] == operations >= 8
    assert {name: phase["status"] for name, phase in found["phases"].items()} == dict.fromkeys(
        PHASES, "success"
    )
    assert found["test_cases"]["generated"] > 500
    assert found["failures"] == found["errors"] == []
