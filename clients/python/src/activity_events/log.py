"""The client's lines in the application's log. A handler that fails costs its line, no event."""

from __future__ import annotations

import logging
from contextlib import suppress

KINDS_LOGGED = 100

_logger = logging.getLogger("activity_events.client")
_logged: set[tuple[str, str]] = set()


def warn(message: str, *values: object) -> None:
    """Log a warning."""
    with suppress(Exception):
        _logger.warning(message, *values)


def fail(message: str, *values: object) -> None:
    """Log an error with the exception that is being handled."""
    with suppress(Exception):
        _logger.exception(message, *values)


def changed(value: object, place: str, how: str) -> None:
    """Log how a value is sent that JSON can't hold: once for each type and way.

    Args:
        place: where it stands in its event.
    """
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    kind = kind.encode("unicode_escape").decode()
    if (kind, how) not in _logged and len(_logged) < KINDS_LOGGED:
        _logged.add((kind, how))
        warn(
            "%a of an activity event (a %s) is sent as %s, because JSON can't hold it. "
            "Further values of this kind are not logged.",
            place[:100], kind, how,
        )  # fmt: skip
