"""Position of the log at each caller's last write through this process."""

from collections import OrderedDict

CALLERS_MAX = 10_000


class Callers:
    """Bounded: of callers who are forgotten, all need what the last of them wrote."""

    def __init__(self, at_most: int = CALLERS_MAX) -> None:
        self._at_most = at_most
        self._positions: OrderedDict[str, int] = OrderedDict()
        self._of_forgotten = 0

    def note(self, caller: str, position: int) -> None:
        """This caller's write is before that position."""
        known = self._positions.pop(caller, 0)
        self._positions[caller] = max(known, position)
        if len(self._positions) > self._at_most:
            _, forgotten = self._positions.popitem(last=False)
            self._of_forgotten = max(self._of_forgotten, forgotten)

    def needed(self, caller: str) -> int:
        """Return the position before which this caller must see everything."""
        return self._positions.get(caller, self._of_forgotten)
