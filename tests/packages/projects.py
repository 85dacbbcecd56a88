"""JavaScript projects that are fresh for each test, and what the documentation tells them to do.

What they need from npm is installed once, by lock files, into a folder below `.venv`.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.conftest import ROOT

PROJECTS = Path(__file__).parent / "projects"
INSTALLED = ROOT / ".venv" / "npm"
GUIDE = (ROOT / "docs" / "tracker.md").read_text()
EXAMPLE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
INSTALL = re.compile(r"^npm install (http://\S+)$", re.MULTILINE)
COMMAND_SECONDS = 180
# Where a registry can't be reached, npm ends soon, with its own words.
NPM_OPTIONS = ("--fetch-timeout=30000", "--fetch-retries=1", "--no-progress")

# Changes an example's text: the address of the service, a key, a user.
Change = Callable[[str], str]


def run(folder: Path, *command: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "CI": "1", "NEXT_TELEMETRY_DISABLED": "1", "NODE_ENV": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout


def installed(name: str) -> Path:
    """A folder with the packages of this project's lock file."""
    lock = PROJECTS / name / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    target = INSTALLED / f"{name}-{digest}"
    if not target.exists():
        INSTALLED.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=INSTALLED) as folder:
            for file in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(PROJECTS / name / file, folder)
            run(Path(folder), "npm", "ci", *NPM_OPTIONS)
            with suppress(OSError):  # another process was faster
                Path(folder, "node_modules").rename(target)
    return target


def fresh_project(name: str, folder: Path, service_url: str) -> Path:
    """A project with its packages, into which the tracker is installed as the guide says."""
    project = folder / name
    shutil.copytree(PROJECTS / name, project)
    shutil.copytree(installed(name), project / "node_modules", symlinks=True, copy_function=link)
    (url,) = INSTALL.findall(GUIDE)
    run(project, "npm", "install", at(service_url)(url), *NPM_OPTIONS)
    return project


def link(source: str, target: str) -> None:
    """A hard link; a copy of what npm writes to, or between two file systems."""
    if not source.endswith(".package-lock.json"):
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def at(service_url: str) -> Change:
    return lambda text: text.replace("http://127.0.0.1:8000", service_url)


def write_examples(project: Path, change: Change, *titles: str) -> None:
    """Write files of the guide's examples into a project."""
    examples = dict(EXAMPLE.findall(GUIDE))
    for title in titles:
        path = project / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change(examples[title]))
