"""The command line, by real processes."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

TIMEOUT_SECONDS = 120


def command(url: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """`activity-events` with these words, on this database."""
    return subprocess.run(
        [Path(sys.executable).with_name("activity-events"), *words],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
