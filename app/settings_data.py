"""The part of the settings that says where the embedded PostgreSQL keeps its data."""

import os
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

ROOT = Path(__file__).resolve().parent.parent
NAME = "activity-events"


def default_data_dir() -> Path:
    """`.data` of the checkout; of an installed package, the user's (root's: the machine's) folder.

    Never one of the folder that a command happens to be called in.
    """
    if (ROOT / "alembic.ini").exists() and (ROOT / "pyproject.toml").exists():
        return ROOT / ".data"
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib") / NAME
    named = os.environ.get("XDG_DATA_HOME", "").strip()
    if named and Path(named).is_absolute():
        return Path(named) / NAME
    try:
        return Path.home() / ".local" / "share" / NAME
    except RuntimeError:  # neither HOME nor a line in /etc/passwd
        return Path("/var/lib") / NAME


class DataSettings(BaseSettings):
    """A part of `app.settings.Settings`."""

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where the embedded PostgreSQL keeps its data; by default `.data` in the "
        "checkout or, of an installed package, `~/.local/share/activity-events` (of root "
        "`/var/lib/activity-events`).",
    )

    @field_validator("data_dir")
    @classmethod
    def _is_a_folder(cls, value: Path) -> Path:
        try:
            return value.expanduser()
        except RuntimeError as error:
            raise ValueError(f"{value} names no home folder; give the whole path") from error
