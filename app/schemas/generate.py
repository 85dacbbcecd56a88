"""Bodies and responses of the routes that generate text."""

from datetime import date
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.email import EmailAddress
from app.schemas.examples import AT, ID
from app.schemas.fields import (
    EventsRead,
    EvidenceEventCount,
    OlderTruncated,
    OptedOut,
    Timezone,
    UserEmail,
    WindowEnd,
    WindowStart,
)
from app.schemas.insights import TOKENS_MAX, EvidenceIds
from app.schemas.queries import WindowQuery
from app.schemas.responses import ApiModel, example

TOKENS_MIN = 200
TITLE_MAX_CHARS = 500
DESCRIPTION_MAX_CHARS = 5000

Cites = Annotated[list[int], Field(description="Numbers of the `citations` that support the text.")]


class GenerateIn(WindowQuery):
    model_config = ConfigDict(strict=True)

    user_email: EmailAddress | None = Field(
        default=None,
        description="Email address of the user. Required with a key; optional with a user token.",
    )
    max_tokens: int = Field(
        default=2000,
        ge=TOKENS_MIN,
        le=TOKENS_MAX,
        description="Maximum number of tokens of the context that the text is generated from.",
    )


class StandupIn(GenerateIn):
    """The window ends today; the default is the last 14 times 24 hours."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_email": "ada@example.com", "tz": "Europe/London"}]}
    )


class ProjectWizardIn(GenerateIn):
    """The default window is the last 60 times 24 hours."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_email": "ada@example.com", "title": "Office move"}]}
    )

    title: str | None = Field(
        default=None, max_length=TITLE_MAX_CHARS, description="Title of the new project."
    )
    description: str | None = Field(
        default=None,
        max_length=DESCRIPTION_MAX_CHARS,
        description="Description of the new project.",
    )


class EmailCategorizationIn(GenerateIn):
    """The default window is the last 60 times 24 hours."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"user_email": "ada@example.com", "subject": "Invoice 2026-117"}]
        }
    )

    subject: str | None = Field(
        default=None, max_length=TITLE_MAX_CHARS, description="Subject of the email."
    )


class ClaimOut(ApiModel):
    text: str = Field(description="One sentence.")
    cites: Cites
    event_ids: EvidenceIds


class CitationOut(ApiModel):
    number: int = Field(description="Number of the line in the context.")
    text: str = Field(description="The cited line.")
    event_ids: EvidenceIds
    events: EvidenceEventCount


class HintSuggestion(ApiModel):
    value: str = Field(description="Priority or label that the user has used before.")
    text: str = Field(description="Reason for the suggestion.")
    cites: Cites
    event_ids: EvidenceIds


class GeneratedResponse(ApiModel):
    """The fields that all generated responses share."""

    citations: list[CitationOut] = Field(
        description="Lines of the context that are cited, in order."
    )
    generated_by: str = Field(
        description="Name of the language model, or `composer` for the rule-based generator, which "
        "is used if no model is configured or the model failed."
    )
    note: str | None = Field(
        description="Reason why the rule-based generator was used although a model is configured."
    )
    rejected: int = Field(
        description="Number of claims of the model that were removed as unsupported."
    )
    start: WindowStart
    end: WindowEnd
    timezone: Timezone
    context_hash: str = Field(
        description="Hash of the context. As long as it is unchanged, there is no need to generate "
        "again."
    )
    events_read: EventsRead
    truncated: OlderTruncated
    opted_out: OptedOut


CLAIM: dict[str, Any] = {"text": "Reached a goal of project \"Office move\".", "cites": [2],
                         "event_ids": [ID]}  # fmt: skip
CITATION: dict[str, Any] = {
    "number": 2,
    "text": "Thu 19 Nov 16:45 project goal completed project 42",
    "event_ids": [ID],
    "events": 1,
}
REST: dict[str, Any] = {
    "citations": [CITATION],
    "generated_by": "composer",
    "note": None,
    "rejected": 0,
    "start": AT,
    "end": AT,
    "timezone": "UTC",
    "context_hash": "0" * 64,
    "events_read": 1,
    "truncated": False,
    "opted_out": False,
}


class StandupResponse(GeneratedResponse):
    model_config = example(
        user_email="ada@example.com",
        day="2026-11-20",
        last_active_day="2026-11-19",
        yesterday=[CLAIM],
        today=[],
        blockers=[],
        one_thing=None,
        **REST,
    )

    user_email: UserEmail
    day: date = Field(description="Day of the standup: the last day of the window.")
    last_active_day: date | None = Field(
        description="Day that `yesterday` is about: the user's last active day before `day`."
    )
    yesterday: list[ClaimOut] = Field(description="Work done on the last active day.")
    today: list[ClaimOut] = Field(description="Work done today so far, and planned next.")
    blockers: list[ClaimOut] = Field(description="Work that has been open for long, or stalled.")
    one_thing: ClaimOut | None = Field(description="The most important next action.")


class HintsResponse(GeneratedResponse):
    model_config = example(
        user_email="ada@example.com",
        hints=[CLAIM],
        suggestion={"value": "high", **CLAIM},
        **REST,
    )

    user_email: UserEmail
    hints: list[ClaimOut] = Field(description="Hints from the user's own history.")
    suggestion: HintSuggestion | None = Field(
        description="Suggested priority of the project, or label of the email."
    )
