"""Retries of a call, without I/O: requests and pauses, one after the other.

A call is a generator: it yields the next step, receives its outcome, and returns its result or
raises an `ActivityError`. The clients execute the steps, one with threads, one with asyncio.
"""

import gzip
import json
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar

from activity_events.errors import (
    AccessDenied,
    ActivityError,
    InvalidRequest,
    Json,
    NoAnswer,
    RateLimited,
    TooExpensive,
    TooLarge,
    Unavailable,
)

T = TypeVar("T")

GZIP_MIN_BYTES = 4096
GZIP_LEVEL = 3
# The service unzips so much of what it gets .
INFLATION_MAX = 25
INFLATED_FREE_BYTES = 64 * 1024
HURRIED_SECONDS = 0.5
MESSAGE_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `path` begins with `/api`; `timeout_seconds` None uses the client's own."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    gzipped: bool = False
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class NoResponse:
    """There was no response, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class IsClosed:
    """There was no request, because the client is closed."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause. `asked` means that the service requested it."""

    seconds: float
    asked: bool


Reply = Answer | NoResponse | IsClosed | None
Steps = Generator[Request | Pause, Reply, T]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter: the number of attempts, and the pauses between them.

    Before attempt n + 1 it waits up to `base_seconds * 2 ** (n - 1)`, at most `cap_seconds`, but at
    least the `Retry-After` of the service. If that is longer than `asked_max_seconds`, it gives up
    at once.
    """

    attempts: int
    base_seconds: float = 0.25
    cap_seconds: float = 4.0
    asked_max_seconds: float = 10.0

    def pause(self, attempt: int, asked_seconds: float | None, chance: float) -> Pause | None:
        """Return the pause after a number of attempts; `chance` is between 0 and 1. None means
        giving up."""
        if attempt >= self.attempts or (asked_seconds or 0) > self.asked_max_seconds:
            return None
        most = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt - 1, 63))
        return Pause((asked_seconds or 0) + chance * most, asked_seconds is not None)


DIRECT = Backoff(attempts=5)
BACKGROUND = Backoff(attempts=12, base_seconds=0.5, cap_seconds=30, asked_max_seconds=120)


@dataclass(frozen=True, slots=True)
class Tools:
    """`now` returns an aware instant; `chance` a number between 0 and 1; `retried` is called with a
    failure and the seconds until the retry."""

    now: Callable[[], datetime]
    chance: Callable[[], float]
    retried: Callable[[ActivityError, float], None]


def exchange(
    make: Callable[[], Request],
    read: Callable[[Json], T],
    tools: Tools,
    backoff: Backoff,
    *,
    repeatable: bool = True,
) -> Steps[T]:
    """Send until there is a response, and return what `read` makes of it.

    Args:
        make: the request, made anew at each attempt.
        read: may raise KeyError, TypeError, ValueError or IndexError of what it can't understand.
        repeatable: If not, it is not sent again after an unknown outcome.
    """
    attempt = 0
    while True:
        attempt += 1
        reply = yield make()
        try:
            return _read(reply, read, tools.now())
        except (RateLimited, Unavailable) as error:
            unknown = isinstance(error, NoAnswer) and not repeatable
            pause = backoff.pause(attempt, error.retry_after, tools.chance())
            if pause is None or unknown:
                raise
            tools.retried(error, pause.seconds)
        yield pause


def _read(reply: Reply, read: Callable[[Json], T], now: datetime) -> T:
    if isinstance(reply, IsClosed):
        raise ActivityError("the client is closed; create another one", code="closed")
    if not isinstance(reply, Answer):
        reason = reply.reason if reply is not None else "no request was sent"
        raise NoAnswer(reason, code="no_answer")
    body = _object(reply.body)
    # A batch without one valid event is answered like any other.
    if reply.status not in {200, 201} and not (reply.status == 422 and "results" in body):
        raise error_of(reply, now)
    try:
        return read(body)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise NoAnswer(
            "the response is not from the service; check the URL and any proxy in between",
            code="unreadable_answer",
            status=reply.status,
        ) from error


def _object(body: bytes) -> Json:
    """Return the JSON object of a response; empty if it is not one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def error_of(answer: Answer, now: datetime) -> ActivityError:
    """Return the error that an unsuccessful response means."""
    told = _object(answer.body).get("error")
    told = told if isinstance(told, dict) else {}
    code = str(told.get("code") or "unexpected_answer")
    details = told.get("details")
    shown = answer.body[:MESSAGE_MAX_CHARS].decode(errors="replace")
    return _class_of(answer.status, code)(
        str(told.get("message") or f"status {answer.status}: {shown}"),
        code=code,
        status=answer.status,
        details=details if isinstance(details, dict) else {},
        retry_after=_seconds(answer.retry_after, now),
    )


def _class_of(status: int, code: str) -> type[ActivityError]:
    match status:
        case 401 | 403:
            return AccessDenied
        case 408:
            return Unavailable
        case 413:
            return TooLarge
        case 429:
            return RateLimited
        case _ if 400 <= status < 500:
            return InvalidRequest
        case _ if status >= 500:
            return TooExpensive if code == "too_expensive" else Unavailable
    return ActivityError


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Parse a `Retry-After`: whole seconds or, from a proxy, a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isascii() and retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or timezone.utc) - now).total_seconds())


def pause_ends_at(started_at: float, pause: Pause, closing_at: float | None) -> float:
    """Return the end of a pause, by the same clock. Closing shortens a pause, unless the service
    requested it."""
    ends_at = started_at + pause.seconds
    if closing_at is None or pause.asked:
        return ends_at
    return min(ends_at, max(started_at, closing_at) + HURRIED_SECONDS)


def within(request: Request, seconds: float | None) -> Request:
    """Return the request with at most this timeout."""
    if seconds is None or seconds > (request.timeout_seconds or math.inf):
        return request
    return replace(request, timeout_seconds=seconds)


def post(path: str, body: bytes, timeout_seconds: float | None = None) -> Request:
    """Build a POST request, with a compressed body if that pays off and stays within the service's
    inflation limit."""
    plain = Request("POST", path, body=body, timeout_seconds=timeout_seconds)
    if len(body) < GZIP_MIN_BYTES:
        return plain
    zipped = gzip.compress(body, GZIP_LEVEL, mtime=0)
    if len(body) > INFLATION_MAX * len(zipped) + INFLATED_FREE_BYTES:
        return plain
    return Request("POST", path, body=zipped, gzipped=True, timeout_seconds=timeout_seconds)


def get(path: str, params: tuple[tuple[str, str], ...]) -> Request:
    return Request("GET", path, params)


def as_it_is(body: Json) -> Json:
    """Return any response that is a non-empty object, as all responses of the service are."""
    if not body:
        raise ValueError("no object")
    return body
