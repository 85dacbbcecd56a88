"""Programs that tests run to their end."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

TIMEOUT_SECONDS = 60


def printed_by(*words: str | Path, cwd: Path, environment: Mapping[str, str], code: int = 0) -> str:
    """What a program prints, errors included, once it has ended with this exit code.

    Args:
        environment: variables beside the process's own.
    """
    done = subprocess.run(
        [*map(str, words)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout
