"""Puts what is not a module into the package that is built.

The migrations of `alembic/` become `app/database/alembic`. There they are found wherever the
package is installed; in a checkout they stay where Alembic's own command line looks for them.
The commit goes into `app/commit.txt`: that of the checkout, or SOURCE_COMMIT where the build has
no `.git`. All else about the package is in pyproject.toml.
"""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithMigrations(build_py):
    """Copies them once the modules are there; an editable install has the checkout's own."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            package = Path(self.build_lib) / "app"
            target = package / "database" / "alembic"
            shutil.rmtree(target, ignore_errors=True)  # of an earlier build
            shutil.copytree("alembic", target, ignore=shutil.ignore_patterns("__pycache__"))
            (package / "commit.txt").write_text(commit())


def commit() -> str:
    """The commit that is built; empty where it isn't known."""
    git = shutil.which("git")
    if os.environ.get("SOURCE_COMMIT") or git is None or not Path(".git").exists():
        return os.environ.get("SOURCE_COMMIT", "")
    command = [git, "rev-parse", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


setup(cmdclass={"build_py": BuildWithMigrations})
