"""Puts the migrations of `alembic/` into the package that is built, as `app/migrations`.

There they are found wherever it is installed; in a checkout they stay where Alembic's own command
line looks for them. All else about the package is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithMigrations(build_py):
    """Copies them once the modules are there; an editable install has the checkout's own."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "app" / "migrations"
            shutil.rmtree(target, ignore_errors=True)  # of an earlier build
            shutil.copytree("alembic", target, ignore=shutil.ignore_patterns("__pycache__"))


setup(cmdclass={"build_py": BuildWithMigrations})
