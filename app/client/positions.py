"""How far each service was when this process last wrote to it: so that it reads what it wrote, also
where the service reads from a copy of its database that is a moment behind.

All clients of the process share it, as one with a key to write and one with a key to read do.
"""

import os
import re
import threading

HEADER = "Activity-Position"

_POSITION = re.compile("[0-9A-F]{16}")
_lock = threading.Lock()
_latest: dict[str, str] = {}


def _after_fork() -> None:
    """In the child: a thread that is not there may hold the lock."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def note(url: str, position: str | None) -> None:
    """What the service at this URL has answered with; answers may come in any order."""
    if position is not None and _POSITION.fullmatch(position):
        with _lock:
            _latest[url] = max(position, _latest.get(url, ""))


def headers(url: str) -> dict[str, str]:
    """What a request to it tells."""
    position = _latest.get(url)
    return {} if position is None else {HEADER: position}
