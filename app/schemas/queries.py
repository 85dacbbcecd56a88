"""The query parameters. An unknown one is refused: a filter with a typo would answer for all."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.schemas.email import EmailAddress
from app.schemas.event import Name
from app.schemas.instant import INSTANT_MAX_CHARS
from app.schemas.names import normalise_name

DAYS_MAX = 3660
EVENTS_LIMIT_DEFAULT = 100
EVENTS_LIMIT_MAX = 1000
VALUES_MAX = 50  # of one repeated parameter
METADATA_MAX_CHARS = 8192
EXPORT_LIMIT_MAX = 1_000_000
AFTER_MAX_CHARS = 512

ExportFormat = Literal["ndjson", "csv", "parquet"]
FORMAT_DESCRIPTION = "One JSON object a line, RFC 4180, or Apache Parquet."
AFTER_DESCRIPTION = (
    "Go on after this event, with what follows it alone: "
    "`event_timestamp,event_id,user_email` of the last whole line that was received."
)
CURSOR_MAX_CHARS = 512

NormalName = Annotated[Name, AfterValidator(normalise_name)]

Values: Any = Field(default_factory=list, max_length=VALUES_MAX)


def one(description: str) -> Any:
    """A list, so that a second value is refused: of a plain field, the last one would win."""
    return Field(default_factory=list, max_length=1, description=description)


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WindowQuery(Query):
    days: int | None = Field(
        default=None,
        ge=1,
        le=DAYS_MAX,
        description="The last so many times 24 hours. Not together with start and end.",
    )
    start: str | None = Field(
        default=None,
        max_length=INSTANT_MAX_CHARS,
        description="From then on: ISO 8601; a date is midnight in `tz`.",
        examples=["2026-11-01"],
    )
    end: str | None = Field(
        default=None,
        max_length=INSTANT_MAX_CHARS,
        description="Until before then; by default now.",
    )
    tz: str = Field(
        default="UTC",
        max_length=64,
        description="The IANA time zone in which days and hours are cut.",
        examples=["Europe/London"],
    )


class StreamQuery(Query):
    """Which events. Repeated parameters mean any-of, different ones all-of."""

    user_email: Annotated[list[EmailAddress], Values]
    event_category: Annotated[list[NormalName], Values]
    event_type: Annotated[list[NormalName], Values]
    event_action: Annotated[list[NormalName], Values]
    entity_type: Annotated[list[NormalName], Values]
    entity_id: Annotated[list[NormalName], Values]
    session_id: Annotated[list[NormalName], Values]
    device_type: Annotated[list[NormalName], Values]
    metadata: str | None = Field(
        default=None,
        max_length=METADATA_MAX_CHARS,
        description="A JSON object that the event's metadata must contain, of at most 50 values.",
        examples=['{"priority": "high"}'],
    )


class EventFilterQuery(WindowQuery, StreamQuery):
    """Which events, and of when."""


class EventQuery(EventFilterQuery):
    limit: int = Field(default=EVENTS_LIMIT_DEFAULT, ge=1, le=EVENTS_LIMIT_MAX)
    cursor: str | None = Field(default=None, max_length=CURSOR_MAX_CHARS)
    order: Literal["asc", "desc"] = Field(
        default="desc",
        description="`desc` is newest first. Of one moment, events are in the order of their "
        "`session_seq` (those without one come first), then of `received_at`.",
    )


class SessionQuery(Query):
    user_email: Annotated[
        list[EmailAddress], one("Whose session, where several users have one of this id.")
    ]
    limit: int = Field(default=EVENTS_LIMIT_DEFAULT, ge=1, le=EVENTS_LIMIT_MAX)
    cursor: str | None = Field(default=None, max_length=CURSOR_MAX_CHARS)


class NamedSessionQuery(SessionQuery):
    session_id: NormalName = Field(description="The session's id.", examples=["s-7f3a"])


class SessionsQuery(WindowQuery):
    user_email: Annotated[list[EmailAddress], Values]
    limit: int = Field(default=EVENTS_LIMIT_DEFAULT, ge=1, le=EVENTS_LIMIT_MAX)
    # A session's id is part of it.
    cursor: str | None = Field(default=None, max_length=2 * CURSOR_MAX_CHARS)


class UserQuery(Query):
    user_email: Annotated[
        list[EmailAddress], one("Whose; a user token's own user needs no naming.")
    ]


class ExportQuery(EventFilterQuery):
    format: ExportFormat = Field(default="ndjson", description=FORMAT_DESCRIPTION)
    after: str | None = Field(
        default=None, max_length=AFTER_MAX_CHARS, description=AFTER_DESCRIPTION
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=EXPORT_LIMIT_MAX,
        description="End after so many events; by default all. As many as that: ask for more with "
        "`after`.",
    )


class PrivacyExportQuery(UserQuery):
    format: ExportFormat = Field(default="ndjson", description=FORMAT_DESCRIPTION)
    after: str | None = Field(
        default=None, max_length=AFTER_MAX_CHARS, description=AFTER_DESCRIPTION
    )


class CleanupQuery(Query):
    days: int | None = Field(
        default=None,
        ge=0,
        le=DAYS_MAX,
        description="Delete events older than so many days; by default the retention setting, or, "
        "with `user_email`, everything of that user.",
    )
    user_email: Annotated[list[EmailAddress], one("Only this user's events.")]
    dry_run: bool = Field(default=False, description="Count, and delete nothing.")
