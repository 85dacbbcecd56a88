"""Latest position of this process's writes by service, so that it can read its own writes, also if
the service reads from a replica that is a moment behind.

All clients of the process share it, such as one with a write key and one with a read key.
"""

import os
import re
import threading

HEADER = "Activity-Position"

_POSITION = re.compile("[0-9A-F]{16}")
_lock = threading.Lock()
_latest: dict[str, str] = {}


def _after_fork() -> None:
    """Reset the lock in the child: a thread that no longer exists may hold it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def note(url: str, position: str | None) -> None:
    """Note the position of a response of the service at this URL; responses can come in any
    order."""
    if position is not None and _POSITION.fullmatch(position):
        with _lock:
            _latest[url] = max(position, _latest.get(url, ""))


def headers(url: str) -> dict[str, str]:
    """Return the headers of a request to it."""
    position = _latest.get(url)
    return {} if position is None else {HEADER: position}
