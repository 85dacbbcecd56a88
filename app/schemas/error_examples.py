"""Examples of the errors of each operation, for the OpenAPI document.

Those in `OWN` belong to the request that they name; a test sends each and compares the response.
"""

from dataclasses import dataclass, field
from typing import Any

from app.errors import Details, error_body

EVENTS, ANALYTICS, INSIGHTS = "/api/events", "/api/events/analytics", "/api/insights"
ADA = "user_email=ada@example.com"
NO_USER = "is required: set the user whose data you request"


@dataclass(frozen=True)
class Example:
    """A request and the error that answers it.

    Attributes:
        request: method and path, with the query.
        body: body of the request; None if it has none.
        parameter: the field that the error is about; its details then name it.
        more: fields of the response beside `error`.
    """

    operation: str
    status: int
    request: str
    parameter: str
    message: str
    code: str = "invalid_request"
    body: str | None = None
    details: Details = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def belongs_to(self, operation: str, status: int) -> bool:
        return (self.operation, self.status) == (operation, status)

    @property
    def summary(self) -> str:
        return f"{self.request} {self.body}" if self.body else self.request

    @property
    def value(self) -> dict[str, Any]:
        if not self.parameter:
            return {**self.more, **error_body(self.code, self.message, self.details)}
        fields = [{"field": self.parameter, "message": self.message}]
        details = {**self.details, "fields": fields}
        return error_body(self.code, f"{self.parameter}: {self.message}", details)


OWN = (
    Example(
        "logEvent", 422, f"POST {EVENTS}/log", "event_type", "is missing", "missing_field",
        '{"user_email": "ada@example.com"}', {"event_id": None},
    ),
    Example(
        "logEvent", 400, f"POST {EVENTS}/log", "", "The body must be a JSON object.",
        "invalid_envelope", '[{"event_type": "project_created"}]',
    ),
    Example(
        "logBatch", 422, f"POST {EVENTS}/log/batch", "",
        "None of the 1 events is valid. `results` lists the reasons.", "all_rejected",
        '{"batch_id": "b-1", "user_email": "ada@example.com", "events": [{"entity_id": "42"}]}',
        more={
            "batch_id": "b-1",
            "received": 1,
            "accepted": 0,
            "duplicates": 0,
            "suppressed": 0,
            "rejected": 1,
            "server_time": "2026-11-20T12:00:00Z",
            "results": [
                {
                    "index": 0,
                    "status": "rejected",
                    "event_id": None,
                    "code": "missing_field",
                    "field": "event_type",
                    "message": "is missing",
                    "warnings": [],
                }
            ],
            "warnings": [],
        },
    ),
    Example(
        "logBatch", 400, f"POST {EVENTS}/log/batch", "",
        "events: must be a list of at least one event.", "no_events",
        '{"user_email": "ada@example.com"}',
        {"fields": [{"field": "events", "message": "must be a list of at least one event"}]},
    ),
    Example("listEvents", 422, f"GET {EVENTS}/?limit=0", "limit", "must be at least 1 (got 0)"),
    Example(
        "streamEvents", 422, f"GET {EVENTS}/stream?metadata=high", "metadata",
        "is not valid JSON: Expecting value at line 1, column 1",
    ),
    Example(
        "listSessions", 422, f"GET {EVENTS}/sessions?cursor=x", "",
        "cursor: set next_cursor of the previous page, unchanged.", "bad_cursor",
    ),
    Example("getSessionByQuery", 422, f"GET {EVENTS}/session", "session_id", "is missing"),
    Example(
        "getSessionByQuery", 404, f"GET {EVENTS}/session?session_id=s-0", "",
        "Session 's-0' does not exist.", "not_found",
    ),
    Example(
        "getSession", 422, f"GET {EVENTS}/session/s-7f3a?limit=0", "limit",
        "must be at least 1 (got 0)",
    ),
    Example(
        "getSession", 404, f"GET {EVENTS}/session/s-0", "", "Session 's-0' does not exist.",
        "not_found",
    ),
    Example(
        "exportEvents", 422, f"GET {EVENTS}/export?format=xlsx", "format",
        "must be 'ndjson', 'csv' or 'parquet'",
    ),
    Example(
        "deleteEvents", 422, f"DELETE {EVENTS}/cleanup?days=0", "days",
        "0 would delete the events of all users; set user_email",
    ),
    Example(
        "getSummary", 422, f"GET {ANALYTICS}?days=7&start=2026-11-01", "days",
        "set either days, or start and end",
    ),
    Example(
        "getTimeseries", 422, f"GET {ANALYTICS}/timeseries?bucket=minute&days=365", "bucket",
        "the result would have more than 2000 buckets; use wider buckets or a shorter window",
    ),
    Example(
        "getTopValues", 422, f"GET {ANALYTICS}/top?by=metadata", "",
        "`key` is required with `by=metadata`",
        details={"fields": [{"field": "key", "message": "is required with `by=metadata`"}]},
    ),
    Example(
        "getActiveUsers", 422, f"GET {ANALYTICS}/active-users?event_type=project_created",
        "event_type", "is not a parameter of this route",
    ),
    Example(
        "getRetention", 422, f"GET {ANALYTICS}/retention?periods=100", "periods",
        "must be at most 60 (got 100)",
    ),
    Example(
        "getFunnel", 422, f"GET {ANALYTICS}/funnel?step=project_created", "step",
        "needs at least 2 values (got 1)",
    ),
    Example("getPaths", 422, f"GET {ANALYTICS}/paths", "anchor", "is missing"),
    Example(
        "getDurations", 422, f"GET {ANALYTICS}/durations?limit=0", "limit",
        "must be at least 1 (got 0)",
    ),
    Example(
        "getHeatmap", 422, f"GET {ANALYTICS}/heatmap?tz=Mars/Base", "tz",
        "must be an IANA time zone, such as Europe/London or UTC",
    ),
    Example(
        "getSessionStats", 422, f"GET {ANALYTICS}/sessions?start=2026-11-02&end=2026-11-01", "end",
        "is before start",
    ),
    Example("getOptOut", 422, "GET /api/privacy/opt-out", "user_email", NO_USER),
    Example(
        "setOptOut", 422, f"PUT /api/privacy/opt-out?{ADA}", "marketing",
        "is not a field of this body", body='{"marketing": true}',
    ),
    Example("eraseUser", 422, "DELETE /api/privacy/user", "user_email", NO_USER),
    Example(
        "verifyReceipt", 422, "POST /api/privacy/receipts/verify", "receipt_id", "is missing",
        body='{"erased_at": "2026-11-20T09:15:00Z", "finished_at": "2026-11-20T09:15:00Z", '
        '"deleted": {}, "remaining": {}, "signature": "0f1e"}',
    ),
    Example("exportUser", 422, "GET /api/privacy/export", "user_email", NO_USER),
    Example(
        "exportUser", 404, "GET /api/privacy/export?user_email=nobody@example.com", "",
        "There is no user with this email address.", "not_found",
    ),
    Example(
        "getContext", 422, f"GET {INSIGHTS}/context?{ADA}&max_tokens=10", "max_tokens",
        "must be at least 100 (got 10)",
    ),
    Example(
        "getWorkPatterns", 422, f"GET {INSIGHTS}/patterns?user_email=ada", "user_email.0",
        "must be an email address, such as ada@example.com",
    ),
    Example(
        "getNextActions", 422, f"GET {INSIGHTS}/next-actions?{ADA}&limit=50", "limit",
        "must be at most 20 (got 50)",
    ),
    Example(
        "getPredictionCalibration", 422, f"GET {INSIGHTS}/next-actions/calibration?days=0", "days",
        "must be at least 1 (got 0)",
    ),
    Example(
        "generateStandup", 422, f"POST {INSIGHTS}/standup", "user_email", NO_USER, body="{}"
    ),
    Example(
        "generateProjectHints", 422, f"POST {INSIGHTS}/project-wizard", "user_email", NO_USER,
        body='{"title": "Office move"}',
    ),
    Example(
        "generateEmailHints", 422, f"POST {INSIGHTS}/email-categorization", "label",
        "is not a field of this body",
        body='{"user_email": "ada@example.com", "label": "invoices"}',
    ),
    Example(
        "getSuccessMetrics", 422, "GET /api/admin/success-metrics?days=90", "days",
        "must be at most 31 (got 90)",
    ),
)  # fmt: skip

# Errors that every operation with the status can have.
SHARED: dict[int, dict[str, Any]] = {
    400: error_body(
        "invalid_json",
        "The body is not valid JSON: Expecting value at character 0.",
        {"position": 0},
    ),
    401: error_body(
        "missing_credentials",
        "Credentials are required. Send a key or a user token: Authorization: Bearer "
        "<key or token>.",
    ),
    408: error_body("body_timeout", "The body did not arrive within 30 seconds."),
    409: error_body(
        "ambiguous_session",
        "Several users have a session 's-7f3a'. Set user_email to select one.",
    ),
    410: error_body(
        "resume_expired",
        "The events since this Last-Event-ID are no longer available in the stream. Read them with "
        "GET /api/events/, and connect without Last-Event-ID.",
    ),
    413: error_body(
        "too_large",
        "The body is larger than body_max_bytes = 1048576 bytes. Send it in smaller batches.",
        {"limit": "body_max_bytes", "value": 1048576},
    ),
    415: error_body(
        "unsupported_media_type",
        "The body must be JSON in UTF-8, with the header Content-Type: application/json (or "
        "text/plain, for a beacon).",
        {"content_type": "text/xml"},
    ),
    429: error_body("rate_limited", "More than 6000 requests in a minute. Retry in 12 seconds."),
    503: error_body(
        "database_unavailable", "The database failed or can't be reached. Retry the request."
    ),
}
OTHER_USER = error_body("other_user", "A user token can only access its own user's data.")


def wrong_scope(scope: str) -> dict[str, Details]:
    """Return the error of a key that lacks the scope."""
    message = f"This route requires a key with the scope `{scope}`."
    return error_body("wrong_scope", message, {"scope": scope})
