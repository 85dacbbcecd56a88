"""Errors of a call. Each is raised only after retries did not help.

ActivityError
├── InvalidRequest   400, 404, 405, 409, 415, 422   don't retry: it fails again
│   └── TooLarge     413                            send less at a time
├── AccessDenied     401, 403                       no key, a wrong key, or another user's data
├── TooExpensive     503 too_expensive              request less
├── RateLimited      429                            retry after `retry_after`
└── Unavailable      408, 5xx                       retrying later is safe
    └── NoAnswer     -                              refused, cut off, timed out, or malformed
"""

from typing import Any

from activity_events.results import EventResult

Json = dict[str, Any]


class ActivityError(Exception):
    """A call failed.

    Attributes:
        code: The service's stable code, or this client's: `no_answer`, `unreadable_answer`,
            `unexpected_answer`, `invalid_value`.
        message: The reason in plain words.
        details: Further details from the service.
        status: Status of the last response; None if there was no response.
        retry_after: Seconds to wait, if the service requested it.
        events: For `log` and `log_batch`: the events that were not acknowledged, with id and time.
            Pass them to `log_batch` again; no event is counted twice.
        verdicts: For `log_batch`: the results of the events before those.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int | None = None,
        details: Json | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details or {}
        self.status = status
        self.retry_after = retry_after
        self.events: list[Json] = []
        self.verdicts: list[EventResult] = []


class InvalidRequest(ActivityError):
    pass


class TooLarge(InvalidRequest):
    pass


class AccessDenied(ActivityError):
    pass


class TooExpensive(ActivityError):
    pass


class RateLimited(ActivityError):
    pass


class Unavailable(ActivityError):
    pass


class NoAnswer(Unavailable):
    pass
