"""Responses of the routes that log and list events, and of errors."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.schemas.examples import AT, BATCH, EVENT, ID, LISTED_SESSION, SESSION
from app.schemas.fields import KnownUserEmail, NextCursor, plain


class ApiModel(BaseModel):
    model_config = ConfigDict(from_attributes=True)


def example(**fields: Any) -> ConfigDict:
    """Return a model's configuration with an example for the OpenAPI document."""
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [fields]})


ServerTime = Annotated[datetime, plain("Time on the server's clock.")]
SessionId = Annotated[str, plain("Session id.")]


class WarningOut(ApiModel):
    """A change that was made to an event before it was stored."""

    code: str = plain("Stable code of the warning.")
    field: str = plain("Path of the field, such as `metadata.cart.total`.")
    message: str = plain("Description of what was changed.")


class EventResultOut(ApiModel):
    """The result of an event that was not accepted without a warning."""

    index: int = Field(description="Position of the event in the request's `events`, from 0.")
    event_id: str | None = Field(description="Id of the event; null if it has no valid one.")
    status: Literal["accepted", "duplicate", "suppressed", "rejected"] = Field(
        description="`accepted`: stored. `duplicate`: already stored. `suppressed`: not stored, "
        "because the user opted out or was erased. `rejected`: invalid."
    )
    code: str | None = Field(
        description="Reason for a rejection. `admin` keys and the user's own token also get the "
        "reason for a suppression."
    )
    field: str | None = Field(description="Field that caused a rejection.")
    message: str | None = Field(description="Description of the error in that field.")
    warnings: list[WarningOut] = Field(
        description="Changes that were made to the event before it was stored."
    )


class BatchResponse(ApiModel):
    """The counts of a batch, and the result of every event that is a duplicate, suppressed,
    rejected or has warnings."""

    model_config = example(**BATCH)

    batch_id: str = Field(description="Id of the batch: the client's, or a generated one.")
    received: int = Field(description="Number of events in the request.")
    accepted: int = Field(description="Number of events that were stored.")
    duplicates: int = Field(description="Number of events that were already stored.")
    suppressed: int = Field(
        description="Number of events not stored because their user opted out or was erased."
    )
    rejected: int = Field(description="Number of invalid events.")
    server_time: ServerTime
    results: list[EventResultOut] = Field(
        description="Results of all other events, in the order of the request. Events accepted "
        "without a warning are not listed."
    )
    warnings: list[WarningOut] = Field(
        description="Warnings about the batch itself, not about single events."
    )


class SingleResponse(ApiModel):
    model_config = example(event_id=ID, status="accepted", server_time=AT, warnings=[])

    event_id: str = plain("Id of the event: the client's, or a generated one.")
    status: Literal["accepted", "duplicate", "suppressed"] = plain(
        "`accepted`: stored. `duplicate`: already stored. `suppressed`: not stored, because the "
        "user opted out or was erased."
    )
    server_time: ServerTime
    warnings: list[WarningOut] = plain("Changes made to the event before it was stored.")


class ErrorDetail(ApiModel):
    code: str = Field(
        description="Stable code of the error, for programs.", examples=["invalid_request"]
    )
    message: str = Field(description="Description of the error, for people.")
    details: dict[str, Any] = Field(
        description="Further information that depends on the code. If parameters or fields are "
        "invalid, `fields` lists them, each with a `message`."
    )


class ErrorResponse(ApiModel):
    model_config = example(
        error={
            "code": "invalid_request",
            "message": "days: give either days, or start and end",
            "details": {},
        }
    )

    error: ErrorDetail = Field(description="The error.")


class RejectedBatchResponse(BatchResponse):
    """A batch without any valid event: the usual response to a batch, and an error."""

    model_config = example(
        **BATCH | {"accepted": 0},
        error={
            "code": "all_rejected",
            "message": "None of the 2 events is valid. `results` lists the reasons.",
            "details": {},
        },
    )

    error: ErrorDetail = Field(description="The error.")


class EventOut(ApiModel):
    event_id: UUID = plain("Id of the event.")
    user_email: KnownUserEmail
    event_timestamp: datetime = plain("Time of the event, in UTC.")
    event_type: str = plain("Type of the event, such as `project_created`.")
    event_category: str = plain("Category of the event, such as `project`.")
    event_action: str = plain("Action of the event, such as `created`.")
    entity_type: str | None = plain("Type of the entity the event is about.")
    entity_id: str | None = plain("Id of the entity the event is about.")
    metadata: dict[str, Any] = plain("Additional data about the event.")
    session_id: str | None = plain("Id of the user's session.")
    session_seq: int | None = plain("Sequence number of the event in its session.")
    device_type: str | None = plain("Type of the device, such as `desktop`.")
    context_snapshot: dict[str, Any] | None = plain(
        "State of the application at the time of the event."
    )
    duration_ms: int | None = plain("Duration in milliseconds.")
    received_at: datetime = Field(
        description="Time of receipt. It increases by a microsecond for each event of a batch, so "
        "that it orders events with the same timestamp."
    )


class EventPageResponse(ApiModel):
    model_config = example(events=[EVENT], next_cursor=None)

    events: list[EventOut] = plain("A page of events.")
    next_cursor: NextCursor


class ListedSessionOut(ApiModel):
    session_id: SessionId
    user_email: KnownUserEmail
    started_at: datetime = plain("Time of the first event.")
    ended_at: datetime = plain("Time of the last event.")
    duration_ms: int = plain("Time from the first to the last event, in milliseconds.")
    total_events: int = plain("Number of events in the session.")


class SessionSummaryOut(ListedSessionOut):
    events_by_type: dict[str, int] = plain(
        "Number of events of each type in the session, in descending order."
    )
    device_type: str | None = plain("Type of the device of the latest event that has one.")
    first_page: str | None = plain("Page of the first `page_viewed` event.")
    last_page: str | None = plain("Page of the last `page_viewed` event.")


class SessionPageResponse(ApiModel):
    model_config = example(sessions=[LISTED_SESSION], next_cursor=None)

    sessions: list[ListedSessionOut] = Field(description="A page of sessions, newest first.")
    next_cursor: NextCursor


class SessionResponse(ApiModel):
    model_config = example(session_id="s-7f3a", summary=SESSION, events=[EVENT], next_cursor=None)

    session_id: SessionId
    summary: SessionSummaryOut = plain("Summary of the whole session.")
    events: list[EventOut] = plain("A page of the session's events, oldest first.")
    next_cursor: NextCursor
