"""JavaScript projects that are fresh for each test, and what the documentation tells them to do."""

import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests import installed
from tests.conftest import ROOT

PROJECTS = Path(__file__).parent / "projects"
GUIDE = (ROOT / "docs" / "tracker.md").read_text()
EXAMPLE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
INSTALL = re.compile(r"^npm install (http://\S+)$", re.MULTILINE)

# Changes an example's text: the address of the service, a key, a user.
Change = Callable[[str], str]


def run(folder: Path, *command: str) -> str:
    """What a command prints; it must succeed."""
    return installed.run(folder, *command, CI="1", NEXT_TELEMETRY_DISABLED="1", NODE_ENV="")


def fresh_project(name: str, folder: Path, service_url: str) -> Path:
    """A project with its packages, into which the tracker is installed as the guide says."""
    project = folder / name
    shutil.copytree(PROJECTS / name, project)
    shutil.copytree(
        installed.npm_packages(PROJECTS / name),
        project / "node_modules",
        symlinks=True,
        copy_function=link,
    )
    (url,) = INSTALL.findall(GUIDE)
    run(project, "npm", "install", at(service_url)(url), *installed.NPM_OPTIONS)
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
