"""Folders and files that only their owner can open, whatever the umask."""

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PRIVATE_DIR, PRIVATE_FILE = 0o700, 0o600


def make_private(folder: Path, own_entries: Collection[str]) -> None:
    """Create a folder for its owner alone; close one that an earlier version left open.

    Args:
        own_entries: a folder that holds anything else is shared, and keeps its mode.
    """
    folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    is_ours = {entry.name for entry in folder.iterdir()} <= set(own_entries)
    if is_ours and stat.S_IMODE(folder.stat().st_mode) != PRIVATE_DIR:
        folder.chmod(PRIVATE_DIR)


def open_private(file: Path) -> IO[str]:
    """Open a file to read and append, created where it is not there: who can't open it can't lock
    it either."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    descriptor = os.open(file, flags, PRIVATE_FILE)
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != PRIVATE_FILE:
        os.fchmod(descriptor, PRIVATE_FILE)
    return os.fdopen(descriptor, "a+")


def replaced_private(path: Path, *, is_new: bool = False) -> IO[bytes]:
    """Open a file that only its owner can read, regardless of the umask; truncate an existing one,
    or raise an error if the file has to be new."""
    there = os.O_EXCL | os.O_NOFOLLOW if is_new else os.O_TRUNC
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | there, PRIVATE_FILE)
    file = os.fdopen(descriptor, "wb")
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) != PRIVATE_FILE:
        os.fchmod(descriptor, PRIVATE_FILE)
    return file


@contextmanager
def written_private(path: Path, *, keep_empty: bool = True) -> Iterator[IO[bytes]]:
    """Write a file that only its owner can read. It gets its name once it is complete, so that a
    part of it is never mistaken for the whole.

    Args:
        keep_empty: else there is no file where nothing was written, and an earlier one goes.
    """
    if path.exists() and not path.is_file():  # a device, a pipe
        with replaced_private(path) as file:
            yield file
        return
    part = path.with_name(f"{path.name}.part")
    # What lies there under this name is of an export that was cut off, or was put there.
    part.unlink(missing_ok=True)
    try:
        with replaced_private(part, is_new=True) as file:
            yield file
            is_empty = not file.tell()
        if is_empty and not keep_empty:
            path.unlink(missing_ok=True)
        else:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
