"""How a call goes, without doing it: requests and pauses, one after the other.

A call is a generator: it yields what is to be done next, is sent what came of it, and returns its
result or raises an `ActivityError`. The clients do the doing, one with threads, one with asyncio.
"""

import gzip
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from app.client.errors import (
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
# The service unzips so much of what it gets (`app.ingest.inflate`).
INFLATION_MAX = 25
INFLATED_FREE_BYTES = 64 * 1024
HURRIED_SECONDS = 0.5
MESSAGE_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class Request:
    """`path` begins with `/api`; `timeout_seconds` None is the client's own."""

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
class Silence:
    """No answer came, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """`asked`: by the service, which is not to be hurried."""

    seconds: float
    asked: bool


Reply = Answer | Silence | None
Steps = Generator[Request | Pause, Reply, T]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often the same is sent, and how long is waited in between.

    Before attempt n + 1 it waits anything up to `base_seconds * 2 ** (n - 1)`, but no more than
    `cap_seconds`; and, where the service says `Retry-After`, that long at least. Where that is
    longer than `asked_max_seconds`, it gives up at once.
    """

    attempts: int
    base_seconds: float = 0.25
    cap_seconds: float = 4.0
    asked_max_seconds: float = 10.0

    def pause(self, attempt: int, asked_seconds: float | None, chance: float) -> Pause | None:
        """After so many attempts; `chance` is between 0 and 1. None is to give up."""
        if attempt >= self.attempts or (asked_seconds or 0) > self.asked_max_seconds:
            return None
        most = min(self.cap_seconds, self.base_seconds * 2.0 ** min(attempt - 1, 63))
        return Pause((asked_seconds or 0) + chance * most, asked_seconds is not None)


DIRECT = Backoff(attempts=5)
BACKGROUND = Backoff(attempts=12, base_seconds=0.5, cap_seconds=30, asked_max_seconds=120)


@dataclass(frozen=True, slots=True)
class Tools:
    """`now` is an aware instant; `chance` a number between 0 and 1; `retried` hears of what has
    failed, and in how many seconds it is tried again."""

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
    """Sends until there is an answer, and returns what `read` makes of it.

    Args:
        make: the request, made anew at each attempt.
        read: may raise KeyError, TypeError, ValueError or IndexError of what it can't understand.
        repeatable: else it is not sent again where nobody knows what became of it.
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
    if not isinstance(reply, Answer):
        reason = reply.reason if reply is not None else "nothing was sent"
        raise NoAnswer(reason, code="no_answer")
    body = _object(reply.body)
    # A batch without one valid event is answered like any other.
    if reply.status not in {200, 201} and not (reply.status == 422 and "results" in body):
        raise error_of(reply, now)
    try:
        return read(body)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise NoAnswer(
            "the answer is not the service's: is the URL right, is a proxy in between?",
            code="unreadable_answer",
            status=reply.status,
        ) from error


def _object(body: bytes) -> Json:
    """Empty where it is no JSON object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def error_of(answer: Answer, now: datetime) -> ActivityError:
    """What an answer that is none of success means."""
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
    """Of a `Retry-After`, which is whole seconds or, from a proxy, a date."""
    if retry_after is None:
        return None
    if retry_after.strip().isascii() and retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def pause_ends_at(started_at: float, pause: Pause, closing_at: float | None) -> float:
    """By the same clock. Whoever closes is in a hurry, but not where the service asked to wait."""
    ends_at = started_at + pause.seconds
    if closing_at is None or pause.asked:
        return ends_at
    return min(ends_at, max(started_at, closing_at) + HURRIED_SECONDS)


def post(path: str, body: bytes, timeout_seconds: float | None = None) -> Request:
    """With the body zipped where that pays, and where the service takes it for no bomb."""
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
    """Any answer that is an object, and not empty: no answer of the service is."""
    if not body:
        raise ValueError("no object")
    return body
