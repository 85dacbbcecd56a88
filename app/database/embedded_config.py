"""Settings that a copy of the embedded server's folder brings along.

A base backup or a standby must have `max_connections` at least as large as the server whose log it
replays (PostgreSQL 18, section 26.4.3): on the command line alone it would be missing there.
"""

import os
import pwd
from pathlib import Path

FILE_NAME = "activity-events.conf"
INCLUDE = f"include_if_exists = '{FILE_NAME}'"
NAMES = ("max_connections",)


def keep_settings(pgdata: Path, account: str | None, options: dict[str, str]) -> dict[str, str]:
    """Write these settings into the folder of a server that does not run; the other options.

    Args:
        account: whose files they are to be; None is the one of this process.
    """
    lines = [f"{name} = {options[name]}\n" for name in NAMES if name in options]
    own, main = pgdata / FILE_NAME, pgdata / "postgresql.conf"
    own.write_text("".join(lines))
    own.chmod(0o600)
    if account is not None:
        owner = pwd.getpwnam(account)
        os.chown(own, owner.pw_uid, owner.pw_gid)
    if INCLUDE not in main.read_text():
        with main.open("a") as file:
            file.write(f"\n{INCLUDE}\n")
    return {name: value for name, value in options.items() if name not in NAMES}
