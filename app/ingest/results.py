"""The result of each event, and of a batch as a whole."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from app.schemas.strict_json import Fault

Status = Literal["accepted", "duplicate", "suppressed", "rejected"]


@dataclass(frozen=True, slots=True)
class Warn:
    """Something about an event that was kept, but not quite as it came."""

    code: str
    field: str
    message: str


class WriteOutcome(Enum):
    """The outcome for a row that was not simply written."""

    DUPLICATE = "duplicate"
    MISMATCH = "duplicate, and what is stored differs"
    OPTED_OUT = "opted_out"
    ERASED = "erased"

    @property
    def is_suppressed(self) -> bool:
        return self in {WriteOutcome.OPTED_OUT, WriteOutcome.ERASED}


# By the row's place in its request; rows that were written are not in it.
WriteOutcomes = dict[int, WriteOutcome]


@dataclass(frozen=True, slots=True)
class EventResult:
    """One event's fate. `code`, `field` and `message` say why it was rejected."""

    index: int
    status: Status
    event_id: str | None
    code: str | None = None
    field: str | None = None
    message: str | None = None
    warnings: tuple[Warn, ...] = ()


class Rejected(Exception):
    """Leaves the steps of an event's preparation with the reason."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A batch's counts; `results` has what was not plainly accepted, in the request's order."""

    batch_id: str
    received: int
    accepted: int
    duplicates: int
    suppressed: int
    rejected: int
    results: tuple[EventResult, ...]
    warnings: tuple[Warn, ...]


def without_reasons(result: BatchResult) -> BatchResult:
    """The same, without why events are suppressed: that is their user's own affair."""
    results = tuple(
        replace(verdict, code=None, message=None) if verdict.status == "suppressed" else verdict
        for verdict in result.results
    )
    return replace(result, results=results)
