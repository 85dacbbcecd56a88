"""Several processes that answer `GET /metrics` as one.

The parent calls `share_metrics` before it starts its workers, and `forget_process` when one has
ended. Workers have to be started anew (spawned, not forked): the library decides when it is
imported where its numbers are.
"""

import os
from pathlib import Path

MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"


def share_metrics(folder: Path) -> None:
    """Workers that are started from now on keep their numbers in `folder`, which is emptied: what
    is in it is of processes that have ended."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    os.environ[MULTIPROCESS_DIR] = str(folder)


def forget_process(pid: int) -> None:
    """A worker has ended: what it had open is no longer counted; what it had done is."""
    from prometheus_client.multiprocess import mark_process_dead  # not before the folder is set

    mark_process_dead(pid)  # type: ignore[no-untyped-call]
