"""What the service says became of an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["accepted", "duplicate", "suppressed", "rejected"]


@dataclass(frozen=True, slots=True)
class EventWarning:
    """Something about an event that was kept, but not quite as it came."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One event's fate.

    `duplicate` is stored, too, once: its id was known. `suppressed` is not, as the user has opted
    out or was erased. Of what is `rejected`, `code`, `field` and `message` say why.
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


def verdict_of(answer: Mapping[str, Any]) -> Verdict:
    """From the answer to one event, or one of a batch's `results`; raises KeyError."""
    return Verdict(
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


def verdicts_of(answer: Mapping[str, Any], event_ids: list[str]) -> list[Verdict]:
    """Of a batch's answer, a verdict for each of its events, in order.

    Raises:
        KeyError, ValueError: it is not the answer to this batch.
    """
    if answer["received"] != len(event_ids):
        raise ValueError("it is about another number of events")
    verdicts = [Verdict(event_id, "accepted") for event_id in event_ids]
    for result in answer["results"]:
        verdicts[result["index"]] = verdict_of(result)
    return verdicts
