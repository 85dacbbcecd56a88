"""Errors that the API reports to its callers.

    ActivityError                       status  code
    ├── InvalidRequest                  422     invalid_request      (a parameter is wrong)
    │   └── BadCursor                   422     bad_cursor
    ├── UnreadableBody                  400     (what is wrong with the JSON or the envelope)
    ├── MalformedRequest                400     malformed_request    (no HTTP, or not clear HTTP)
    ├── Unauthorized                    401     (no credentials, or invalid ones)
    ├── Forbidden                       403     (a missing scope, another user, another origin)
    ├── NotFound                        404     not_found
    ├── AmbiguousSession                409     ambiguous_session
    ├── BodyTimeout                     408     body_timeout
    ├── IncompleteBody                  408     incomplete_body      (retry the request)
    ├── ResumeExpired                   410     resume_expired       (read the missed events)
    ├── TooLarge                        413     too_large            (details name the limit)
    ├── UnsupportedMediaType            415     unsupported_media_type
    ├── RateLimited                     429     rate_limited
    │   └── ShareExceeded               429     share_exceeded       (too many at the same time)
    ├── HeadersTooLarge                 431     headers_too_large
    └── Unavailable                     503     unavailable          (retry the request)
        ├── Overloaded                  503     overloaded           (the queue is full)
        ├── DatabaseUnavailable         503     database_unavailable
        └── TooExpensive                503     too_expensive        (ask for less)

A body is always `{"error": {"code", "message", "details"}}`. A class owns its HTTP status and its
stable code; 429 and 503 carry `Retry-After`.
"""

from typing import Any, ClassVar

Details = dict[str, Any]


class ActivityError(Exception):
    """Base class of all errors that become a response with a status and a stable code."""

    status: ClassVar[int] = 500
    code: str = "internal"
    retry_after_seconds: ClassVar[int | None] = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Details | None = None,
        log_fields: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: Details = details or {}
        # The cause, for the log only, not for the caller. It holds no user data.
        self.log_fields = log_fields or {}
        if code is not None:
            self.code = code

    def body(self) -> dict[str, Details]:
        return error_body(self.code, self.message, self.details)

    def headers(self) -> dict[str, str]:
        if self.retry_after_seconds is None:
            return {}
        return {"Retry-After": str(self.retry_after_seconds)}


def error_body(code: str, message: str, details: Details | None = None) -> dict[str, Details]:
    """Return the JSON body that every error response has."""
    return {"error": {"code": code, "message": message, "details": details or {}}}


class InvalidRequest(ActivityError):
    status = 422
    code = "invalid_request"

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidRequest":
        """Return an error about a single field."""
        return cls(
            f"{field}: {message}", details={"fields": [{"field": field, "message": message}]}
        )


class BadCursor(InvalidRequest):
    code = "bad_cursor"


class UnreadableBody(ActivityError):
    status = 400
    code = "invalid_json"


class MalformedRequest(ActivityError):
    status = 400
    code = "malformed_request"


class Unauthorized(ActivityError):
    status = 401
    code = "unauthorized"

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(ActivityError):
    status = 403
    code = "forbidden"


class NotFound(ActivityError):
    status = 404
    code = "not_found"


class AmbiguousSession(ActivityError):
    status = 409
    code = "ambiguous_session"


class BodyTimeout(ActivityError):
    status = 408
    code = "body_timeout"


class IncompleteBody(ActivityError):
    status = 408
    code = "incomplete_body"


class ResumeExpired(ActivityError):
    status = 410
    code = "resume_expired"


class TooLarge(ActivityError):
    status = 413
    code = "too_large"


class UnsupportedMediaType(ActivityError):
    status = 415
    code = "unsupported_media_type"


class RateLimited(ActivityError):
    status = 429
    code = "rate_limited"

    def __init__(
        self, message: str, *, retry_after_seconds: int = 1, details: Details | None = None
    ) -> None:
        super().__init__(message, details=details)
        self._wait_seconds = retry_after_seconds

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self._wait_seconds)}


class ShareExceeded(RateLimited):
    code = "share_exceeded"


class HeadersTooLarge(ActivityError):
    status = 431
    code = "headers_too_large"


class Unavailable(ActivityError):
    status = 503
    code = "unavailable"
    retry_after_seconds = 1


class Overloaded(Unavailable):
    code = "overloaded"


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"


class TooExpensive(Unavailable):
    code = "too_expensive"
    retry_after_seconds = 5


class ServeError(RuntimeError):
    """The service can't start, or a command can't run. The message says what to do; callers of the
    API never see it."""
