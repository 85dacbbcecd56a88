"""Several processes that answer `GET /metrics` as one: their numbers are in files of one folder.

Each has a place, and its files are that place's: who comes after it there counts on, so that there
are no more files than places, however often a process is replaced.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import rmtree
from tempfile import mkdtemp

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
OURS = f"activity-metrics-{os.getpid()}-"
PARENT = "parent"  # who counts nothing

# Of this process, or of the one that it was forked from.
IS_SHARED = os.path.basename(os.environ.get(FOLDER, "")).startswith(OURS)

_place = PARENT


def place() -> str:
    """The place of this process; concurrent processes have different ones."""
    return _place


def count_as(number: int) -> None:
    """This process, which was just forked, counts at that place from now on."""
    global _place
    _place = str(number)


@contextmanager
def shared_metrics() -> Iterator[None]:
    """A folder for the numbers of the processes that this one will fork; gone in the end.

    prometheus_client decides when it is imported where its numbers are, so the program begins anew,
    with the folder in its environment: nothing may have been started yet.
    """
    if not IS_SHARED:
        os.environ[FOLDER] = mkdtemp(prefix=OURS)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
    try:
        yield
    finally:
        rmtree(os.environ[FOLDER], ignore_errors=True)


def forget(number: int) -> None:
    """The process at that place has ended: what it had open is no longer counted; what it had done
    is."""
    from prometheus_client.multiprocess import mark_process_dead  # not before the folder is set

    mark_process_dead(number)  # type: ignore[no-untyped-call]
