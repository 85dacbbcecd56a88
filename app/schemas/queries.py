"""Query parameters. Unknown ones are rejected: a mistyped filter would return everything."""

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
CURSOR_MAX_CHARS = 512

ExportFormat = Literal["ndjson", "csv", "parquet"]
FORMAT_DESCRIPTION = (
    "File format: `ndjson` (one JSON object per line), `csv` (RFC 4180) or `parquet` (Apache "
    "Parquet)."
)
AFTER_DESCRIPTION = (
    "Resume after this event: `event_timestamp,event_id,user_email` of the last complete line that "
    "was received."
)
CURSOR_DESCRIPTION = "The `next_cursor` of the previous page."

NormalName = Annotated[Name, AfterValidator(normalise_name)]


def many(description: str) -> Any:
    """Return a parameter that may be repeated; any of its values matches."""
    return Field(default_factory=list, max_length=VALUES_MAX, description=description)


def one(description: str) -> Any:
    """Return a parameter that takes a single value.

    It is a list so that a second value is rejected: a plain field would silently use the last one.
    """
    return Field(default_factory=list, max_length=1, description=description)


Users = Annotated[
    list[EmailAddress],
    many(
        "Only these users, by email address. Repeat the parameter for several users; omit it for "
        "all users. With a user token it can only be the token's own user, who is the default."
    ),
]
OneUser = Annotated[
    list[EmailAddress],
    one("Email address of the user. Required with a key; optional with a user token."),
]
PageLimit = Annotated[
    int, Field(ge=1, le=EVENTS_LIMIT_MAX, description="Maximum number of items on a page.")
]


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WindowQuery(Query):
    days: int | None = Field(
        default=None,
        ge=1,
        le=DAYS_MAX,
        description="Time window: the last N times 24 hours. Cannot be combined with `start` or "
        "`end`.",
    )
    start: str | None = Field(
        default=None,
        max_length=INSTANT_MAX_CHARS,
        description="Start of the time window, inclusive: ISO 8601. A date means midnight in `tz`.",
        examples=["2026-11-01"],
    )
    end: str | None = Field(
        default=None,
        max_length=INSTANT_MAX_CHARS,
        description="End of the time window, exclusive: ISO 8601. Requires `start`; the default is "
        "now.",
    )
    tz: str = Field(
        default="UTC",
        max_length=64,
        description="IANA time zone in which days and hours are computed.",
        examples=["Europe/London"],
    )


class StreamQuery(Query):
    """Filters of events. Values of one parameter are combined with OR, parameters with AND."""

    user_email: Users
    event_category: Annotated[
        list[NormalName], many("Only events of these categories. Repeatable.")
    ]
    event_type: Annotated[list[NormalName], many("Only events of these types. Repeatable.")]
    event_action: Annotated[list[NormalName], many("Only events with these actions. Repeatable.")]
    entity_type: Annotated[
        list[NormalName], many("Only events about entities of these types. Repeatable.")
    ]
    entity_id: Annotated[
        list[NormalName], many("Only events about the entities with these ids. Repeatable.")
    ]
    session_id: Annotated[
        list[NormalName], many("Only events of the sessions with these ids. Repeatable.")
    ]
    device_type: Annotated[
        list[NormalName], many("Only events from these types of device. Repeatable.")
    ]
    metadata: str | None = Field(
        default=None,
        max_length=METADATA_MAX_CHARS,
        description="Only events whose metadata contains this JSON object, which may hold at most "
        "50 values.",
        examples=['{"priority": "high"}'],
    )


class EventFilterQuery(WindowQuery, StreamQuery):
    """Filters of events and a time window."""


class EventQuery(EventFilterQuery):
    limit: PageLimit = EVENTS_LIMIT_DEFAULT
    cursor: str | None = Field(
        default=None, max_length=CURSOR_MAX_CHARS, description=CURSOR_DESCRIPTION
    )
    order: Literal["asc", "desc"] = Field(
        default="desc",
        description="Sort order: `desc` is newest first. Events with the same timestamp are "
        "ordered by `session_seq` (events without one come first), then by `received_at`.",
    )


class SessionQuery(Query):
    user_email: Annotated[
        list[EmailAddress],
        one("Email address of the session's user. Required if several users have a session with "
            "this id."),
    ]  # fmt: skip
    limit: PageLimit = EVENTS_LIMIT_DEFAULT
    cursor: str | None = Field(
        default=None, max_length=CURSOR_MAX_CHARS, description=CURSOR_DESCRIPTION
    )


class NamedSessionQuery(SessionQuery):
    session_id: NormalName = Field(description="Session id.", examples=["s-7f3a"])


class SessionsQuery(WindowQuery):
    user_email: Users
    limit: PageLimit = EVENTS_LIMIT_DEFAULT
    # The cursor contains the id of a session.
    cursor: str | None = Field(
        default=None, max_length=2 * CURSOR_MAX_CHARS, description=CURSOR_DESCRIPTION
    )


class UserQuery(Query):
    user_email: OneUser


class ExportQuery(EventFilterQuery):
    format: ExportFormat = Field(default="ndjson", description=FORMAT_DESCRIPTION)
    after: str | None = Field(
        default=None, max_length=AFTER_MAX_CHARS, description=AFTER_DESCRIPTION
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=EXPORT_LIMIT_MAX,
        description="Maximum number of events; the default is all. If the file holds exactly this "
        "many, continue with `after`.",
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
        description="Delete events older than this many days. The default is the configured "
        "retention; with `user_email` it is everything about that user.",
    )
    user_email: Annotated[list[EmailAddress], one("Delete only the events of this user.")]
    dry_run: bool = Field(default=False, description="Count the events without deleting them.")
