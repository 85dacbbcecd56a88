"""Bodies of the privacy routes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StringConstraints

from app.schemas.examples import RECEIPT
from app.schemas.instant import instant_fault, parse_utc

# As PostgreSQL counts rows, by tables.
Rows = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]
RowsByTable = Annotated[
    dict[Annotated[str, StringConstraints(max_length=63)], Rows], Field(max_length=30)
]


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError(instant_fault(value))
    return parse_utc(value)


Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=str)]


class OptOutIn(BaseModel):
    """True is opted out; what is not named stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"analytics": True, "learning": True}]},
    )

    analytics: bool | None = Field(default=None, description="Recording, and all analytics.")
    ai_context: bool | None = Field(default=None, description="What assistants read.")
    learning: bool | None = Field(default=None, description="What is learned from the events.")


class ReceiptIn(BaseModel):
    """A receipt of an erasure, as it was handed out."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [RECEIPT]}
    )

    receipt_id: UUID
    erased_at: Instant
    finished_at: Instant
    deleted: RowsByTable
    remaining: RowsByTable
    signature: str = Field(max_length=200)
