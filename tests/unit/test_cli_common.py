"""How a command that is printed begins."""

import os
import sys
from pathlib import Path

import pytest

from app.cli.common import program


@pytest.mark.parametrize(
    ("called", "on_path", "expected"),
    [
        (".venv/bin/activity-events", False, ".venv/bin/activity-events"),
        ("my venv/bin/activity-events", False, "'my venv/bin/activity-events'"),
        (".venv/bin/activity-events", True, "activity-events"),
        # Started as a module, or by a test.
        ("python -m", False, "activity-events"),
    ],
)
def test_a_printed_command_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str, on_path: bool, expected: str
) -> None:
    path = tmp_path / called
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setenv("PATH", str(path.parent) if on_path else os.devnull)
    assert program() == expected


def test_another_one_on_the_path_is_not_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "activity-events").touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["a/activity-events"])
    monkeypatch.setenv("PATH", str(tmp_path / "b"))
    assert program() == "a/activity-events"
