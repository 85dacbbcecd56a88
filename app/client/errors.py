"""The errors of a call. Each is raised only after retries did not help.

ActivityError
├── InvalidRequest   400, 404, 405, 409, 415, 422   the same again fails the same
│   └── TooLarge     413                            less at a time may pass
├── AccessDenied     401, 403                       no key, a wrong one, or another's data
├── TooExpensive     503 too_expensive              ask for less
├── RateLimited      429                            `retry_after` says when
└── Unavailable      408, 5xx                       the same again, later, is safe
    └── NoAnswer     -                              refused, cut, timed out, or not understood
"""

from typing import Any

from app.client.verdicts import Verdict

Json = dict[str, Any]


class ActivityError(Exception):
    """A call failed.

    Attributes:
        code: the service's stable code, or this client's: `no_answer`, `unreadable_answer`,
            `unexpected_answer`, `invalid_value`.
        message: in words.
        details: what the service tells besides.
        status: of the last answer; None where there was none.
        retry_after: in seconds, where the service said so.
        events: of `log` and `log_batch`: what was not acknowledged, each with its id and time.
            Given to `log_batch` again, nothing of it is counted twice.
        verdicts: of `log_batch`: on the events before those.
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
        self.verdicts: list[Verdict] = []


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
