"""The bytes of request bodies that one process holds at one time, and the callers' shares."""

from types import TracebackType
from typing import Self

from app.errors import Overloaded


class BodyBudget:
    """A bound on all request bodies of a process.

    A caller can hold as much as is still free. So one caller alone gets half of it, two a third
    each, and the next caller always finds some left. (Network switches share their buffers like
    this: "dynamic thresholds", Choudhury and Hahne 1998.)
    """

    def __init__(self, total: int) -> None:
        self._free = total
        self._of_callers: dict[str, int] = {}

    @property
    def free_bytes(self) -> int:
        return self._free

    def share(self, caller: str) -> "BodyShare":
        """Open the share of one body, which is released at the end of its context."""
        return BodyShare(self, caller)

    def take(self, caller: str, size: int) -> None:
        """
        Raises:
            Overloaded: it is more than this caller may have now.
        """
        held = self._of_callers.get(caller, 0)
        if held + size > self._free - size:
            raise Overloaded("The service is receiving too many request bodies. Retry the request.")
        self._free -= size
        self._of_callers[caller] = held + size

    def give_back(self, caller: str, size: int) -> None:
        self._free += size
        held = self._of_callers.pop(caller, 0) - size
        if held > 0:
            self._of_callers[caller] = held


class BodyShare:
    """The share of one body in the budget, as received and decompressed."""

    def __init__(self, budget: BodyBudget, caller: str) -> None:
        self._budget, self._caller = budget, caller
        self._held = 0

    def take(self, size: int) -> None:
        """
        Raises:
            Overloaded: as `BodyBudget.take`.
        """
        self._budget.take(self._caller, size)
        self._held += size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._held:
            self._budget.give_back(self._caller, self._held)
            self._held = 0
