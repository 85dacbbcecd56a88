"""Bodies and responses of the privacy routes and of clean-up."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StringConstraints

from app.schemas.examples import RECEIPT
from app.schemas.instant import instant_fault, parse_utc
from app.schemas.responses import ApiModel, example

# The range of PostgreSQL's count(*), by table.
Rows = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]
RowsByTable = Annotated[
    dict[Annotated[str, StringConstraints(max_length=63)], Rows], Field(max_length=30)
]

RECEIPT_ID = Field(description="Id of the receipt.")
ERASED_AT = Field(description="Time at which the erasure was requested.")
FINISHED_AT = Field(description="Time at which the erasure was completed.")
DELETED = Field(description="Number of deleted rows by table.")
REMAINING = Field(description="Number of rows left after the erasure by table: always 0.")
ANALYTICS = "opt-out of recording and of all analytics."
AI_CONTEXT = "opt-out of the context for AI assistants."
LEARNING = "opt-out of learned patterns and predictions."


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError(instant_fault(value))
    return parse_utc(value)


Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=str)]


class OptOutIn(BaseModel):
    """True opts out, false opts in. Purposes that are missing or null stay unchanged."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"analytics": True, "learning": True}]},
    )

    analytics: bool | None = Field(default=None, description=f"New {ANALYTICS}")
    ai_context: bool | None = Field(default=None, description=f"New {AI_CONTEXT}")
    learning: bool | None = Field(default=None, description=f"New {LEARNING}")


class OptOutResponse(ApiModel):
    """The opt-outs of a user; true means that the user opted out."""

    model_config = example(analytics=True, ai_context=False, learning=False)

    analytics: bool = Field(description=f"Current {ANALYTICS}")
    ai_context: bool = Field(description=f"Current {AI_CONTEXT}")
    learning: bool = Field(description=f"Current {LEARNING}")


class ReceiptIn(BaseModel):
    """A receipt of an erasure, exactly as it was issued."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [RECEIPT]}
    )

    receipt_id: UUID = RECEIPT_ID
    erased_at: Instant = ERASED_AT
    finished_at: Instant = FINISHED_AT
    deleted: RowsByTable = DELETED
    remaining: RowsByTable = REMAINING
    signature: str = Field(max_length=200, description="Signature of the receipt.")


class ReceiptResponse(ApiModel):
    """A signed receipt of an erasure."""

    model_config = example(**RECEIPT)

    receipt_id: UUID = RECEIPT_ID
    erased_at: datetime = ERASED_AT
    finished_at: datetime = FINISHED_AT
    deleted: dict[str, int] = DELETED
    remaining: dict[str, int] = REMAINING
    signature: str = Field(
        description="HMAC-SHA256 signature, to be verified by `POST /api/privacy/receipts/verify`."
    )


class ReceiptCheckResponse(ApiModel):
    model_config = example(receipt_id=RECEIPT["receipt_id"], genuine=True)

    receipt_id: UUID = RECEIPT_ID
    genuine: bool = Field(description="True if this service signed exactly this receipt.")


class CleanupResponse(ApiModel):
    model_config = example(
        events_deleted=3,
        before=None,
        dry_run=False,
        user_email="ada@example.com",
        partitions_dropped=[],
        receipt=RECEIPT,
    )

    events_deleted: int = Field(
        description="Number of deleted events; with `dry_run`, of those that would be deleted."
    )
    before: datetime | None = Field(
        description="Events before this time were deleted; null if a user was erased."
    )
    dry_run: bool = Field(description="True if nothing was deleted.")
    user_email: str | None = Field(
        description="User whose events were deleted; null for all users."
    )
    partitions_dropped: list[str] = Field(
        description="Names of the partitions that were dropped as a whole."
    )
    receipt: ReceiptResponse | None = Field(
        description="Receipt of the erasure; null if no user was erased."
    )
