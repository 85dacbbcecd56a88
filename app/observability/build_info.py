"""The commit that the service was built from."""

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

UNKNOWN = "unknown"
PACKAGE = Path(__file__).resolve().parent.parent
# Written by setup.py when a package is built.
COMMIT_FILE = "commit.txt"
GIT_TIMEOUT_SECONDS = 5


@lru_cache(maxsize=1)
def commit() -> str:
    """The commit that the package was built from, or that the checkout is at; else `unknown`."""
    return built_from(PACKAGE / COMMIT_FILE) or checked_out(PACKAGE.parent) or UNKNOWN


def built_from(file: Path) -> str | None:
    """The commit that a build has noted."""
    return file.read_text().strip() or None if file.is_file() else None


def checked_out(folder: Path) -> str | None:
    """The commit of a checkout; None where the folder isn't one, or Git can't read it."""
    git = shutil.which("git")
    if git is None or not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
