"""The commit of a build, of a checkout, and of neither."""

import subprocess
from pathlib import Path

from app.observability.build_info import built_from, checked_out, commit
from tests.conftest import ROOT


def test_the_commit_of_this_checkout() -> None:
    command = ["git", "rev-parse", "HEAD"]
    head = subprocess.check_output(command, cwd=ROOT, text=True).strip()
    assert checked_out(ROOT) == commit() == head


def test_what_a_build_has_noted(tmp_path: Path) -> None:
    assert built_from(tmp_path / "commit.txt") is None
    (tmp_path / "commit.txt").write_text("")
    assert built_from(tmp_path / "commit.txt") is None
    (tmp_path / "commit.txt").write_text("8dd26473a071\n")
    assert built_from(tmp_path / "commit.txt") == "8dd26473a071"


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    assert checked_out(tmp_path) is None
    (tmp_path / ".git").mkdir()
    assert checked_out(tmp_path) is None
