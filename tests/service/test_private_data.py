"""The folder of the embedded database is its owner's alone."""

import os
import stat
from pathlib import Path

import pytest

from app.database.embedded import embedded_postgres

pytestmark = pytest.mark.fault("S23")


def open_to_others(folder: Path) -> list[str]:
    """What others may read, write or enter in it, the folder itself included."""
    return sorted(
        str(path.relative_to(folder.parent))
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.lstat().st_mode) & 0o077
    )


def test_nothing_in_it_is_open_to_others(tmp_path: Path) -> None:
    """Whatever the umask; and one that an earlier version left open is closed."""
    folder = tmp_path / "data"
    before = os.umask(0)
    try:
        with embedded_postgres(folder, owner_note="serving"):
            assert open_to_others(folder) == []
        folder.chmod(0o755)
        (folder / "owner.lock").chmod(0o644)
        with embedded_postgres(folder):
            assert open_to_others(folder) == []
    finally:
        os.umask(before)


def test_a_folder_that_holds_more_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "notes.txt").write_text("x")
    with embedded_postgres(folder):
        assert stat.S_IMODE((folder / "owner.lock").stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
