"""Reporting of dropped and changed events: a warning in the log, and the owner's callback."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from activity_events import log
from activity_events.errors import Json
from activity_events.outbox import Drop
from activity_events.results import EventResult

# Of one reason; a full buffer would otherwise say so for every event.
WARNING_INTERVAL_SECONDS = 10.0
CHANGES_SHOWN = 100

OnDrop = Callable[[list[Json], str], None]


class Drops:
    """Reports dropped events. `on_drop` is called on the thread that noticed."""

    def __init__(self, on_drop: OnDrop | None) -> None:
        self._on_drop = on_drop
        self._unsaid: Counter[str] = Counter()
        self._said_at: dict[str, float] = {}
        self._changes: set[tuple[str, str]] = set()

    def warn_of_changes(self, results: Iterable[EventResult]) -> None:
        """Log how the service changed events that it stored, once for each code and field."""
        for change in (change for result in results for change in result.warnings):
            kind = (change.code, change.field)
            if kind not in self._changes and len(self._changes) < CHANGES_SHOWN:
                self._changes.add(kind)
                log.warn(
                    "an activity event was stored with a change: %s: %s (%s). "
                    "Further ones of this kind are not logged.",
                    change.field, change.message, change.code,
                )  # fmt: skip

    def report(self, drops: list[Drop]) -> None:
        for drop in drops:
            self.tell([each.event for each in drop.events], drop.reason)

    def tell(self, events: list[Json], reason: str) -> None:
        self._warn(reason, len(events))
        if self._on_drop is None:
            return
        try:
            self._on_drop(events, reason)
        except (Exception, SystemExit):  # noqa: BLE001 (the thread goes on sending)
            log.fail("on_drop failed")

    def say_the_rest(self) -> None:
        """Log the warnings that were held back."""
        for reason in [reason for reason, count in self._unsaid.items() if count]:
            self._say(reason)

    def _warn(self, reason: str, count: int) -> None:
        self._unsaid[reason] += count
        said_at = self._said_at.get(reason)
        if said_at is None or time.monotonic() - said_at >= WARNING_INTERVAL_SECONDS:
            self._said_at[reason] = time.monotonic()
            self._say(reason)

    def _say(self, reason: str) -> None:
        log.warn("%d activity events dropped: %s", self._unsaid.pop(reason, 0), reason)
