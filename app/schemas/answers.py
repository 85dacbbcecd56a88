"""What the routes answer with: the source of the OpenAPI document's response schemas."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.examples import AT, BATCH, EVENT, ID, LISTED_SESSION, RECEIPT, SESSION


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


def example(**fields: Any) -> ConfigDict:
    """An answer as it looks, for the OpenAPI document."""
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [fields]})


class Warning_(Answer):
    """Something about an event that was kept, but not quite as it came."""

    model_config = ConfigDict(title="Warning")

    code: str
    field: str
    message: str


class Result(Answer):
    """One event that was not plainly accepted."""

    index: int = Field(description="Its place in the request's `events`, from 0.")
    event_id: str | None
    status: Literal["accepted", "duplicate", "suppressed", "rejected"]
    code: str | None = Field(
        description="Why it was rejected; to `admin` keys and the user's own token, why suppressed."
    )
    field: str | None
    message: str | None
    warnings: list[Warning_]


class BatchAnswer(Answer):
    """`results` lists every event that was not plainly accepted, in the order of the request."""

    model_config = example(**BATCH)

    batch_id: str
    received: int
    accepted: int
    duplicates: int
    suppressed: int
    rejected: int
    server_time: datetime
    results: list[Result]
    warnings: list[Warning_] = Field(description="About the batch itself.")


class SingleAnswer(Answer):
    model_config = example(event_id=ID, status="accepted", server_time=AT, warnings=[])

    event_id: str
    status: Literal["accepted", "duplicate", "suppressed"]
    server_time: datetime
    warnings: list[Warning_]


class ErrorDetail(Answer):
    code: str = Field(examples=["invalid_request"])
    message: str
    details: dict[str, Any]


class ErrorAnswer(Answer):
    model_config = example(
        error={
            "code": "invalid_request",
            "message": "days: give either days, or start and end",
            "details": {},
        }
    )

    error: ErrorDetail


class RejectedBatchAnswer(BatchAnswer):
    """A batch without one valid event: the batch's ordinary answer, and the error."""

    model_config = example(
        **BATCH | {"accepted": 0},
        error={
            "code": "all_rejected",
            "message": "No event of the batch can be kept.",
            "details": {},
        },
    )

    error: ErrorDetail


class EventOut(Answer):
    event_id: UUID
    user_email: str | None
    event_timestamp: datetime
    event_type: str
    event_category: str
    event_action: str
    entity_type: str | None
    entity_id: str | None
    metadata: dict[str, Any]
    session_id: str | None
    session_seq: int | None
    device_type: str | None
    context_snapshot: dict[str, Any] | None
    duration_ms: int | None
    received_at: datetime = Field(
        description="When its request came, and a microsecond later for each event before it in "
        "its batch: events of one moment are in that order."
    )


class EventPageAnswer(Answer):
    model_config = example(events=[EVENT], next_cursor=None)

    events: list[EventOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page.")


class ListedSessionOut(Answer):
    session_id: str
    user_email: str | None
    started_at: datetime
    ended_at: datetime
    duration_ms: int
    total_events: int


class SessionSummaryOut(ListedSessionOut):
    events_by_type: dict[str, int]
    device_type: str | None
    first_page: str | None
    last_page: str | None


class SessionPageAnswer(Answer):
    model_config = example(sessions=[LISTED_SESSION], next_cursor=None)

    sessions: list[ListedSessionOut]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page.")


class SessionAnswer(Answer):
    model_config = example(session_id="s-7f3a", summary=SESSION, events=[EVENT], next_cursor=None)

    session_id: str
    summary: SessionSummaryOut
    events: list[EventOut]
    next_cursor: str | None


class OptOutAnswer(Answer):
    """True is opted out."""

    model_config = example(analytics=True, ai_context=False, learning=False)

    analytics: bool
    ai_context: bool
    learning: bool


class ReceiptAnswer(Answer):
    model_config = example(**RECEIPT)

    receipt_id: UUID
    erased_at: datetime
    finished_at: datetime
    deleted: dict[str, int] = Field(description="Rows, by table.")
    remaining: dict[str, int] = Field(description="Rows that were found afterwards: none.")
    signature: str = Field(
        description="HMAC-SHA256 that `POST /api/privacy/receipts/verify` checks."
    )


class ReceiptCheckAnswer(Answer):
    model_config = example(receipt_id=RECEIPT["receipt_id"], genuine=True)

    receipt_id: UUID
    genuine: bool = Field(description="Whether this service signed exactly this receipt.")


class CleanupAnswer(Answer):
    model_config = example(
        events_deleted=3,
        before=None,
        dry_run=False,
        user_email="ada@example.com",
        partitions_dropped=[],
        receipt=RECEIPT,
    )

    events_deleted: int = Field(description="With `dry_run`, what would be deleted.")
    before: datetime | None
    dry_run: bool
    user_email: str | None
    partitions_dropped: list[str]
    receipt: ReceiptAnswer | None = Field(description="Where a user was erased.")


class LiveAnswer(Answer):
    model_config = example(status="ok")

    status: Literal["ok"]


class IngestStats(Answer):
    """Of this process, since its start: each group is one transaction."""

    groups: int
    requests: int
    events: int


class RetentionOut(Answer):
    last_success_at: datetime | None
    oldest_event_at: datetime | None
    overdue: bool = Field(description="It was not done for two days, or something is left over.")


class UnfinishedOut(Answer):
    """Erasures and opt-outs that were cut off. A running service finishes them within minutes; the
    same request again does at once."""

    erasures: int
    opt_outs: int
    oldest_erasure_at: datetime | None


class ReplicaOut(Answer):
    state: Literal["exact", "behind", "late", "lagging", "foreign", "unreachable"]
    lag_seconds: float | None = Field(description="How old what it shows may be at most.")


class ReadyAnswer(Answer):
    model_config = example(
        status="ok",
        migration="0004",
        ingest={"groups": 10, "requests": 40, "events": 200},
        retention={"last_success_at": AT, "oldest_event_at": AT, "overdue": False},
        unfinished={"erasures": 0, "opt_outs": 0, "oldest_erasure_at": None},
        replica={"state": "exact", "lag_seconds": 0.0},
    )

    status: Literal["ok"]
    migration: str
    ingest: IngestStats
    retention: RetentionOut
    unfinished: UnfinishedOut
    replica: ReplicaOut | None = Field(description="Null without one.")
