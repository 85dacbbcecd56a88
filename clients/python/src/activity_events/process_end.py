"""What becomes of the clients when the process ends or forks: waiting events are sent, and a child
starts with an empty buffer and connections of its own."""

from __future__ import annotations

import atexit
import encodings.idna  # noqa: F401 (a fork during this import, by the first request, breaks the child)
import os
import sys
import weakref
from typing import Protocol


class Client(Protocol):
    def close_at_exit(self) -> None: ...

    def open_in_child(self) -> None: ...


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
_watched_by = 0  # the process whose end is watched


def watch(client: Client) -> None:
    """Close this client when the interpreter exits, and open it anew in a child."""
    _clients.add(client)


def forget(client: Client) -> None:
    _clients.discard(client)


def watch_multiprocessing() -> None:
    """Close the clients also at the end of a process of `multiprocessing`, which is without
    `atexit`."""
    global _watched_by
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None or _watched_by == os.getpid():
        return
    from multiprocessing.util import Finalize

    _watched_by = os.getpid()
    Finalize(None, _close_all, exitpriority=0)


@atexit.register
def _close_all() -> None:
    for client in list(_clients):
        client.close_at_exit()


def _open_all() -> None:
    for client in list(_clients):
        client.open_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_all)
