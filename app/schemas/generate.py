"""Bodies of the routes that generate, and what they answer with."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from app.schemas.answers import Answer, example
from app.schemas.email import EmailAddress
from app.schemas.examples import AT, ID
from app.schemas.insights import TOKENS_MAX
from app.schemas.queries import WindowQuery

TOKENS_MIN = 200
TITLE_MAX_CHARS = 500
DESCRIPTION_MAX_CHARS = 5000


class GenerateIn(WindowQuery):
    model_config = ConfigDict(strict=True)

    user_email: EmailAddress | None = Field(
        default=None, description="Whose; a user token's own user needs no naming."
    )
    max_tokens: int = Field(
        default=2000,
        ge=TOKENS_MIN,
        le=TOKENS_MAX,
        description="The context, from which all is generated, has at most so many tokens.",
    )


class StandupIn(GenerateIn):
    """The last day of the window is today; by default the last 14 x 24 hours."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_email": "ada@example.com", "tz": "Europe/London"}]}
    )


class ProjectWizardIn(GenerateIn):
    """By default, of the last 60 x 24 hours."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_email": "ada@example.com", "title": "Office move"}]}
    )

    title: str | None = Field(default=None, max_length=TITLE_MAX_CHARS, description="Its title.")
    description: str | None = Field(
        default=None, max_length=DESCRIPTION_MAX_CHARS, description="What it is about."
    )


class EmailCategorizationIn(GenerateIn):
    """By default, of the last 60 x 24 hours."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"user_email": "ada@example.com", "subject": "Invoice 2026-117"}]
        }
    )

    subject: str | None = Field(
        default=None, max_length=TITLE_MAX_CHARS, description="The subject of the email."
    )


class ClaimOut(Answer):
    text: str = Field(description="One sentence.")
    cites: list[int] = Field(description="The numbers of `citations` that it rests on.")
    event_ids: list[UUID] = Field(description="The user's events behind it, the latest first.")


class CitationOut(Answer):
    number: int = Field(description="Its number in the context.")
    text: str
    event_ids: list[UUID] = Field(description="Of the events that it is about, the latest first.")
    events: int = Field(description="How many those are, listed or not.")


class SuggestionOut(Answer):
    value: str = Field(description="A priority or label that the user has used before.")
    text: str = Field(description="Why.")
    cites: list[int]
    event_ids: list[UUID]


class GeneratedAnswer(Answer):
    """What all of them have, after their own."""

    citations: list[CitationOut] = Field(description="The lines that are cited, in order.")
    generated_by: str = Field(
        description="The model, or `composer`: the rules that answer where no model is configured, "
        "or where it failed."
    )
    note: str | None = Field(description="Why it is the composer's although there is a model.")
    rejected: int = Field(description="Claims of the model that did not hold, and were left out.")
    start: datetime
    end: datetime
    timezone: str
    context_hash: str = Field(
        description="Of the context: while it is the same, there is nothing new to generate from."
    )
    events_read: int
    truncated: bool = Field(description="Older events of the window were left out.")
    opted_out: bool = Field(description="The user doesn't want this: there is nothing.")


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


class StandupAnswer(GeneratedAnswer):
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

    user_email: str
    day: date = Field(description="Today: the last day of the window.")
    last_active_day: date | None = Field(
        description="What `yesterday` is about: the last day before on which the user worked."
    )
    yesterday: list[ClaimOut]
    today: list[ClaimOut] = Field(description="Done today so far, and what comes next.")
    blockers: list[ClaimOut] = Field(description="What is open for long, or has stopped moving.")
    one_thing: ClaimOut | None = Field(description="What to do first.")


class HintsAnswer(GeneratedAnswer):
    model_config = example(
        user_email="ada@example.com",
        hints=[CLAIM],
        suggestion={"value": "high", **CLAIM},
        **REST,
    )

    user_email: str
    hints: list[ClaimOut]
    suggestion: SuggestionOut | None = Field(
        description="The priority for the project, or the label for the email."
    )
