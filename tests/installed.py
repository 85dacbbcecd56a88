"""Programs that tests install once, by lock files, into folders below `.venv`."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.conftest import ROOT

INSTALLED = ROOT / ".venv" / "installed"
COMMAND_SECONDS = 180
# Where a registry can't be reached, npm ends soon, with its own words.
NPM_OPTIONS = ("--fetch-timeout=30000", "--fetch-retries=1", "--no-progress")


def run(folder: Path, *command: str | Path, **environment: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout


def installed(lock: Path, install: Callable[[Path], None]) -> Path:
    """A folder below `.venv` with what a lock file names."""
    target = INSTALLED / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not target.exists():
        INSTALLED.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=INSTALLED) as name:
            folder = Path(name, "installed")
            folder.mkdir()
            install(folder)
            with suppress(OSError):  # another process was faster
                folder.rename(target)
    return target


def npm_packages(project: Path) -> Path:
    """The `node_modules` of a project's lock file."""

    def install(folder: Path) -> None:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(project / name, folder)
        run(folder, "npm", "ci", *NPM_OPTIONS)

    return installed(project / "package-lock.json", install) / "node_modules"
