"""Results of events, as the service reports them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["accepted", "duplicate", "suppressed", "rejected"]


@dataclass(frozen=True, slots=True)
class EventWarning:
    """A warning about an event that was stored with changes."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class EventResult:
    """The result of one event.

    `duplicate` events were already stored, once, under their id. `suppressed` ones are not stored,
    because the user opted out or was erased. For `rejected` ones, `code`, `field` and `message`
    give the reason.
    """

    event_id: str | None
    status: Status
    code: str | None = None
    field: str | None = None
    message: str | None = None
    warnings: tuple[EventWarning, ...] = ()

    @property
    def stored(self) -> bool:
        return self.status in {"accepted", "duplicate"}


def verdict_of(answer: Mapping[str, Any]) -> EventResult:
    """Parse the response to one event, or one of a batch's `results`; raises KeyError."""
    return EventResult(
        answer["event_id"],
        answer["status"],
        answer.get("code"),
        answer.get("field"),
        answer.get("message"),
        tuple(
            EventWarning(each["code"], each["field"], each["message"])
            for each in answer["warnings"]
        ),
    )


def verdicts_of(answer: Mapping[str, Any], event_ids: list[str]) -> list[EventResult]:
    """Parse the response to a batch: one result per event, in order.

    Raises:
        KeyError, ValueError: it is not the answer to this batch.
    """
    if answer["received"] != len(event_ids):
        raise ValueError("it has results for another number of events")
    verdicts = [EventResult(event_id, "accepted") for event_id in event_ids]
    for result in answer["results"]:
        verdicts[result["index"]] = verdict_of(result)
    return verdicts
